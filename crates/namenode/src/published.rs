//! What the NameNode has published: the topology as a document, and the stream of its changes.
//!
//! Only durable decisions come here. Everything that is asked for by many is serialised once: a change when it is
//! published, the whole document when somebody wants it after a change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annulet_cluster::message::{ClusterId, Config, MemberInfo, MemberState, SlotsConfig};
use annulet_cluster::naming::Moves;
use annulet_cluster::view::View;
use annulet_ring::{Generation, Slot};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::broadcast;

/// Changes that a watcher may be behind before it gets the whole document instead.
pub(crate) const WATCHER_CHANGES_MAX: usize = 64;

/// One change, as watchers get it.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) to_version: u64,
    pub(crate) json: Bytes,
}

/// What is known besides the topology, for INFO.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) moves: Moves,
    pub(crate) slots_assigned: usize,
    /// Nothing that is known keeps the cluster from being settled; nobody was asked for it.
    pub(crate) looks_settled: bool,
}

/// A short description of the topology, for INFO.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) generation: Generation,
    pub(crate) version: u64,
    pub(crate) members: usize,
    pub(crate) progress: Progress,
}

#[derive(Debug)]
struct State {
    view: View,
    /// The document of this view, once somebody has asked for it.
    document: Option<Bytes>,
    progress: Progress,
}

/// What was published last.
#[derive(Debug)]
pub(crate) struct Published {
    cluster_id: ClusterId,
    state: Mutex<State>,
    changes: broadcast::Sender<Arc<Change>>,
    /// The store takes no writes: nothing new can be decided.
    degraded: AtomicBool,
}

impl Published {
    /// Starts from the whole configuration.
    pub(crate) fn new(cluster_id: ClusterId, whole: &Config) -> Self {
        let view = View::default().apply(whole).unwrap_or_default();
        Self {
            cluster_id,
            state: Mutex::new(State { view, document: None, progress: Progress::default() }),
            changes: broadcast::Sender::new(WATCHER_CHANGES_MAX),
            degraded: AtomicBool::new(false),
        }
    }

    /// The topology has changed, by a decision that is durable since `committed_us` (wall clock, microseconds).
    pub(crate) fn publish(&self, change: &Config, committed_us: u64) {
        {
            let mut state = self.state();
            match state.view.apply(change) {
                Ok(view) => state.view = view,
                Err(error) => {
                    return tracing::error!(%error, "a change does not continue what was published");
                }
            }
            state.document = None;
        }
        let json = change_json(change, committed_us);
        // Only watchers hold receivers; nobody to tell is no error.
        let _ = self.changes.send(Arc::new(Change { to_version: change.version, json }));
    }

    pub(crate) fn set_progress(&self, progress: Progress) {
        self.state().progress = progress;
    }

    pub(crate) fn set_degraded(&self, degraded: bool) {
        self.degraded.store(degraded, Ordering::Relaxed);
    }

    pub(crate) fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Relaxed)
    }

    /// Changes from now on. Subscribe before taking the document, so that none falls between.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.subscribe()
    }

    pub(crate) fn watchers(&self) -> usize {
        self.changes.receiver_count()
    }

    /// The whole topology as JSON, and its version.
    pub(crate) fn document(&self) -> (u64, Bytes) {
        let mut state = self.state();
        let State { view, document, .. } = &mut *state;
        let json = document.get_or_insert_with(|| document_json(&self.cluster_id, view));
        (view.version(), json.clone())
    }

    pub(crate) fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    pub(crate) fn summary(&self) -> Summary {
        let state = self.state();
        Summary {
            generation: state.view.generation(),
            version: state.view.version(),
            members: state.view.members().len(),
            progress: state.progress.clone(),
        }
    }

    /// The state stays whole when a holder of the lock panics: it is replaced in single assignments.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    cluster_id: &'a str,
    generation: Generation,
    version: u64,
    members: Vec<Member<'a>>,
    ranges: Vec<Owned<'a>>,
}

#[derive(Serialize)]
struct Difference<'a> {
    from_version: u64,
    to_version: u64,
    committed_us: u64,
    changes: Vec<Owned<'a>>,
    members: Vec<Member<'a>>,
}

#[derive(Serialize)]
struct Owned<'a> {
    slots: String,
    owner: Option<&'a str>,
    epoch: u64,
}

#[derive(Serialize)]
struct Member<'a> {
    id: &'a str,
    incarnation: String,
    client: &'a str,
    cluster: &'a str,
    peer: &'a str,
    drain: &'a str,
    state: MemberState,
    weight: u32,
    pid: u32,
}

impl<'a> From<&'a MemberInfo> for Member<'a> {
    fn from(info: &'a MemberInfo) -> Self {
        Self {
            id: info.node.id.as_str(),
            incarnation: info.node.inc.to_string(),
            client: &info.addresses.client,
            cluster: &info.addresses.cluster,
            peer: &info.addresses.peer,
            drain: &info.addresses.drain,
            state: info.state,
            weight: info.weight,
            pid: info.pid,
        }
    }
}

fn document_json(cluster_id: &str, view: &View) -> Bytes {
    json(&Document {
        cluster_id,
        generation: view.generation(),
        version: view.version(),
        members: view.members().iter().map(Member::from).collect(),
        ranges: ranges(view),
    })
}

fn change_json(change: &Config, committed_us: u64) -> Bytes {
    let owned = |part: &SlotsConfig| (part.slots.to_string(), part.epoch.0);
    let changes = change.slots.iter().map(|part| {
        let (slots, epoch) = owned(part);
        Owned { slots, owner: part.owner.as_ref().map(|node| node.id.as_str()), epoch }
    });
    json(&Difference {
        from_version: change.from_version.unwrap_or(0),
        to_version: change.version,
        committed_us,
        changes: changes.collect(),
        members: change.members.iter().map(Member::from).collect(),
    })
}

/// Runs of neighbouring slots with the same owner and epoch.
fn ranges(view: &View) -> Vec<Owned<'_>> {
    let mut ranges = Vec::new();
    let mut slots = Slot::all().peekable();
    while let Some(first) = slots.next() {
        let (owner, epoch) = (view.owner(first), view.epoch(first));
        let mut last = first;
        while let Some(next) =
            slots.next_if(|&next| view.owner(next) == owner && view.epoch(next) == epoch)
        {
            last = next;
        }
        let text = if first == last { first.to_string() } else { format!("{first}-{last}") };
        ranges.push(Owned {
            slots: text,
            owner: owner.map(|node| node.id.as_str()),
            epoch: epoch.0,
        });
    }
    ranges
}

/// The JSON text of a document of ours.
pub(crate) fn json(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).expect("our own documents have string keys only").into()
}
