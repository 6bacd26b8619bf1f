//! R10: what nodes say when they register, compared with the store and learned from if that is an old copy.

use super::{Effect, GRACE_MS, MEMBERS_MAX, Member, Naming, SlotRecord, StoredMember};
use crate::message::{MemberInfo, Registration, SlotsConfig};

impl Naming {
    /// What in a registration was never decided by this store's NameNode.
    pub(super) fn sign_of_loss(&self, registration: &Registration) -> Option<String> {
        let Registration { generation_max, version, epoch_max, known, .. } = registration;
        if self.is_outranked_by(registration) {
            return Some(format!("has obeyed generation {generation_max} of another NameNode"));
        }
        if *version > self.version_floor() {
            return Some(format!("has applied version {version}"));
        }
        if *epoch_max > self.slots.epoch_max().max(self.epoch_floor) {
            return Some(format!("has seen epoch {epoch_max}"));
        }
        let slots = known.iter().flat_map(|part| part.slots.iter().map(|slot| (slot, part.epoch)));
        let mut later = slots.filter(|&(slot, epoch)| epoch > self.slots.get(slot).epoch);
        later.next().map(|(slot, epoch)| format!("knows slot {slot} at epoch {epoch}"))
    }

    /// Who was a member at a version that the store does not know is one, so that it is waited for and tried. Members that
    /// are missing there are not forgotten: they answer, or fail their trials.
    pub(super) fn learn_members(&mut self, now_ms: u64, registration: &Registration) {
        let Registration { version, members, .. } = registration;
        if *version <= self.version.max(self.memory.members_version) {
            return;
        }
        self.memory.members_version = *version;
        for info in members {
            let is_member = |id| self.members.get(id).is_some_and(|it| *it.node() == info.node);
            let has_departed = self.departed.iter().any(|left| left.node == info.node);
            if is_member(&info.node.id) || has_departed || self.members.len() >= MEMBERS_MAX {
                continue;
            }
            self.put_in_place(info, now_ms + GRACE_MS);
        }
    }

    /// A member that the store does not know, in the place of another one if the id had one.
    fn put_in_place(&mut self, info: &MemberInfo, trusted_until_ms: u64) {
        if let Some(old) = self.members.get(&info.node.id) {
            let (old, link) = (old.node().clone(), old.link);
            self.bury(&old, true);
            self.memory.reporters.remove(&old.id);
            if let Some(link) = link {
                self.links.remove(&link);
                self.then(Effect::CloseLink(link));
            }
        }
        self.put_member(info, false);
        let stored = StoredMember { info: info.clone(), stay: false };
        self.members.insert(info.node.id.clone(), Member::new(stored, trusted_until_ms));
    }

    /// While decisions are missing: whether this process is, or became meanwhile, the member of its id.
    pub(super) fn is_known_process(&mut self, now_ms: u64, registration: &Registration) -> bool {
        let Registration { node, addresses, version, .. } = registration;
        let Some(member) = self.members.get(&node.id) else { return *version > 0 };
        if member.node() == node {
            return true;
        }
        if member.info.addresses.peer != addresses.peer {
            return false;
        }
        // Another process has its address, so the one that is remembered is gone and holds nothing.
        self.memory.reporters.insert(node.id.clone());
        if *version == 0 {
            return false;
        }
        self.put_in_place(&super::register::member_info(registration), now_ms);
        true
    }

    pub(super) fn learn_from(&mut self, registration: &Registration) {
        self.memory.reporters.insert(registration.node.id.clone());
        for SlotsConfig { slots, epoch, owner, attempt, began } in &registration.known {
            for slot in slots.iter() {
                let known = self.memory.known.get(&slot).unwrap_or_else(|| self.slots.get(slot));
                let speaks_for_itself = owner.as_ref() == Some(&registration.node);
                if *epoch > known.epoch || (*epoch == known.epoch && speaks_for_itself) {
                    let (epoch, attempt, began) = (*epoch, *attempt, *began);
                    let record = SlotRecord { epoch, owner: owner.clone(), attempt, began };
                    self.memory.known.insert(slot, record);
                }
            }
        }
    }
}
