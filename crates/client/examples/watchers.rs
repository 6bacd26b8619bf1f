//! How soon many watchers hear of each change of the topology, counted from its commit: for every watcher and change,
//! from the moment at which the NameNode had it on disk. Run it on the NameNode's machine, so that both read one clock.
//!
//! `cargo run --release --package annulet-client --example watchers -- --namenode 127.0.0.1:7000 --watchers 1000`
//!
//! It says "ready" when all are subscribed, listens for `--seconds` (10), and prints one line of JSON.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use annulet_client::{CallError, Connection};

const CHANNEL: &str = "topology";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What was asked for.
struct Settings {
    namenode: String,
    watchers: usize,
    seconds: u64,
}

/// What one watcher was told, in order: the version that it knew then, the commit's time if that was told, and when.
type Heard = Vec<(u64, Option<u64>, u64)>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = settings()?;
    let mut watchers = Vec::with_capacity(settings.watchers);
    for _ in 0..settings.watchers {
        let mut connection = Connection::connect(&settings.namenode, CONNECT_TIMEOUT).await?;
        connection.subscribe(CHANNEL).await?;
        // The whole document, to begin with.
        connection.next_push().await?;
        watchers.push(connection);
    }
    eprintln!("ready: {} watchers", watchers.len());
    let end = tokio::time::Instant::now() + Duration::from_secs(settings.seconds);
    let listening: Vec<_> =
        watchers.into_iter().map(|watcher| tokio::spawn(listen(watcher, end))).collect();
    let mut heard = Vec::with_capacity(listening.len());
    for watcher in listening {
        heard.push(watcher.await??);
    }
    println!("{}", summary(&heard));
    Ok(())
}

/// Listens until `end`.
async fn listen(mut connection: Connection, end: tokio::time::Instant) -> Result<Heard, CallError> {
    let mut heard = Vec::new();
    while let Ok(message) = tokio::time::timeout_at(end, connection.next_push()).await {
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let message = message?;
        let Some(json) = message.as_elements().and_then(|parts| parts.last()?.as_bytes()) else {
            continue;
        };
        let version = number(json, "\"to_version\":").or_else(|| number(json, "\"version\":"));
        if let Some(version) = version {
            heard.push((version, number(json, "\"committed_us\":"), now_us as u64));
        }
    }
    Ok(heard)
}

/// A number near the beginning of a document: a thousand watchers on one machine have no time to read the rest.
fn number(json: &[u8], key: &str) -> Option<u64> {
    let start = std::str::from_utf8(json.get(..json.len().min(160))?).ok()?;
    let rest = &start[start.find(key)? + key.len()..];
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// One line of JSON: delays in microseconds, over all watchers and over the last watcher of each change.
fn summary(heard: &[Heard]) -> String {
    let commits: BTreeMap<u64, u64> = heard
        .iter()
        .flatten()
        .filter_map(|&(version, committed_us, _)| Some((version, committed_us?)))
        .collect();
    let documents = heard.iter().flatten().filter(|(_, committed_us, _)| committed_us.is_none());
    let documents = documents.count();
    let (mut all, mut last, mut never) = (Vec::new(), Vec::new(), 0);
    for (&version, &committed_us) in &commits {
        let mut slowest = 0;
        for watcher in heard {
            // A whole document tells of everything up to its version.
            match watcher.iter().find(|(known, ..)| *known >= version) {
                Some(&(_, _, at_us)) => {
                    let delay = at_us.saturating_sub(committed_us);
                    slowest = slowest.max(delay);
                    all.push(delay);
                }
                None => never += 1,
            }
        }
        last.push(slowest);
    }
    all.sort_unstable();
    last.sort_unstable();
    let at = |sorted: &[u64], share: f64| {
        let index = (sorted.len() as f64 * share) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    format!(
        "{{\"watchers\":{},\"changes\":{},\"never\":{never},\"documents\":{documents},\
         \"p50_us\":{},\"p99_us\":{},\"last_p50_us\":{},\"max_us\":{}}}",
        heard.len(),
        commits.len(),
        at(&all, 0.5),
        at(&all, 0.99),
        at(&last, 0.5),
        at(&last, 1.0),
    )
}

fn settings() -> Result<Settings, String> {
    let mut settings =
        Settings { namenode: "127.0.0.1:7000".to_owned(), watchers: 1000, seconds: 10 };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let value = args.next().ok_or(format!("{flag} needs a value"))?;
        let number = || value.parse::<usize>().map_err(|error| format!("{flag} {value}: {error}"));
        match flag.as_str() {
            "--namenode" => settings.namenode = value,
            "--watchers" => settings.watchers = number()?,
            "--seconds" => settings.seconds = number()? as u64,
            _ => {
                return Err(format!(
                    "unknown flag {flag}; there are --namenode --watchers --seconds"
                ));
            }
        }
    }
    Ok(settings)
}
