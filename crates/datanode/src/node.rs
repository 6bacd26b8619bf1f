//! What all parts of one DataNode share: who it is, what it keeps, and what it knows of the cluster.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use annulet_cluster::message::{Attempt, ClusterId, Config as Topology, ToNameNode};
use annulet_cluster::mutant::{self, Mutant};
use annulet_cluster::slot::{Access, Effect, Event, Slot as SlotRole};
use annulet_cluster::view::{Unusable, View};
use annulet_net::process::{self, AllocatorStats};
use annulet_net::secret::{self, Secret};
use annulet_net::{clock, random};
use annulet_ring::{Incarnation, NodeRef, Slot};
use annulet_store::{Detached, Keyspace};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::clients::Clients;
use crate::config::{Config, Resolved};
use crate::control::Standing;
use crate::drain::DrainState;
use crate::given_away::GivenAway;
use crate::handoff::{Rate, Reservations, Sockets};
use crate::stats::{self, Stats};
use crate::workers::Workers;

/// Messages that wait for the control link. Senders wait when it is full.
pub(crate) const CONTROL_QUEUE_MESSAGES_MAX: usize = 256;

/// Bytes of commands on a node that wait for a slot or for another node. Beyond it a connection that has such is not read,
/// and what other nodes forward does not wait here, but there.
pub(crate) const WAITING_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One DataNode.
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) resolved: Resolved,
    /// What other nodes and the NameNode have to know, if there is one.
    pub(crate) secret: Option<Secret>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) clients: Clients,
    pub(crate) stats: Stats,
    /// Random, 40 hexadecimal digits: `run_id` of INFO.
    pub(crate) run_id: String,
    pub(crate) started_at_millis: u64,
    /// To the NameNode, while the control link is up and when it is up again.
    pub(crate) control: mpsc::Sender<ToNameNode>,
    /// How far the node is with leaving.
    pub(crate) drain: watch::Sender<DrainState>,
    /// Set once: everything that serves ends.
    pub(crate) stop: watch::Sender<bool>,
    /// How the node stands with its NameNode.
    pub(crate) standing: watch::Sender<Standing>,
    /// Connections that other nodes hold to this one.
    pub(crate) peers_inbound: AtomicUsize,
    /// Drain connections that wait for the last line.
    pub(crate) farewells_due: AtomicUsize,
    pub(crate) handoff_sockets: Sockets,
    pub(crate) given_away: GivenAway,
    /// Batches on their way out.
    pub(crate) attempts: Mutex<BTreeSet<Attempt>>,
    /// The turn to freeze slots and have them in doubt, which one batch has at a time: so few slots wait for their next
    /// command at any moment, and while the NameNode is away (R2).
    pub(crate) turn_to_freeze: tokio::sync::Mutex<()>,
    /// Slots of the batch whose turn it is.
    pub(crate) slots_in_doubt: AtomicU64,
    /// Until when first copies leave the processors to that batch; 0: they do not.
    pub(crate) copies_wait_until_ms: AtomicU64,
    /// How fast copies leave.
    pub(crate) move_rate: Rate,
    /// Memory for copies that arrive.
    pub(crate) reservations: Reservations,
    identity: ArcSwap<NodeRef>,
    cluster: OnceLock<(ClusterId, Keyspace<SlotRole>)>,
    view: ArcSwap<View>,
    changes: watch::Sender<u64>,
    /// Only one configuration is applied at a time.
    configuring: Mutex<()>,
    /// Entries handed over since what is left was last packed.
    pub(crate) entries_dropped: AtomicU64,
    /// Slots on their way in or out, for progress.
    pub(crate) slots_leaving: AtomicU64,
    pub(crate) slots_arriving: AtomicU64,
}

/// Sums over slots.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) keys: u64,
    /// Bytes of entries and tables.
    pub(crate) bytes: u64,
    /// Keys that have expired since the start, found by a command or not.
    pub(crate) expired: u64,
}

