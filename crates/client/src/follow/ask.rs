//! Asking DataNodes who owns what: to begin with, and while no NameNode can be listened to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use annulet_ring::{SLOT_COUNT, Slot, SlotRange};

use super::{Found, NameNode, Sources, amend, connect};
use crate::shared::Shared;
use crate::topology::{Member, MemberState, Ownership, Topology};
use crate::{CallError, Connection, ReplyError, Value};

/// Without a reason to ask, the owners are asked for this often.
const INTERVAL: Duration = Duration::from_secs(5);
/// However many reasons there are, not more often than this.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks whenever there is a reason to, while the NameNode cannot be listened to.
pub(crate) async fn ask_when_stale(shared: Arc<Shared>, sources: Sources) {
    let mut connection = None;
    loop {
        let _ = tokio::time::timeout(INTERVAL, shared.stale.notified()).await;
        if shared.is_listening() {
            continue;
        }
        let asked_at = shared.route(|router| router.hints());
        let asked = match connection.take() {
            Some(open) => ask(open).await,
            None => None,
        };
        let asked = match asked {
            Some(asked) => Some(asked),
            None => ask_any(&shared, &sources).await,
        };
        if let Some((open, topology)) = asked {
            amend(&shared, topology, asked_at, &sources.plain);
            connection = Some(open);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks one node after the other until one answers.
async fn ask_any(shared: &Arc<Shared>, sources: &Sources) -> Option<(Connection, Topology)> {
    let known = shared.route(|router| router.addresses());
    for address in known.iter().chain(&sources.datanodes) {
        match connect(address, &shared.options).await {
            Ok(connection) => match ask(connection).await {
                Some(asked) => return Some(asked),
                None => tracing::debug!(%address, "it does not know the owners"),
            },
            Err(error) => tracing::debug!(%address, %error, "cannot ask for the owners"),
        }
    }
    None
}

async fn ask(mut connection: Connection) -> Option<(Connection, Topology)> {
    let reply = connection.call(&["CLUSTER", "SLOTS"]).await.ok()?;
    let topology = read_slots(&reply)?;
    // A node that serves nothing and knows nobody has nothing to tell.
    (!topology.members.is_empty()).then_some((connection, topology))
}

/// Reads what a DataNode says about itself and the cluster.
pub(super) async fn identify_datanode(connection: &mut Connection) -> Result<Found, CallError> {
    let reply = connection.call(&["CLUSTER", "SLOTS"]).await?;
    let topology = read_slots(&reply).filter(|topology| !topology.members.is_empty());
    let topology = topology.ok_or(ReplyError::Malformed)?;
    let info = connection.call(&["INFO"]).await?;
    let info = info.as_str().unwrap_or_default();
    let field = |name: &str| {
        let mut fields = info.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
    };
    let is_plain = field("redis_mode").is_none_or(|mode| mode == "standalone");
    let namenode = field("annulet_namenode").zip(field("annulet_cluster_id"));
    let namenode = namenode.map(|(address, id)| NameNode { address, cluster_id: Some(id) });
    Ok(Found::DataNode { topology, is_plain, namenode })
}

/// Reads the answer to CLUSTER SLOTS; `None` when it is none.
pub(super) fn read_slots(reply: &Value) -> Option<Topology> {
    let mut topology = Topology::unknown();
    let mut members: Vec<Member> = Vec::new();
    let mut index_of: HashMap<String, u16> = HashMap::new();
    for range in reply.as_elements()? {
        let [first, last, owner, ..] = range.as_elements()? else { return None };
        let [host, port, id, ..] = owner.as_elements()? else { return None };
        let slot = |value: &Value| Slot::new(u16::try_from(value.as_integer()?).ok()?);
        let range = SlotRange { start: slot(first)?, end: slot(last)? };
        let port = u16::try_from(port.as_integer()?).ok()?;
        let (host, id) = (host.as_str()?, id.as_str()?.to_owned());
        let owner = *index_of.entry(id.clone()).or_insert_with(|| {
            members.push(Member {
                id,
                incarnation: String::new(),
                client: String::new(),
                cluster: address(host, port),
                state: MemberState::Unknown,
                weight: 0,
            });
            u16::try_from(members.len() - 1).unwrap_or(u16::MAX)
        });
        for slot in range.slots() {
            topology.slots[slot.index()] = Ownership { epoch: 0, owner: Some(owner) };
        }
    }
    debug_assert_eq!(topology.slots.len(), SLOT_COUNT);
    topology.members = members.into();
    Some(topology)
}

/// "host:port"; an IPv6 address gets its brackets.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
