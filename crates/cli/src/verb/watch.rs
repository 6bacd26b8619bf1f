//! `annulet watch`: every change of the topology, as it is pushed.

use std::collections::BTreeMap;

use annulet_net::{Backoff, clock};

use crate::admin::NameNode;
use crate::args::AdminArgs;
use crate::failure::{Failure, Outcome};
use crate::output::{count, print, time_of_day};
use crate::report::{MemberReport, OwnedSlots, Topology};

/// The channel that the NameNode publishes the topology on.
const CHANNEL: &str = "topology";
/// First and longest wait before connecting again.
const RECONNECT_FIRST_MS: u64 = 100;
const RECONNECT_MS_MAX: u64 = 5_000;
/// Ranges shown of one change; there may be thousands.
const RANGES_SHOWN_MAX: usize = 8;

/// Prints until it is interrupted. Only the first connection must succeed; later ones are tried for ever.
pub(crate) async fn run(args: &AdminArgs) -> Outcome {
    let mut namenode = NameNode::connect(args).await?;
    let mut backoff = Backoff::new(RECONNECT_FIRST_MS, RECONNECT_MS_MAX);
    let mut picture = Picture::default();
    loop {
        let failure = match follow(args, &mut namenode, &mut picture, &mut backoff).await {
            Failure::OutputClosed => return Err(Failure::OutputClosed),
            failure => failure,
        };
        tracing::warn!("{failure}; connecting again");
        namenode = loop {
            tokio::time::sleep(backoff.next_wait()).await;
            match NameNode::connect(args).await {
                Ok(namenode) => break namenode,
                Err(failure) => tracing::debug!("{failure}"),
            }
        };
    }
}

/// Follows one connection to its end, and says why it ended.
async fn follow(
    args: &AdminArgs,
    namenode: &mut NameNode,
    picture: &mut Picture,
    backoff: &mut Backoff,
) -> Failure {
    let lost = |error| Failure::Failed(format!("lost the NameNode at {}: {error}", args.namenode));
    if let Err(error) = namenode.connection().subscribe(CHANNEL).await {
        return lost(error);
    }
    loop {
        let push = match namenode.connection().next_push().await {
            Ok(push) => push,
            Err(error) => return lost(error),
        };
        let Some(message) = push.as_message() else { continue };
        backoff.reset();
        let text = String::from_utf8_lossy(&message.payload);
        let printed = if args.json { print(&text) } else { show(namenode, picture, &text) };
        if let Err(failure) = printed {
            return failure;
        }
    }
}

fn show(namenode: &NameNode, picture: &mut Picture, text: &str) -> Outcome {
    let topology: Topology = namenode.read(&["SUBSCRIBE", CHANNEL], text)?;
    let time = time_of_day(clock::unix_millis());
    picture.apply(topology).iter().try_for_each(|line| print(&format!("{time}  {line}")))
}

/// What has been shown so far.
#[derive(Debug, Default)]
struct Picture {
    version: Option<u64>,
    members: BTreeMap<String, MemberReport>,
}

impl Picture {
    /// Takes in one message and returns the lines that tell what is new.
    fn apply(&mut self, topology: Topology) -> Vec<String> {
        let (version, slots, members) = match topology {
            Topology::Change { from_version, to_version, changes, members } => {
                debug_assert!(from_version <= to_version);
                (to_version, changes, members)
            }
            // A whole document says nothing new when its version has been shown before.
            Topology::Whole { version, .. } if self.version == Some(version) => return Vec::new(),
            Topology::Whole { version, ranges, members } => (version, ranges, members),
        };
        self.version = Some(version);
        let members: BTreeMap<String, MemberReport> =
            members.into_iter().map(|member| (member.id.clone(), member)).collect();
        let mut lines = Vec::new();
        for (id, member) in &members {
            lines.extend(match self.members.get(id) {
                None => Some(format!(
                    "version {version}: {id} is {} at {}",
                    member.state, member.client
                )),
                Some(old) if old.incarnation != member.incarnation => Some(format!(
                    "version {version}: {id} has started again and is {}",
                    member.state
                )),
                Some(old) if old.state != member.state => Some(format!(
                    "version {version}: {id} was {} and is {}",
                    old.state, member.state
                )),
                Some(_) => None,
            });
        }
        let gone = self.members.keys().filter(|id| !members.contains_key(*id));
        lines.extend(gone.map(|id| format!("version {version}: {id} is gone")));
        lines.extend(by_owner(slots).into_iter().map(|line| format!("version {version}: {line}")));
        self.members = members;
        lines
    }
}

/// One line per owner: which slots it serves now.
fn by_owner(changes: Vec<OwnedSlots>) -> Vec<String> {
    let mut owners: BTreeMap<Option<String>, annulet_ring::SlotSet> = BTreeMap::new();
    for change in changes {
        owners.entry(change.owner).or_default().union_with(&change.slots);
    }
    let line = |(owner, slots): (Option<String>, annulet_ring::SlotSet)| {
        let ranges: Vec<String> = slots.ranges().map(|range| range.to_string()).collect();
        let shown = ranges[..ranges.len().min(RANGES_SHOWN_MAX)].join(",");
        let more = if ranges.len() > RANGES_SHOWN_MAX { ",..." } else { "" };
        let total = count(slots.len() as u64, "slot");
        format!("{total} -> {} ({shown}{more})", owner.as_deref().unwrap_or("nobody"))
    };
    owners.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(document: serde_json::Value) -> Topology {
        serde_json::from_value(document).expect("a message of the channel")
    }

    fn member(id: &str, incarnation: &str, state: &str) -> serde_json::Value {
        serde_json::json!({"id": id, "incarnation": incarnation, "client": format!("{id}:7001"), "state": state})
    }

    #[test]
    fn changes_are_told_once_and_members_by_what_is_new_about_them() {
        let mut picture = Picture::default();
        let whole = serde_json::json!({
            "version": 4, "members": [member("a", "1", "active"), member("b", "1", "active")],
            "ranges": [{"slots": "0-8191", "owner": "a", "epoch": 1}, {"slots": "8192-16383", "owner": "b", "epoch": 1}],
        });
        assert_eq!(
            picture.apply(topology(whole.clone())),
            [
                "version 4: a is active at a:7001",
                "version 4: b is active at b:7001",
                "version 4: 8192 slots -> a (0-8191)",
                "version 4: 8192 slots -> b (8192-16383)",
            ]
        );
        assert_eq!(picture.apply(topology(whole)), Vec::<String>::new());
        let change = serde_json::json!({
            "from_version": 4, "to_version": 5, "members": [member("a", "2", "active"), member("c", "1", "joining")],
            "changes": [{"slots": "5", "owner": "c"}, {"slots": "7", "owner": "c"}, {"slots": "9", "owner": null}],
        });
        assert_eq!(
            picture.apply(topology(change)),
            [
                "version 5: a has started again and is active",
                "version 5: c is joining at c:7001",
                "version 5: b is gone",
                "version 5: 1 slot -> nobody (9)",
                "version 5: 2 slots -> c (5,7)",
            ]
        );
    }
}
