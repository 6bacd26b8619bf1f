//! A node registers: as a newcomer, as one that comes back, or as a new process in the place of an old one.

use annulet_ring::{NodeId, NodeRef};

use super::failure::Purpose;
use super::{
    Decision, Effect, LinkId, MEMBERS_MAX, Member, Naming, ProbeOutcome, StoredMember, Trial,
    WEIGHT_MAX,
};
use crate::message::{MemberInfo, MemberState, PROTOCOL_VERSION, Refusal, Registration, ToNode};

/// Epochs beyond this are not believed: nothing could be issued above them for long.
const EPOCH_REPORTED_MAX: u64 = 1 << 62;

/// A new incarnation of a member; it waits for the verdict on the old one.
#[derive(Debug, Clone, Hash)]
pub(super) struct Takeover {
    link: LinkId,
    registration: Registration,
    /// The incarnation whose place it would take.
    old: NodeRef,
    pub(super) trial: Trial,
}

impl Takeover {
    /// Whether the old incarnation is gone. Another process at its address is proof enough.
    pub(super) fn is_won(&self) -> bool {
        self.trial.is_over() || self.trial.found_another()
    }
}

impl Naming {
    pub(super) fn register(&mut self, now_ms: u64, link: LinkId, registration: Registration) {
        if let Some((refusal, reason)) = self.objection(now_ms, &registration) {
            return self.refuse(link, &registration.node, refusal, reason);
        }
        let is_welcome = self.take_report(now_ms, link, &registration);
        self.respect_epochs(&registration);
        if !is_welcome {
            // It asks again, and by then it may be known who has its place.
            return self.then(Effect::CloseLink(link));
        }
        let node = &registration.node;
        let left = self.departed.iter().find(|departed| departed.node == *node);
        match (self.members.get(&node.id), left) {
            (_, Some(departed)) if departed.dead => {
                let reason = format!(
                    "{node} was declared dead and its slots were given away; restart the process, it then joins as a new one"
                );
                self.refuse(link, &registration.node, Refusal::DeclaredDead, reason);
            }
            (_, Some(_)) => self.repeat_farewell(link),
            (Some(member), None) if member.node() == node => {
                self.welcome_back(now_ms, link, &registration)
            }
            (Some(member), None) => {
                let takeover = Takeover {
                    link,
                    old: member.node().clone(),
                    registration,
                    trial: Trial::new(now_ms),
                };
                self.begin_takeover(now_ms, takeover);
            }
            (None, None) => self.admit(now_ms, link, &registration),
        }
    }

    /// Why the registration cannot be accepted from anybody.
    fn objection(&self, now_ms: u64, registration: &Registration) -> Option<(Refusal, String)> {
        let Registration { protocol, cluster_id, addresses, weight, generation_max, .. } =
            registration;
        if *protocol != PROTOCOL_VERSION {
            let reason = format!(
                "the node speaks version {protocol} of the control protocol and this NameNode version {PROTOCOL_VERSION}; run the same release on both"
            );
            return Some((Refusal::OtherProtocol, reason));
        }
        if let Some(theirs) =
            cluster_id.as_ref().filter(|&theirs| *theirs != self.identity.cluster_id)
        {
            let reason = format!(
                "the node belongs to cluster {theirs} and this NameNode serves cluster {}; check the NameNode's address, or restart the node to join this one",
                self.identity.cluster_id
            );
            return Some((Refusal::OtherCluster, reason));
        }
        let ours = self.identity.generation;
        let invalid = if self.is_superseded_by(now_ms, registration) {
            format!(
                "the node has obeyed generation {generation_max} of another NameNode and this one is {ours}: two NameNodes run; stop the wrong one"
            )
        } else if let Some(address) =
            [&addresses.client, &addresses.cluster, &addresses.peer, &addresses.drain]
                .into_iter()
                .find(|address| !is_host_and_port(address))
        {
            format!("{address:?} is no address that others can use; announce host:port")
        } else if !(1..=WEIGHT_MAX).contains(weight) {
            format!("a weight of {weight} is out of range; choose 1 to {WEIGHT_MAX}, 100 is usual")
        } else if let Some(epoch) = registration.epochs().find(|epoch| epoch.0 > EPOCH_REPORTED_MAX)
        {
            format!("epoch {epoch} was never issued; restart the node")
        } else if self.members.len() >= MEMBERS_MAX
            && !self.members.contains_key(&registration.node.id)
        {
            format!("the cluster has {MEMBERS_MAX} members, which is the limit; drain one first")
        } else {
            return None;
        };
        Some((Refusal::Invalid, invalid))
    }

