//! `annulet drain NODE`: asks for the drain and follows it to its end.

use std::time::Duration;

use annulet_cluster::message::MemberState;
use annulet_cluster::naming::NodeRow;
use annulet_net::clock;

use crate::admin::{Departure, NameNode};
use crate::args::DrainArgs;
use crate::failure::{Failure, Outcome};
use crate::output::{Progress, count, print};

/// Pause between two looks at the node.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: &DrainArgs) -> Outcome {
    let mut namenode = NameNode::connect(&args.admin).await?;
    let mut left = find(&args.node, &mut namenode).await?;
    order(args, &left, &mut namenode).await?;
    let began_ms = clock::boot_millis();
    let slots = left.slots;
    announce(args, MemberState::Draining.as_str(), slots)?;
    let mut progress = Progress::new();
    loop {
        let moved = slots.saturating_sub(left.slots) as u64;
        let text = format!("draining {}: {} left", left.id, count(left.slots as u64, "slot"));
        progress.show(moved, slots as u64, &text);
        tokio::time::sleep(POLL_INTERVAL).await;
        let what = format!("the drain of {}", left.id);
        let look = async |namenode: &mut NameNode| presence(&left, namenode).await;
        let now = namenode.insist(&args.admin, &what, look).await?;
        let seconds = (clock::boot_millis() - began_ms) as f64 / 1000.0;
        let node = match now {
            Ok(node) => node,
            Err(departure) => {
                drop(progress);
                return farewell(args, &left, departure, slots, seconds);
            }
        };
        match node.state {
            MemberState::Drained => {
                drop(progress);
                announce(args, node.state.as_str(), node.slots)?;
                let text =
                    format!("{} holds no slots any more and stays up ({seconds:.1} s)", node.id);
                return conclude(args, &text);
            }
            MemberState::Draining if node.slots != left.slots => {
                announce(args, node.state.as_str(), node.slots)?;
            }
            MemberState::Draining => {}
            MemberState::Joining | MemberState::Active => {
                return Err(Failure::Failed(format!(
                    "{} is {} again: the drain was given up; see the NameNode's log",
                    node.id,
                    node.state.as_str()
                )));
            }
        }
        left = node;
    }
}

/// Asks for the drain. A NameNode that is lost before it has answered may have begun it all the same.
async fn order(args: &DrainArgs, node: &NodeRow, namenode: &mut NameNode) -> Outcome {
    let command: &[&str] =
        if args.stay { &["DRAIN", &args.node, "STAY"] } else { &["DRAIN", &args.node] };
    let Err(failure) = namenode.call(command).await else { return Ok(()) };
    if matches!(node.state, MemberState::Draining | MemberState::Drained) {
        return Err(failure);
    }
    let what = format!("the drain of {}", node.id);
    let look = async |namenode: &mut NameNode| presence(node, namenode).await;
    match namenode.insist(&args.admin, &what, look).await? {
        Ok(NodeRow { state: MemberState::Joining | MemberState::Active, .. }) => Err(failure),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The node as the NameNode knows it; an unknown one is refused with the names of all.
async fn find(id: &str, namenode: &mut NameNode) -> Outcome<NodeRow> {
    let nodes: Vec<NodeRow> = namenode.ask(&["NODES"]).await?;
    if let Some(node) = nodes.iter().find(|node| node.id == id) {
        return Ok(node.clone());
    }
    let known: Vec<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
    let known = if known.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    Err(Failure::Failed(format!("no node is called {id}; {known}")))
}

/// What a look at the node has shown: the member, or how it has gone.
type Presence = Result<NodeRow, Departure>;

/// Looks at this very process: a new one under the same id is not the one that drains.
async fn presence(node: &NodeRow, namenode: &mut NameNode) -> Outcome<Presence> {
    let nodes: Vec<NodeRow> = namenode.ask(&["NODES"]).await?;
    match nodes.into_iter().find(|row| row.incarnation == node.incarnation) {
        Some(row) => Ok(Ok(row)),
        None => namenode.departure(&node.incarnation).await.map(Err),
    }
}

/// Tells how a drain has ended whose node is no member any more: `left` is what was last seen of it, `slots` what it had.
fn farewell(
    args: &DrainArgs,
    left: &NodeRow,
    departure: Departure,
    slots: usize,
    seconds: f64,
) -> Outcome {
    let id = &left.id;
    match departure {
        Departure::Left => {
            announce(args, "gone", 0)?;
            let moved = count(slots as u64, "slot");
            conclude(args, &format!("{id} has left: {moved} moved in {seconds:.1} s"))
        }
        Departure::Died => {
            announce(args, "dead", left.slots)?;
            Err(Failure::Failed(match left.slots {
                0 => format!("{id} died before it could leave; it held no slots any more"),
                _ => format!(
                    "{id} died while it drained; the keys of the slots it still had are lost"
                ),
            }))
        }
        Departure::Unknown => Err(Failure::Failed(format!(
            "{id} is gone, and the NameNode does not remember whether it left or died"
        ))),
    }
}

/// Tells a program how far it has come.
fn announce(args: &DrainArgs, state: &str, slots: usize) -> Outcome {
    match args.admin.json {
        true => {
            print(&serde_json::json!({"id": args.node, "state": state, "slots": slots}).to_string())
        }
        false => Ok(()),
    }
}

/// Tells a person how it has ended.
fn conclude(args: &DrainArgs, text: &str) -> Outcome {
    if args.admin.json { Ok(()) } else { print(text) }
}
