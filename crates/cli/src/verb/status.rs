//! `annulet status`: the cluster on one screen, or the wait until it is settled.

mod screen;

use std::time::Duration;

use annulet_cluster::naming::{NodeRow, Status};
use annulet_net::clock;

use crate::admin::NameNode;
use crate::args::{AdminArgs, StatusArgs};
use crate::failure::{Failure, Outcome};
use crate::output::{Progress, Style, count, print};

/// Pause between two questions of `--wait`; each probes every member.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) async fn run(args: &StatusArgs) -> Outcome {
    if args.wait {
        return wait(args).await;
    }
    let mut namenode = NameNode::connect(&args.admin).await?;
    let document = namenode.document(&["STATUS"]).await?;
    if args.admin.json {
        return print(&document);
    }
    let status = namenode.read(&["STATUS"], &document)?;
    let nodes: Vec<NodeRow> = namenode.ask(&["NODES"]).await?;
    print(&screen::render(&status, &nodes, Style::of_stdout()))
}

/// Asks anew until the answer is yes. A NameNode that cannot be reached is a reason to go on waiting.
async fn wait(args: &StatusArgs) -> Outcome {
    let deadline = clock::boot_millis().saturating_add(args.timeout.saturating_mul(1000));
    let mut namenode = None;
    let mut latest = Latest::Nothing;
    let mut progress = Progress::new();
    loop {
        let left = Duration::from_millis(deadline.saturating_sub(clock::boot_millis()));
        match tokio::time::timeout(left, ask(&mut namenode, &args.admin)).await {
            Ok(Ok((status, document))) if status.settled => {
                drop(progress);
                let members = count(status.members as u64, "member");
                let line = format!("settled: {members}, topology version {}", status.version);
                return print(if args.admin.json { &document } else { &line });
            }
            Ok(Ok((status, document))) => latest = Latest::Unsettled { status, document },
            Ok(Err(failure)) => {
                namenode = None;
                latest = Latest::Silent(failure.to_string());
            }
            Err(_) => {}
        }
        let (done, total) = latest.moves();
        progress.show(done, total, &format!("waiting: {}", latest.reasons()));
        if clock::boot_millis() >= deadline {
            drop(progress);
            if let (Latest::Unsettled { document, .. }, true) = (&latest, args.admin.json) {
                print(document)?;
            }
            return Err(Failure::Failed(format!(
                "not settled within {} s: {}",
                args.timeout,
                latest.reasons()
            )));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// What the NameNode said last.
enum Latest {
    Nothing,
    Silent(String),
    Unsettled { status: Status, document: String },
}

impl Latest {
    fn reasons(&self) -> String {
        match self {
            Self::Nothing => "the NameNode has not answered".to_owned(),
            Self::Silent(failure) => failure.clone(),
            Self::Unsettled { status, .. } => status.reasons.join("; "),
        }
    }

    /// Slots that have moved, of those that had to.
    fn moves(&self) -> (u64, u64) {
        match self {
            Self::Nothing | Self::Silent(_) => (0, 0),
            Self::Unsettled { status, .. } => (status.moves.done as u64, status.moves.total as u64),
        }
    }
}

async fn ask(namenode: &mut Option<NameNode>, admin: &AdminArgs) -> Outcome<(Status, String)> {
    let namenode = match namenode {
        Some(namenode) => namenode,
        None => namenode.insert(NameNode::connect(admin).await?),
    };
    let document = namenode.document(&["STATUS"]).await?;
    Ok((namenode.read(&["STATUS"], &document)?, document))
}