    fn refuse(&mut self, link: LinkId, node: &NodeRef, refusal: Refusal, reason: String) {
        self.note(format!("{node}: refused: {reason}"));
        self.send(link, ToNode::Refused { refusal, reason });
        self.then(Effect::CloseLink(link));
    }

    /// R10: a reported epoch above all of ours was issued by a NameNode whose decisions we do not have.
    fn respect_epochs(&mut self, registration: &Registration) {
        let reported = registration.epoch_max;
        if reported > self.slots.epoch_max().max(self.epoch_floor) {
            self.epoch_floor = reported;
            self.write_down(Decision::EpochFloor(reported));
            self.note(format!(
                "{} has seen epoch {reported}, which this NameNode's store does not know: the store is an old copy; new epochs start above it",
                registration.node
            ));
        }
    }

    /// A node that left may have missed the word that it may stop.
    fn repeat_farewell(&mut self, link: LinkId) {
        self.welcome(link);
        self.send(link, ToNode::Drained);
    }

    fn admit(&mut self, now_ms: u64, link: LinkId, registration: &Registration) {
        let info = member_info(registration);
        self.put_member(&info, false);
        self.note(format!("{}: joins at {}", info.node, info.addresses.client));
        let member = Member::new(StoredMember { info, stay: false }, now_ms);
        self.members.insert(registration.node.id.clone(), member);
        self.attach(now_ms, link, &registration.node);
        self.replan();
    }

    /// The same process on a new link. What it had under way may have been lost with the old one: its attempts are
    /// void, and the raised epochs in its WELCOME tell it so.
    fn welcome_back(&mut self, now_ms: u64, link: LinkId, registration: &Registration) {
        let node = &registration.node;
        let Some(member) = self.members.get_mut(&node.id) else { return };
        // The weight may have been changed since the process started with its own.
        let MemberInfo { state, weight, .. } = member.info;
        let fresh = MemberInfo { state, weight, ..member_info(registration) };
        if member.info != fresh {
            member.info = fresh.clone();
            let stay = member.stay;
            self.put_member(&fresh, stay);
        }
        self.abort_where(|batch| batch.source == *node);
        self.attach(now_ms, link, node);
        self.note(format!("{node}: is back"));
        let Some(member) = self.members.get(&node.id) else { return };
        let stay = member.stay;
        match member.info.state {
            MemberState::Joining | MemberState::Active => {}
            MemberState::Draining => self.send(link, ToNode::Leaving { refused: None, stay }),
            MemberState::Drained => self.send(link, ToNode::Drained),
        }
        self.replan();
    }

    /// Makes `link` the link of a member and welcomes the node on it.
    fn attach(&mut self, now_ms: u64, link: LinkId, node: &NodeRef) {
        self.formation.start(now_ms + self.options.formation_ms);
        self.memory.obeyed |= !self.is_amnesic();
        let Some(member) = self.members.get_mut(&node.id) else { return };
        member.heard_ms = Some(now_ms);
        member.acknowledged = 0;
        member.trial = None;
        member.absence_noted = false;
        let replaced = member.link.replace(link).filter(|&old| old != link);
        // A connection that registers as somebody else stops speaking for the first one.
        if let Some(other) =
            self.links.insert(link, node.id.clone()).filter(|other| *other != node.id)
            && let Some(other) = self.members.get_mut(&other)
        {
            other.link = None;
        }
        if let Some(old) = replaced {
            self.links.remove(&old);
            self.then(Effect::CloseLink(old));
        }
        self.welcome(link);
    }

