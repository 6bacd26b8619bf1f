//! The command line, and what it prints.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use annulet_cluster::mutant::{self, Mutant};
use annulet_sim::{fault_names, run, trace};
use clap::Parser;

/// Runs whole clusters in one thread, on virtual time and a network that fails.
#[derive(Debug, Parser)]
struct Args {
    /// So many seeds, beginning with --first.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// No further seed is begun after so long.
    #[arg(long)]
    seconds: Option<u64>,
    /// One seed, with its trace.
    #[arg(long)]
    seed: Option<u64>,
    /// Kinds of faults, separated by commas; none with --faults "".
    #[arg(long, value_delimiter = ',', default_values_t = fault_names())]
    faults: Vec<String>,
    /// A line for each seed, not only for those with violations.
    #[arg(long)]
    verbose: bool,
    /// Wrong variants of the protocol instead of the right one, all or those that are named: for each, the first seed that
    /// finds it.
    #[arg(long, value_name = "M1,M2...", value_delimiter = ',', num_args = 0..=1, default_missing_value = "all")]
    mutants: Vec<String>,
    /// What the trace shows, as RUST_LOG says it.
    #[arg(long, default_value = "info")]
    trace: String,
}

pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let (first, seeds) = match args.seed {
        Some(seed) => {
            trace::start(&args.trace);
            (seed, 1)
        }
        None => (args.first, args.seeds),
    };
    let started = Instant::now();
    let faults: Vec<String> = args.faults.iter().filter(|name| !name.is_empty()).cloned().collect();
    if !args.mutants.is_empty() {
        return mutants((first, seeds), &faults, &args.mutants);
    }
    let mut fired = BTreeMap::new();
    let (mut ran, mut failed, mut flips, mut requests) = (0_u64, 0, 0, 0);
    for seed in first..first + seeds {
        if args.seconds.is_some_and(|limit| started.elapsed().as_secs() >= limit) {
            break;
        }
        ran += 1;
        let report = match run(seed, &faults) {
            Ok(report) => report,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        };
        for (fault, count) in &report.faults {
            *fired.entry(fault.clone()).or_insert(0) += count;
        }
        flips += report.flips;
        requests += report.requests;
        if args.seed.is_some() || args.verbose || !report.violations.is_empty() {
            println!(
                "seed {seed}: {} requests, {} acknowledged, {} flips, {} resets, {:.1} s of virtual time",
                report.requests,
                report.acknowledged,
                report.flips,
                report.resets,
                report.elapsed.as_secs_f64()
            );
        }
        for violation in &report.violations {
            println!("seed {seed}: {violation}");
        }
        failed += u64::from(!report.violations.is_empty());
    }
    for (fault, count) in &fired {
        println!("{count:>8} {fault}");
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!(
        "{ran} seeds, {failed} with violations; {:.0} seeds a minute; {requests} requests, {flips} flips",
        ran as f64 / minutes
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints for each mutant the first of the seeds that kills it, and by what. A failure if one lives.
fn mutants((first, seeds): (u64, u64), faults: &[String], names: &[String]) -> ExitCode {
    let is_named =
        |mutant: &Mutant| names.iter().any(|name| *name == "all" || *name == format!("{mutant:?}"));
    let mut alive = 0;
    for mutant in Mutant::ALL.into_iter().filter(is_named) {
        mutant::choose(Some(mutant));
        let found = (first..first + seeds).find_map(|seed| {
            let violation = run(seed, faults).ok()?.violations.into_iter().next()?;
            Some((seed, violation))
        });
        match found {
            Some((seed, violation)) => {
                println!(
                    "{mutant:?}: killed after {} seeds by seed {seed}: {violation}",
                    seed - first + 1
                );
            }
            None => {
                alive += 1;
                println!("{mutant:?}: alive after {seeds} seeds");
            }
        }
    }
    mutant::choose(None);
    if alive == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
