//! The nodes that requests go to, each with the queue of what is to be written to it next.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

use super::Request;

/// Nodes known at a time; addresses that a MOVED names beyond that are ignored.
const NODES_MAX: usize = 4096;

/// Names a node for as long as the router knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct NodeIndex(u32);

/// Which port of a DataNode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// For cluster clients: its own keys only.
    Cluster,
    /// For plain clients: every key.
    Plain,
}

/// A node that needs somebody to connect to it.
#[derive(Debug)]
pub(crate) struct NewNode {
    pub(crate) index: NodeIndex,
    pub(crate) address: Arc<str>,
    /// Notified when there is something to write, or to look at.
    pub(crate) work: Arc<Notify>,
}

#[derive(Debug)]
struct Node {
    address: Arc<str>,
    port: Port,
    queue: VecDeque<Request>,
    member: bool,
    /// Why there is no connection.
    trouble: Option<String>,
    connected: bool,
    work: Arc<Notify>,
}

/// All nodes. An index is given out again when its node is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    nodes: Vec<Option<Node>>,
    by_address: HashMap<Arc<str>, NodeIndex>,
    new: Vec<NewNode>,
    /// Plain ports of members.
    plain: Vec<String>,
    /// Requests for any node while there is none.
    stranded: Vec<(Port, Request)>,
    turn: usize,
}