    fn begin_takeover(&mut self, now_ms: u64, takeover: Takeover) {
        let id = takeover.registration.node.id.clone();
        self.note(format!(
            "{}: registers while {} holds its id; asking that one",
            takeover.registration.node, takeover.old
        ));
        let link = takeover.link;
        if let Some(earlier) =
            self.takeovers.insert(id, takeover).filter(|earlier| earlier.link != link)
        {
            self.then(Effect::CloseLink(earlier.link));
        }
        self.pursue_takeovers(now_ms);
    }

    /// Sends the probes that are due to incarnations whose place is wanted.
    pub(super) fn pursue_takeovers(&mut self, now_ms: u64) {
        let due: Vec<NodeRef> = self
            .takeovers
            .values_mut()
            .filter_map(|takeover| takeover.trial.take_probe(now_ms).then(|| takeover.old.clone()))
            .collect();
        for old in due {
            if let Some(address) =
                self.members.get(&old.id).map(|member| member.info.addresses.peer.clone())
            {
                self.probe(Purpose::Takeover, address, old);
            }
        }
    }

    /// A probe of the old incarnation is over.
    pub(super) fn takeover_probed(&mut self, old: &NodeRef, lives: bool, outcome: ProbeOutcome) {
        let Some(takeover) =
            self.takeovers.get_mut(&old.id).filter(|takeover| takeover.old == *old)
        else {
            return;
        };
        if !lives {
            return takeover.trial.fail(outcome);
        }
        let Some(Takeover { link, registration, .. }) = self.takeovers.remove(&old.id) else {
            return;
        };
        let reason = format!(
            "a process that lives at {} holds the id {}; choose another one with --id, or stop that process",
            self.members
                .get(&old.id)
                .map_or("another address", |member| &member.info.addresses.client),
            old.id
        );
        self.refuse(link, &registration.node, Refusal::IdTaken, reason);
    }

    /// Lets those in whose predecessors are gone.
    pub(super) fn conclude_takeovers(&mut self, now_ms: u64) {
        let concluded: Vec<NodeId> = self
            .takeovers
            .iter()
            .filter(|(_, takeover)| takeover.is_won())
            .map(|(id, _)| id.clone())
            .collect();
        for id in concluded {
            let Some(Takeover { link, registration, old, .. }) = self.takeovers.remove(&id) else {
                continue;
            };
            if self.members.get(&id).is_some_and(|member| *member.node() == old) {
                self.replace(now_ms, link, &registration);
            } else {
                self.register(now_ms, link, registration);
            }
        }
    }

    /// R9: the old incarnation is dead, and with it what its slots held. The new one takes its place on the ring and
    /// its slots, empty, under higher epochs; nothing has to move for that.
    fn replace(&mut self, now_ms: u64, link: LinkId, registration: &Registration) {
        let Some(member) = self.members.remove(&registration.node.id) else { return };
        let old = member.node().clone();
        if let Some(old_link) = member.link {
            self.links.remove(&old_link);
            self.then(Effect::CloseLink(old_link));
        }
        self.bury(&old, true);
        self.abort_moves_of(&old);
        let slots = self.slots.slots_of(Some(&old));
        for slot in slots.iter() {
            self.begin_anew(slot, Some(registration.node.clone()));
        }
        self.note(format!(
            "{old}: dead, another process took its place; its {} slots start again empty",
            slots.len()
        ));
        self.admit(now_ms, link, registration);
    }

    /// A link that closes takes the wish that came over it along.
    pub(super) fn forget_takeover(&mut self, link: LinkId) {
        self.takeovers.retain(|_, takeover| takeover.link != link);
    }
}

pub(super) fn member_info(registration: &Registration) -> MemberInfo {
    MemberInfo {
        node: registration.node.clone(),
        addresses: registration.addresses.clone(),
        state: MemberState::Joining,
        weight: registration.weight,
        pid: registration.pid,
    }
}

fn is_host_and_port(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let host_is_usable =
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
    host_is_usable && port.parse::<u16>().is_ok_and(|port| port != 0)
}
