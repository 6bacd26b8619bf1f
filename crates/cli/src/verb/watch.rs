//! `annulet watch`: every change of the topology, as it is pushed.

mod documents;
mod news;

use annulet_client::{Change, Client, Error, Options};
use annulet_net::clock;

use crate::admin::{Departure, NameNode};
use crate::args::AdminArgs;
use crate::failure::{Failure, Outcome};
use crate::output::{Colour, Style, print, time_of_day};
use crate::secret;

use news::Line;

/// Prints until it is interrupted. Only the first connection must succeed; the client looks for the NameNode ever after.
pub(crate) async fn run(args: &AdminArgs) -> Outcome {
    if args.json {
        return documents::run(args).await;
    }
    let client = connect(args).await?;
    let mut watch = client.watch();
    let style = Style::of_stdout();
    tell(&news::of_all(watch.topology()), style)?;
    loop {
        let before = watch.topology().clone();
        let Some(change) = watch.next().await else { return Ok(()) };
        let departures = departures(args, &change).await;
        tell(&news::of_change(&before, &change, &departures), style)?;
    }
}

/// How each member that is gone has gone, as the NameNode knows it: the topology does not say.
async fn departures(args: &AdminArgs, change: &Change) -> Vec<Departure> {
    let mut namenode = match change.left.is_empty() {
        true => None,
        false => NameNode::connect(args).await.ok(),
    };
    let mut departures = Vec::with_capacity(change.left.len());
    for member in &change.left {
        let known = match &mut namenode {
            Some(namenode) => namenode.departure(&member.incarnation).await.ok(),
            None => None,
        };
        departures.push(known.unwrap_or(Departure::Unknown));
    }
    departures
}

async fn connect(args: &AdminArgs) -> Outcome<Client> {
    let mut options = Options::new().connect_on_demand();
    if let Some(secret) = secret::of(args.secret_file.as_deref())? {
        options = options.cluster_secret(secret);
    }
    options.connect([&args.namenode]).await.map_err(|error| refused(&args.namenode, &error))
}

/// Why there is nothing to watch at `address`, with the way out.
fn refused(address: &str, error: &Error) -> Failure {
    let reason = match error {
        Error::NoCluster { tried } => tried.iter().map(|(_, reason)| reason.clone()).collect(),
        other => other.to_string(),
    };
    let advice = match reason.starts_with("NOAUTH") {
        true => "this cluster has a secret; give it by --secret-file or ANNULET_SECRET",
        false => {
            "start a NameNode with \"annulet namenode\" or name another with --namenode HOST:PORT"
        }
    };
    Failure::Failed(format!("nothing to watch at {address}: {reason}; {advice}"))
}

/// Prints lines with the time of day, which is the same for all of them.
fn tell(lines: &[Line], style: Style) -> Outcome {
    let time = style.paint(&time_of_day(clock::unix_millis()), Colour::Dim);
    lines.iter().try_for_each(|line| print(&format!("{time}  {}", line.render(style))))
}
