//! A member leaves: its slots move away first, and it goes when everybody knows where they are.

use annulet_ring::NodeId;

use super::{Answer, Effect, LinkId, Naming, RequestId};
use crate::message::{MemberState, ToNode};

impl Naming {
    /// An administrator asks. A drain that is under way or done already goes on: whoever asks too follows it.
    pub(super) fn drain_requested(&mut self, request: RequestId, id: &NodeId, stay: bool) {
        let started = self.drain(id, stay);
        let link = self.members.get(id).and_then(|member| member.link);
        if let (Ok(true), Some(link)) = (&started, link) {
            self.send(link, ToNode::Leaving { refused: None, stay });
        }
        let answer = started.map(drop);
        self.then(Effect::Answer { request, answer: Answer::Drain(answer) });
    }

    /// The node itself asks, perhaps once more.
    pub(super) fn leave(&mut self, link: LinkId, id: &NodeId, stay: bool) {
        let refused = self.drain(id, stay).err();
        let finished =
            self.members.get(id).is_some_and(|member| member.info.state == MemberState::Drained);
        self.send(link, ToNode::Leaving { refused, stay });
        if finished {
            self.send(link, ToNode::Drained);
        }
    }

    /// Starts a drain; `false` when just this is under way or done already.
    fn drain(&mut self, id: &NodeId, stay: bool) -> Result<bool, String> {
        if let Some(reason) = self.amnesia() {
            return Err(reason);
        }
        let others = self.members.iter().any(|(other, member)| other != id && member.has_share());
        let Some(member) = self.members.get_mut(id) else {
            return Err(format!("there is no node {id}; \"annulet nodes\" lists them"));
        };
        match member.info.state {
            MemberState::Draining | MemberState::Drained if member.stay == stay => {
                return Ok(false);
            }
            MemberState::Joining | MemberState::Active if !others => {
                return Err(format!(
                    "{id} is the last DataNode: its keys would have nowhere to go; start another one first"
                ));
            }
            MemberState::Joining
            | MemberState::Active
            | MemberState::Draining
            | MemberState::Drained => {}
        }
        member.info.state = MemberState::Draining;
        member.stay = stay;
        member.empty_at_version = None;
        let info = member.info.clone();
        self.put_member(&info, stay);
        self.note(format!(
            "{}: drains; {} slots have to leave it",
            info.node,
            self.slots.owned(id)
        ));
        self.replan();
        Ok(true)
    }

    /// Lets those go that own nothing any more, as soon as every other connected member has applied the configuration
    /// that says so: nobody asks them for a key after that.
    pub(super) fn finish_drains(&mut self) {
        let version = self.version + u64::from(self.turn.is_topology_change());
        let mut emptied = Vec::new();
        for (id, member) in &mut self.members {
            let is_empty = self.slots.owned(id) == 0 && !self.plan.touches(id);
            if member.info.state == MemberState::Draining && is_empty {
                emptied.push((id.clone(), *member.empty_at_version.get_or_insert(version)));
            }
        }
        for (id, version) in emptied {
            let mut others = self
                .members
                .iter()
                .filter(|(other, member)| **other != id && member.link.is_some());
            if others.all(|(_, member)| member.acknowledged >= version) {
                self.finish_drain(&id);
            }
        }
    }

    fn finish_drain(&mut self, id: &NodeId) {
        let Some(member) = self.members.get_mut(id) else { return };
        // Without a link it cannot be told; it comes back, or it turns out to be dead.
        let Some(link) = member.link else { return };
        let node = member.node().clone();
        if member.stay {
            member.info.state = MemberState::Drained;
            let info = member.info.clone();
            self.put_member(&info, true);
            self.note(format!("{node}: drained; it stays without slots"));
        } else {
            self.members.remove(id);
            self.links.remove(&link);
            self.bury(&node, false);
            self.note(format!("{node}: drained; it is no member any more"));
        }
        self.send(link, ToNode::Drained);
    }
}
