//! Keeps the topology up to date: by the NameNode's channel, and by asking DataNodes while that is away.

mod ask;
mod listen;

use std::sync::Arc;

use crate::options::Options;
use crate::route::Router;
use crate::shared::Shared;
use crate::topology::Topology;
use crate::{CallError, Connection, Error, ServerError, node};

pub(crate) use ask::ask_when_stale;
pub(crate) use listen::listen;

/// What an address turned out to be.
enum Found {
    /// A NameNode, with its topology.
    NameNode(Topology),
    /// A DataNode: what it knows of the cluster, and the NameNode that it names.
    DataNode { topology: Topology, is_plain: bool, namenode: Option<NameNodeOf> },
}

/// A NameNode that a DataNode belongs to.
struct NameNodeOf {
    address: String,
    cluster_id: String,
}

/// Where the cluster can be asked about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// NameNodes.
    pub(crate) namenodes: Vec<String>,
    /// DataNodes that were given by the user.
    pub(crate) datanodes: Vec<String>,
    /// Those of them that are plain ports.
    pub(crate) plain: Vec<String>,
}

/// Asks each address who it is until one leads to a cluster; the others are remembered for later.
///
/// # Errors
/// [`Error::NoCluster`] with the reason for each address.
pub(crate) async fn find(shared: &Arc<Shared>, addresses: Vec<String>) -> Result<Sources, Error> {
    let mut tried = Vec::new();
    let mut sources = Sources::default();
    let mut untried = addresses.into_iter();
    for address in untried.by_ref() {
        let found = match identify(&address, &shared.options).await {
            Ok(found) => found,
            Err(error) => {
                tried.push((address.clone(), error.to_string()));
                // It may be either, and it may come back.
                sources.namenodes.push(address.clone());
                sources.datanodes.push(address);
                continue;
            }
        };
        match found {
            Found::NameNode(topology) => {
                sources.namenodes.insert(0, address);
                accept(shared, topology);
            }
            Found::DataNode { topology, is_plain, namenode } => {
                if is_plain {
                    sources.plain.push(address.clone());
                }
                sources.datanodes.insert(0, address);
                match ask_namenode(namenode, &shared.options).await {
                    Some((address, topology)) => {
                        sources.namenodes.insert(0, address);
                        accept(shared, topology);
                    }
                    None => amend(shared, topology, 0, &sources.plain),
                }
            }
        }
        for address in untried {
            sources.namenodes.push(address.clone());
            sources.datanodes.push(address);
        }
        return Ok(sources);
    }
    Err(Error::NoCluster { tried })
}

/// Finds out what listens at an address.
async fn identify(address: &str, options: &Options) -> Result<Found, CallError> {
    let mut connection = connect(address, options).await?;
    match connection.call(&["TOPOLOGY"]).await {
        Ok(document) => {
            let topology = document.as_bytes().and_then(Topology::from_json);
            Ok(Found::NameNode(topology.ok_or(crate::ReplyError::Malformed)?))
        }
        Err(CallError::Server(_)) => ask::identify_datanode(&mut connection).await,
        Err(error) => Err(error),
    }
}

/// The topology of the NameNode that a DataNode named, if it can be reached from here and is the right one: the
/// DataNode's address for it may mean another machine here.
async fn ask_namenode(
    namenode: Option<NameNodeOf>,
    options: &Options,
) -> Option<(String, Topology)> {
    let namenode = namenode?;
    match identify(&namenode.address, options).await {
        Ok(Found::NameNode(topology)) if topology.cluster_id() == namenode.cluster_id => {
            Some((namenode.address, topology))
        }
        _ => None,
    }
}

/// Connects to a NameNode or a DataNode, to ask about the cluster.
async fn connect(address: &str, options: &Options) -> Result<Connection, CallError> {
    let connection = Connection::connect(address, options.connect_timeout).await?;
    let mut connection = connection.with_call_timeout(options.connect_timeout);
    if let Some(secret) = &options.secret {
        match connection.prove(secret).await {
            Ok(()) => {}
            // Only a NameNode asks for the secret.
            Err(CallError::Server(error)) if is_unknown(&error) => {}
            Err(error) => return Err(error),
        }
    }
    node::greet(connection, options).await
}

fn is_unknown(error: &ServerError) -> bool {
    error.message.to_ascii_lowercase().starts_with("unknown command")
}

/// The NameNode's topology: routes follow before watchers hear of it.
fn accept(shared: &Arc<Shared>, topology: Topology) {
    shared.route(|router| router.apply(&topology));
    shared.topology.send_replace(Arc::new(topology));
}

/// What DataNodes say: a hint for the routes, and the topology only until a NameNode has spoken.
fn amend(shared: &Arc<Shared>, topology: Topology, asked_at: u64, plain: &[String]) {
    shared.route(|router: &mut Router| router.apply_hints(&topology, asked_at, plain));
    shared.topology.send_if_modified(|known| {
        let is_new = known.generation() == 0
            && (known.members != topology.members || known.slots != topology.slots);
        if is_new {
            *known = Arc::new(Topology { version: known.version() + 1, ..topology });
        }
        is_new
    });
}
