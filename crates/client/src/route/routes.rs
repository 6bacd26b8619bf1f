//! The slot table as the router knows it: what the NameNode said, amended by what nodes said since.

use annulet_ring::{SLOT_COUNT, Slot};

use super::NodeIndex;
use crate::topology::Topology;

/// Where the requests of one slot go.
#[derive(Debug, Clone, Copy, Default)]
struct Route {
    owner: Option<NodeIndex>,
    /// The NameNode's decision, and its epoch; 0 before the first.
    decided: Option<NodeIndex>,
    epoch: u64,
    /// The number of the hint that the owner rests on instead; 0 for none.
    hint: u64,
}

/// One route for each slot. A hint (MOVED, or what a DataNode says of others) holds until a decision with a higher epoch,
/// or until its node has left or cannot be reached.
#[derive(Debug)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    hints: u64,
    cluster_id: String,
}

impl Default for Routes {
    fn default() -> Self {
        let routes = vec![Route::default(); SLOT_COUNT];
        Self { routes, hints: 0, cluster_id: String::new() }
    }
}

impl Routes {
    pub(crate) fn owner(&self, slot: Slot) -> Option<NodeIndex> {
        self.routes[slot.index()].owner
    }

    /// Whether any slot is routed to this node.
    pub(crate) fn name(&self, node: NodeIndex) -> bool {
        self.routes.iter().any(|route| [route.owner, route.decided].contains(&Some(node)))
    }

    pub(crate) fn hints(&self) -> u64 {
        self.hints
    }

    /// A node said who owns this slot.
    pub(crate) fn hint(&mut self, slot: Slot, owner: NodeIndex) {
        self.hints += 1;
        let route = &mut self.routes[slot.index()];
        (route.owner, route.hint) = (Some(owner), self.hints);
    }

    /// Hints to this node have led nowhere: what was decided before holds again. Returns the slots that are routed
    /// elsewhere now.
    pub(crate) fn unhint(&mut self, node: NodeIndex) -> Vec<Slot> {
        let mut changed = Vec::new();
        for (slot, route) in Slot::all().zip(&mut self.routes) {
            let is_elsewhere = route.decided.is_some() && route.decided != Some(node);
            if route.hint != 0 && route.owner == Some(node) && is_elsewhere {
                (route.owner, route.hint) = (route.decided, 0);
                changed.push(slot);
            }
        }
        changed
    }

    /// Takes over what the NameNode decided, and returns the slots that are routed elsewhere now. Never goes back to a
    /// lower epoch, unless the cluster is another one.
    pub(crate) fn apply(
        &mut self,
        topology: &Topology,
        owner_of: impl Fn(u16) -> Option<NodeIndex>,
        is_member: impl Fn(NodeIndex) -> bool,
    ) -> Vec<Slot> {
        let is_other = self.cluster_id != topology.cluster_id;
        self.cluster_id.clone_from(&topology.cluster_id);
        let mut changed = Vec::new();
        for (slot, decided) in Slot::all().zip(&topology.slots) {
            let route = &mut self.routes[slot.index()];
            let is_hinted = route.hint != 0 && route.owner.is_some_and(&is_member);
            let is_due = decided.epoch >= route.epoch && !is_hinted;
            if is_other || decided.epoch > route.epoch || is_due {
                let owner = decided.owner.and_then(&owner_of);
                if owner != route.owner {
                    changed.push(slot);
                }
                *route = Route { owner, decided: owner, epoch: decided.epoch, hint: 0 };
            }
        }
        changed
    }

    /// Takes over what a DataNode said, except for slots about which there was a hint after it was asked.
    pub(crate) fn apply_hints(
        &mut self,
        topology: &Topology,
        owner_of: impl Fn(u16) -> Option<NodeIndex>,
        asked_at: u64,
    ) -> Vec<Slot> {
        let mut changed = Vec::new();
        for (slot, said) in Slot::all().zip(&topology.slots) {
            let owner = said.owner.and_then(&owner_of);
            let route = &self.routes[slot.index()];
            if owner.is_some() && owner != route.owner && route.hint <= asked_at {
                changed.push(slot);
            }
        }
        for slot in &changed {
            if let Some(owner) = topology.slots[slot.index()].owner.and_then(&owner_of) {
                self.hint(*slot, owner);
            }
        }
        changed
    }
}