impl Node {
    pub(crate) fn new(
        (config, secret): (Config, Option<Secret>),
        resolved: Resolved,
        workers: Arc<Workers>,
        control: mpsc::Sender<ToNameNode>,
    ) -> Self {
        let inc = if mutant::is(Mutant::M11) { 1 } else { random::u128() };
        let identity = NodeRef { id: resolved.id.clone(), inc: Incarnation(inc) };
        Self {
            clients: Clients::new(config.clients_max, process::connections_max()),
            move_rate: Rate::new(config.move_rate_max),
            config,
            secret,
            resolved,
            stats: Stats::new(workers.count()),
            workers,
            run_id: format!("{:032x}{:08x}", random::u128(), random::u64() as u32),
            started_at_millis: clock::unix_millis(),
            control,
            drain: watch::Sender::new(DrainState::default()),
            stop: watch::Sender::new(false),
            standing: watch::Sender::new(Standing::New),
            peers_inbound: AtomicUsize::new(0),
            farewells_due: AtomicUsize::new(0),
            handoff_sockets: Sockets::default(),
            given_away: GivenAway::default(),
            attempts: Mutex::default(),
            turn_to_freeze: tokio::sync::Mutex::default(),
            slots_in_doubt: AtomicU64::new(0),
            copies_wait_until_ms: AtomicU64::new(0),
            reservations: Reservations::default(),
            identity: ArcSwap::from_pointee(identity),
            cluster: OnceLock::new(),
            view: ArcSwap::from_pointee(View::default()),
            changes: watch::Sender::new(0),
            configuring: Mutex::new(()),
            entries_dropped: AtomicU64::new(0),
            slots_leaving: AtomicU64::new(0),
            slots_arriving: AtomicU64::new(0),
        }
    }

    /// Who this node is; the incarnation changes when it was declared dead and starts over.
    pub(crate) fn me(&self) -> NodeRef {
        NodeRef::clone(&self.identity.load())
    }

    /// What this node says it is when it proves to know the secret.
    pub(crate) fn proven_identity(&self) -> String {
        let NodeRef { id, inc } = self.me();
        secret::node_identity(self.cluster_id().map(String::as_str), id, inc)
    }

    /// Joins a cluster: from here on there is a keyspace. Joining the same one again changes nothing.
    pub(crate) fn join(&self, cluster_id: ClusterId, hash_seed: u64) {
        self.cluster
            .get_or_init(|| (cluster_id, Keyspace::new(hash_seed, |_| SlotRole::default())));
    }

    pub(crate) fn cluster_id(&self) -> Option<&ClusterId> {
        self.cluster.get().map(|(cluster_id, _)| cluster_id)
    }

