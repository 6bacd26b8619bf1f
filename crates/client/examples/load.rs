//! Load that checks itself: every task counts on keys of its own and must read what it wrote last, through any change of
//! the cluster. Reports operations, errors, wrong values, and redirects for each change of the topology.
//!
//! `cargo run --release --package annulet-client --example load -- --namenode 127.0.0.1:7000 --seconds 20`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use annulet_client::{Client, Error};

/// What was asked for.
struct Settings {
    addresses: Vec<String>,
    seconds: u64,
    tasks: usize,
    keys: usize,
}

/// What has happened so far.
#[derive(Default)]
struct Tally {
    operations: AtomicU64,
    errors: AtomicU64,
    wrong: AtomicU64,
    slowest_micros: AtomicU64,
    stop: AtomicBool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = settings()?;
    let client = Client::connect(&settings.addresses).await?;
    let tally = Arc::new(Tally::default());
    let changes = tokio::spawn(follow(client.clone()));
    let tasks: Vec<_> = (0..settings.tasks)
        .map(|task| tokio::spawn(count(client.clone(), tally.clone(), task, settings.keys)))
        .collect();

    let (start, mut before) = (Instant::now(), 0);
    for second in 1..=settings.seconds {
        tokio::time::sleep_until((start + Duration::from_secs(second)).into()).await;
        let operations = tally.operations.load(Ordering::Relaxed);
        println!(
            "{second:>4} s  {:>8} ops/s  {} errors  {} wrong  {} redirects  slowest {:.1} ms",
            operations - before,
            tally.errors.load(Ordering::Relaxed),
            tally.wrong.load(Ordering::Relaxed),
            client.stats().moved,
            tally.slowest_micros.swap(0, Ordering::Relaxed) as f64 / 1000.0,
        );
        before = operations;
    }
    tally.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    changes.abort();
    let operations = tally.operations.load(Ordering::Relaxed);
    let (errors, wrong) =
        (tally.errors.load(Ordering::Relaxed), tally.wrong.load(Ordering::Relaxed));
    println!("total: {operations} operations, {:.0} a second", operations as f64 / seconds);
    println!("       {errors} errors, {wrong} wrong values");
    println!("       {:?}", client.stats());
    if errors + wrong == 0 { Ok(()) } else { Err("not clean".into()) }
}

/// Counts up on its own keys in turn, and compares what it reads with what it wrote.
async fn count(client: Client, tally: Arc<Tally>, task: usize, keys: usize) {
    for round in 1_u64.. {
        for number in 0..keys {
            if tally.stop.load(Ordering::Relaxed) {
                return;
            }
            let (key, value) = (format!("load:{task}:{number}"), round.to_string());
            let start = Instant::now();
            let outcome = check(&client, &key, &value).await;
            let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            tally.slowest_micros.fetch_max(micros, Ordering::Relaxed);
            tally.operations.fetch_add(2, Ordering::Relaxed);
            match outcome {
                Ok(true) => {}
                Ok(false) => _ = tally.wrong.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    eprintln!("{key}: {error}");
                    tally.errors.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

async fn check(client: &Client, key: &str, value: &str) -> Result<bool, Error> {
    client.set(key, value).await?;
    Ok(client.get(key).await?.as_deref() == Some(value.as_bytes()))
}

/// Prints each change that moves slots, with the redirects since the one before.
async fn follow(client: Client) {
    let (mut watch, mut before) = (client.watch(), client.stats().moved);
    let (mut flips, mut slots) = (0_u64, 0);
    while let Some(change) = watch.next().await {
        if change.moved.is_empty() {
            for member in change.joined.iter().chain(&change.altered) {
                println!(
                    "        version {}: {} is {:?}",
                    change.to_version, member.id, member.state
                );
            }
            continue;
        }
        flips += 1;
        slots += change.moved.iter().map(|moved| moved.slots.len()).sum::<usize>();
        let moved = client.stats().moved;
        if moved > before || flips % 50 == 0 {
            println!(
                "        version {}: {flips} flips so far of {slots} slots; {} redirects at this one, {moved} in all",
                change.to_version,
                moved - before
            );
        }
        before = moved;
    }
}

fn settings() -> Result<Settings, String> {
    let mut settings = Settings { addresses: Vec::new(), seconds: 20, tasks: 64, keys: 500 };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let value = args.next().ok_or(format!("{flag} needs a value"))?;
        let number = || value.parse::<usize>().map_err(|error| format!("{flag} {value}: {error}"));
        match flag.as_str() {
            "--namenode" | "--datanode" => settings.addresses.push(value),
            "--seconds" => settings.seconds = number()? as u64,
            "--tasks" => settings.tasks = number()?,
            "--keys" => settings.keys = number()?,
            _ => {
                return Err(format!(
                    "unknown flag {flag}; there are --namenode --datanode --seconds --tasks --keys"
                ));
            }
        }
    }
    if settings.addresses.is_empty() {
        settings.addresses.push("127.0.0.1:7000".to_owned());
    }
    Ok(settings)
}