impl Nodes {
    /// The members' cluster ports are these; returns their indexes in this order.
    pub(crate) fn set_members<'a>(
        &mut self,
        addresses: impl Iterator<Item = &'a str>,
    ) -> Vec<NodeIndex> {
        self.set_port(Port::Cluster, addresses)
    }

    /// The members' plain ports are these. They are connected to when something is to be sent there.
    pub(crate) fn set_plain<'a>(&mut self, addresses: impl Iterator<Item = &'a str>) {
        self.plain = addresses.filter(|address| !address.is_empty()).map(str::to_owned).collect();
        let plain = std::mem::take(&mut self.plain);
        let known = plain.iter().filter(|address| self.by_address.contains_key(address.as_str()));
        let known: Vec<&str> = known.map(String::as_str).collect();
        self.set_port(Port::Plain, known.into_iter());
        self.plain = plain;
    }

    fn set_port<'a>(
        &mut self,
        port: Port,
        addresses: impl Iterator<Item = &'a str>,
    ) -> Vec<NodeIndex> {
        let indexes: Vec<NodeIndex> =
            addresses.filter_map(|address| self.ensure(address, port)).collect();
        for (index, node) in (0..).map(NodeIndex).zip(&mut self.nodes) {
            if let Some(node) = node.as_mut().filter(|node| node.port == port) {
                let was_member = std::mem::replace(&mut node.member, indexes.contains(&index));
                // One that is no member may have lost the last route to it.
                if !(was_member && node.member) {
                    node.work.notify_one();
                }
            }
        }
        indexes
    }

    pub(crate) fn has_plain(&self) -> bool {
        !self.plain.is_empty()
    }

    /// The node that a MOVED names; one without a host is on that of the node that said so.
    pub(crate) fn find_moved(&mut self, told_by: NodeIndex, address: &str) -> Option<NodeIndex> {
        let (host, port) = address.rsplit_once(':')?;
        match host {
            "" => {
                let host = self.address(told_by).rsplit_once(':').map_or("", |(host, _)| host);
                self.ensure(&format!("{host}:{port}"), Port::Cluster)
            }
            // Redis writes an IPv6 host without brackets.
            _ if host.contains(':') && !host.starts_with('[') => {
                self.ensure(&format!("[{host}]:{port}"), Port::Cluster)
            }
            _ => self.ensure(address, Port::Cluster),
        }
    }

    fn ensure(&mut self, address: &str, port: Port) -> Option<NodeIndex> {
        if let Some(index) = self.by_address.get(address) {
            return Some(*index);
        }
        let vacant = self.nodes.iter().position(Option::is_none).unwrap_or(self.nodes.len());
        if vacant == NODES_MAX {
            return None;
        }
        let index = NodeIndex(u32::try_from(vacant).ok()?);
        let (address, work) = (Arc::<str>::from(address), Arc::new(Notify::new()));
        let node = Node {
            address: address.clone(),
            port,
            queue: VecDeque::new(),
            member: true,
            trouble: None,
            connected: false,
            work: work.clone(),
        };
        if vacant == self.nodes.len() {
            self.nodes.push(None);
        }
        self.nodes[vacant] = Some(node);
        self.by_address.insert(address.clone(), index);
        self.new.push(NewNode { index, address, work });
        Some(index)
    }

    pub(crate) fn take_new(&mut self) -> Vec<NewNode> {
        std::mem::take(&mut self.new)
    }

    pub(crate) fn push(&mut self, index: NodeIndex, request: Request) {
        if let Some(node) = self.node_mut(index) {
            node.queue.push_back(request);
            if node.queue.len() == 1 {
                node.work.notify_one();
            }
        }
    }

    /// Gives the request to a node, rather one that is connected, each in turn.
    pub(crate) fn push_to_any(&mut self, port: Port, request: Request) {
        self.turn = self.turn.wrapping_add(1);
        let all = self.indexes().into_iter().filter_map(|index| Some((index, self.node(index)?)));
        let (connected, others): (Vec<_>, Vec<_>) = all
            .filter(|(_, node)| node.port == port && node.member)
            .partition(|(_, node)| node.connected);
        let candidates = if connected.is_empty() { others } else { connected };
        let chosen = match candidates.len() {
            0 => None,
            count => Some(candidates[self.turn % count].0),
        };
        let untried = match (chosen.is_none_or(|index| !self.is_connected(index)), port) {
            (true, Port::Plain) if !self.plain.is_empty() => {
                let address = self.plain[self.turn % self.plain.len()].clone();
                self.ensure(&address, Port::Plain)
            }
            _ => None,
        };
        match untried.or(chosen) {
            Some(index) => self.push(index, request),
            None => self.stranded.push((port, request)),
        }
    }

    pub(crate) fn push_stranded(&mut self) {
        for (port, request) in std::mem::take(&mut self.stranded) {
            self.push_to_any(port, request);
        }
    }

    pub(crate) fn has_stranded(&self) -> bool {
        !self.stranded.is_empty()
    }

    /// Drops what nobody waits for any more.
    pub(crate) fn purge_stranded(&mut self) {
        self.stranded.retain(|(_, request)| !request.promise.is_over());
    }

    pub(crate) fn pop(&mut self, index: NodeIndex) -> Option<Request> {
        self.node_mut(index)?.queue.pop_front()
    }

    /// Takes those requests out of the queue that `which` chooses.
    pub(crate) fn recall(
        &mut self,
        index: NodeIndex,
        which: impl Fn(&Request) -> bool,
    ) -> Vec<Request> {
        let Some(node) = self.node_mut(index) else { return Vec::new() };
        let (recalled, rest): (Vec<_>, VecDeque<_>) = {
            let (mut recalled, mut rest) = (Vec::new(), VecDeque::new());
            for request in node.queue.drain(..) {
                if which(&request) { recalled.push(request) } else { rest.push_back(request) }
            }
            (recalled, rest)
        };
        node.queue = rest;
        recalled
    }

    /// Why there is no connection, or that there is one.
    pub(crate) fn set_trouble(&mut self, index: NodeIndex, trouble: Option<String>) {
        if let Some(node) = self.node_mut(index) {
            node.connected = trouble.is_none();
            node.trouble = trouble;
        }
    }

    pub(crate) fn address(&self, index: NodeIndex) -> &str {
        self.node(index).map_or("", |node| &node.address)
    }

    pub(crate) fn is_member(&self, index: NodeIndex) -> bool {
        self.node(index).is_some_and(|node| node.member)
    }

    fn is_connected(&self, index: NodeIndex) -> bool {
        self.node(index).is_some_and(|node| node.connected)
    }

    pub(crate) fn has_work(&self, index: NodeIndex) -> bool {
        self.node(index).is_some_and(|node| !node.queue.is_empty())
    }

    /// What somebody waits for who waits for this node.
    pub(crate) fn describe(&self, index: NodeIndex) -> String {
        match self.node(index).map(|node| (&node.address, &node.trouble)) {
            Some((address, Some(trouble))) => format!("a connection to {address}: {trouble}"),
            Some((address, None)) => format!("an answer of {address}"),
            None => "a node".to_owned(),
        }
    }

    /// Forgets a node that is no member and has nothing to do.
    pub(crate) fn retire(&mut self, index: NodeIndex) -> bool {
        let idle = |node: &Node| !node.member && node.queue.is_empty();
        let Some(place) = self.nodes.get_mut(index.0 as usize) else { return false };
        match place.take_if(|node| idle(node)) {
            Some(node) => self.by_address.remove(&node.address).is_some(),
            None => place.is_none(),
        }
    }

    pub(crate) fn indexes(&self) -> Vec<NodeIndex> {
        let all = (0..).map(NodeIndex).zip(&self.nodes);
        all.filter(|(_, node)| node.is_some()).map(|(index, _)| index).collect()
    }

    /// The members' addresses for cluster clients, connected ones first.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let mut nodes: Vec<&Node> = self.nodes.iter().flatten().collect();
        nodes.retain(|node| node.port == Port::Cluster);
        nodes.sort_by_key(|node| (!node.connected, !node.member));
        nodes.into_iter().map(|node| node.address.to_string()).collect()
    }

    fn node(&self, index: NodeIndex) -> Option<&Node> {
        self.nodes.get(index.0 as usize)?.as_ref()
    }

    fn node_mut(&mut self, index: NodeIndex) -> Option<&mut Node> {
        self.nodes.get_mut(index.0 as usize)?.as_mut()
    }
}