    /// The keyspace.
    ///
    /// # Panics
    /// Before the node has joined a cluster; no port that needs it is open by then.
    pub(crate) fn keyspace(&self) -> &Keyspace<SlotRole> {
        match self.cluster.get() {
            Some((_, keyspace)) => keyspace,
            None => panic!("the keyspace is used before the node has joined a cluster"),
        }
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Changes whenever a slot changes its state or the view is replaced.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Wakes everybody who waits for a slot or for the view.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Takes one event for one slot and does what follows from it. False: the event did not fit.
    pub(crate) fn slot_event(&self, slot: Slot, event: Event) -> bool {
        let mut effects = Vec::new();
        let mut detached = None;
        let fits = {
            let mut guard = self.keyspace().lock(slot);
            guard.companion_mut().step(event, &mut effects);
            for effect in &effects {
                match effect {
                    Effect::StartLog => guard.entries().start_copy(),
                    Effect::StopLog => guard.entries().stop_copy(),
                    Effect::DropData => detached = Some(guard.entries().detach()),
                    Effect::CopyMissing | Effect::Wake | Effect::Refuse => {}
                }
            }
            !effects.contains(&Effect::Refuse)
        };
        if effects.contains(&Effect::Wake) {
            self.changed();
        }
        drop(detached);
        fits
    }

    /// Applies what the NameNode decided: first the slots, then the view that others are routed by.
    ///
    /// # Errors
    /// When the configuration does not continue what is known; nothing is changed then.
    pub(crate) fn configure(&self, topology: &Topology) -> Result<Vec<Detached>, Unusable> {
        let _one_at_a_time = self.configuring.lock();
        let view = self.view().apply(topology)?;
        let (me, now_ms) = (self.me(), clock::boot_millis());
        let mut effects = Vec::new();
        let mut dropped = Vec::new();
        for change in &topology.slots {
            for slot in change.slots.iter() {
                let mut guard = self.keyspace().lock(slot);
                effects.clear();
                let is_elsewhere = |role: &SlotRole| role.access(false) == Access::Elsewhere;
                let was_here = !is_elsewhere(guard.companion());
                guard.companion_mut().step(Event::config(change, &me), &mut effects);
                if was_here && is_elsewhere(guard.companion()) {
                    self.given_away.note(slot, now_ms);
                }
                for effect in &effects {
                    match effect {
                        Effect::StopLog => guard.entries().stop_copy(),
                        Effect::DropData => dropped.push(guard.entries().detach()),
                        Effect::CopyMissing => {
                            stats::add(&self.stats.copies_missing, 1);
                            tracing::error!(%slot, attempt = ?change.attempt, "this node owns a slot by an attempt whose copy it does not hold: the slot starts empty, its keys are lost");
                        }
                        Effect::StartLog | Effect::Wake | Effect::Refuse => {}
                    }
                }
            }
        }
        self.view.store(Arc::new(view));
        self.changed();
        Ok(dropped)
    }

    /// Starts over after having been declared dead: a new incarnation that holds nothing.
    pub(crate) fn start_over(&self) -> Vec<Detached> {
        let _one_at_a_time = self.configuring.lock();
        let reborn = NodeRef { id: self.resolved.id.clone(), inc: Incarnation(random::u128()) };
        self.identity.store(Arc::new(reborn));
        let mut dropped = Vec::new();
        // The NameNode may have declared dead a node that never heard of its own registration.
        let Some((_, keyspace)) = self.cluster.get() else { return dropped };
        for slot in Slot::all() {
            let mut guard = keyspace.lock(slot);
            let epoch = guard.companion().epoch();
            *guard.companion_mut() = SlotRole::new(epoch, annulet_cluster::slot::SlotState::None);
            dropped.push(guard.entries().detach());
        }
        self.changed();
        dropped
    }

    /// Ends everything that serves; clients get the replies that are under way.
    pub(crate) fn halt(&self) {
        self.stop.send_replace(true);
        self.clients.close_all();
    }

    /// Counts slots that start or stop being on their way out.
    pub(crate) fn count_leaving(&self, slots: usize, started: bool) {
        count(&self.slots_leaving, slots, started);
    }

    /// Counts slots that start or stop being on their way in.
    pub(crate) fn count_arriving(&self, slots: usize, started: bool) {
        count(&self.slots_arriving, slots, started);
    }

    /// What is in the slots that this node serves, and what has expired in any.
    pub(crate) fn served(&self) -> Served {
        let mut served = Served::default();
        for slot in Slot::all() {
            let mut guard = self.keyspace().lock(slot);
            let serves = guard.companion().serves();
            let entries = guard.entries();
            served.expired += entries.expired_total();
            if serves {
                served.keys += entries.total_len() as u64;
                served.bytes += entries.used_bytes();
            }
        }
        served
    }

    /// What the allocator of the process says of itself. When it cannot be asked, what is served stands for all.
    pub(crate) fn allocator(&self) -> AllocatorStats {
        process::allocator().unwrap_or_else(|| {
            let (resident_bytes, served) = (process::resident_bytes(), self.served().bytes);
            AllocatorStats {
                name: "unknown".to_owned(),
                allocated_bytes: served,
                active_bytes: resident_bytes,
                resident_bytes,
            }
        })
    }

    /// Slots that this node serves or is in doubt about, by the view.
    pub(crate) fn slots_owned(&self) -> usize {
        let (view, me) = (self.view(), self.me());
        Slot::all().filter(|&slot| view.owner(slot) == Some(&me)).count()
    }

    /// Whether more commands may wait.
    pub(crate) fn has_room_to_wait(&self) -> bool {
        stats::get(&self.stats.waiting_bytes) < WAITING_BYTES_MAX
    }

    /// Attempts that this node is in doubt about, with their slots.
    pub(crate) fn doubts(&self) -> Vec<(Attempt, Vec<(Slot, annulet_ring::Epoch)>)> {
        use annulet_cluster::slot::SlotState;
        let mut doubts: Vec<(Attempt, Vec<_>)> = Vec::new();
        for slot in Slot::all() {
            let guard = self.keyspace().lock(slot);
            let role = guard.companion();
            if let SlotState::InDoubt { attempt, .. } = role.state() {
                let known = doubts.iter_mut().find(|(other, _)| other == attempt);
                match known {
                    Some((_, slots)) => slots.push((slot, role.epoch())),
                    None => doubts.push((*attempt, vec![(slot, role.epoch())])),
                }
            }
        }
        doubts
    }
}

fn count(counter: &AtomicU64, slots: usize, started: bool) {
    match started {
        true => counter.fetch_add(slots as u64, Ordering::Relaxed),
        false => counter.fetch_sub(slots as u64, Ordering::Relaxed),
    };
}
