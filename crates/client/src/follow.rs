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
    DataNode { topology: Topology, is_plain: bool, namenode: Option<NameNode> },
}

/// Where a NameNode may be.
#[derive(Debug, Clone)]
pub(crate) struct NameNode {
    address: String,
    /// Its cluster, when it was a DataNode that named the address: that may mean another machine here.
    cluster_id: Option<String>,
}

impl NameNode {
    /// One that the user named.
    fn at(address: String) -> Self {
        Self { address, cluster_id: None }
    }

    /// Whether it may be the one that published this.
    fn is_of(&self, topology: &Topology) -> bool {
        self.cluster_id.as_ref().is_none_or(|id| id == topology.cluster_id())
    }
}

/// Where the cluster can be asked about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// NameNodes.
    pub(crate) namenodes: Vec<NameNode>,
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
                sources.namenodes.push(NameNode::at(address.clone()));
                sources.datanodes.push(address);
                continue;
            }
        };
        match found {
            Found::NameNode(topology) => {
                sources.namenodes.insert(0, NameNode::at(address));
                accept(shared, topology);
            }
            Found::DataNode { topology, is_plain, namenode } => {
                if is_plain {
                    sources.plain.push(address.clone());
                }
                sources.datanodes.insert(0, address);
                match ask_namenode(namenode.as_ref(), &shared.options).await {
                    Some(topology) => accept(shared, topology),
                    None => amend(shared, topology, 0, &sources.plain),
                }
                // It may be away for now.
                sources.namenodes.splice(0..0, namenode);
            }
        }
        for address in untried {
            sources.namenodes.push(NameNode::at(address.clone()));
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

/// The topology of the NameNode that a DataNode named, if it can be reached from here and is the right one.
async fn ask_namenode(namenode: Option<&NameNode>, options: &Options) -> Option<Topology> {
    let namenode = namenode?;
    match identify(&namenode.address, options).await {
        Ok(Found::NameNode(topology)) => Some(topology).filter(|topology| namenode.is_of(topology)),
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
