//! The command line, and what it prints.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use annulet_cluster::mutant::{self, Mutant};
use annulet_sim::{Kind, Report, Summary, run, trace};
use clap::Parser;

use crate::seeds::{NOT_RUN, Seeds};

/// Every mutant, on the command line.
const ALL_MUTANTS: &str = "all";
/// Among so many seeds each kind of fault comes about.
const SEEDS_FOR_ALL_FAULTS: u64 = 100;
/// How often a long run says on standard error how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(20);

/// Runs whole clusters, each in one thread, on virtual time and a network that fails.
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
    #[arg(long, value_delimiter = ',', default_values = Kind::ALL.map(Kind::name), value_parser = fault)]
    faults: Vec<Option<Kind>>,
    /// A line for each seed, not only for those with violations.
    #[arg(long)]
    verbose: bool,
    /// Wrong variants of the protocol instead of the right one, all or those that are named: for each, a seed that finds it.
    #[arg(long, value_name = "M1,M2...", value_delimiter = ',', num_args = 0..=1, default_missing_value = ALL_MUTANTS, value_parser = mutants_named)]
    mutants: Vec<Vec<Mutant>>,
    /// Seeds that run at the same time; as many as there are processors unless given.
    #[arg(long)]
    jobs: Option<usize>,
    /// With --seed: only what it found, for a program.
    #[arg(long)]
    report: bool,
    /// What the trace shows, as RUST_LOG says it.
    #[arg(long, default_value = "info")]
    trace: String,
}

pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let chosen: Vec<Mutant> = args.mutants.concat();
    let faults: Vec<Kind> = args.faults.iter().flatten().copied().collect();
    let outcome = match args.seed {
        Some(seed) => {
            mutant::choose(chosen.first().copied());
            one(seed, &faults, (!args.report).then_some(&args.trace))
        }
        None => {
            let processors = || std::thread::available_parallelism().map_or(1, usize::from);
            let seeds = Seeds {
                range: args.first..args.first + args.seeds,
                time: args.seconds.map(Duration::from_secs),
                faults,
                jobs: args.jobs.unwrap_or_else(processors).max(1),
                mutant: None,
            };
            match chosen.is_empty() {
                true => all(&seeds, args.verbose),
                false => mutants(&seeds, &chosen),
            }
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("annulet-sim: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs one seed in this process and prints its trace and what it found, or without a trace what it found, for a program.
fn one(seed: u64, faults: &[Kind], trace: Option<&String>) -> io::Result<bool> {
    let started = Instant::now();
    if let Some(filter) = trace {
        trace::start(filter);
    }
    let report = run(seed, faults);
    match trace {
        Some(_) => {
            let mut summary = Summary::default();
            summary.add(&report);
            println!("{report}");
            print_violations(&report);
            print_summary(&summary, started.elapsed());
        }
        // Whoever asked may have heard enough and be gone.
        None => drop(writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)),
    }
    Ok(report.violations.is_empty())
}

/// A kind of fault; nothing for an empty word, which is how to say none.
fn fault(name: &str) -> Result<Option<Kind>, String> {
    match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
        None if !name.is_empty() => {
            Err(format!("there are {}", Kind::ALL.map(Kind::name).join(", ")))
        }
        kind => Ok(kind),
    }
}

/// One of the mutants, or all.
fn mutants_named(name: &str) -> Result<Vec<Mutant>, String> {
    let is_named = |mutant: &Mutant| name == ALL_MUTANTS || name == format!("{mutant:?}");
    let named: Vec<Mutant> = Mutant::ALL.into_iter().filter(is_named).collect();
    match named.is_empty() {
        true => Err(format!("there are {:?}", Mutant::ALL)),
        false => Ok(named),
    }
}

/// Runs all seeds and prints what they found. Whether it was nothing, and each kind of fault came about (I26).
fn all(seeds: &Seeds, verbose: bool) -> io::Result<bool> {
    let started = Instant::now();
    let mut told = started;
    let mut summary = Summary::default();
    for report in seeds.run()? {
        if verbose || !report.violations.is_empty() {
            println!("{report}");
        }
        print_violations(&report);
        summary.add(&report);
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            eprintln!("{}", summary.line(started.elapsed()));
        }
    }
    print_summary(&summary, started.elapsed());
    let has_fired = |kind: &&Kind| summary.faults.keys().any(|name| name.starts_with(kind.name()));
    let missing: Vec<&str> =
        seeds.faults.iter().filter(|kind| !has_fired(kind)).map(|kind| kind.name()).collect();
    let is_enough = summary.ran < SEEDS_FOR_ALL_FAULTS || missing.is_empty();
    if !is_enough {
        println!("I26: these faults never came about: {}", missing.join(", "));
    }
    Ok(summary.failed == 0 && is_enough)
}

fn print_summary(summary: &Summary, took: Duration) {
    for (fault, count) in &summary.faults {
        println!("{count:>8} {fault}");
    }
    println!("{}", summary.line(took));
}

fn print_violations(report: &Report) {
    for violation in &report.violations {
        println!("seed {}: {violation}", report.seed);
    }
}

/// Prints for each mutant a seed that kills it, and by what. False if one lives.
fn mutants(seeds: &Seeds, chosen: &[Mutant]) -> io::Result<bool> {
    let mut all_killed = true;
    for &mutant in chosen {
        let seeds = Seeds { mutant: Some(mutant), ..seeds.clone() };
        let mut ran = 0;
        let found = seeds.run()?.find_map(|report| {
            ran += 1;
            let found = |violation: &String| !violation.starts_with(NOT_RUN);
            Some((report.seed, report.violations.into_iter().find(found)?))
        });
        match found {
            Some((seed, violation)) => {
                println!("{mutant:?}: killed after {ran} seeds by seed {seed}: {violation}");
            }
            None => {
                all_killed = false;
                println!("{mutant:?}: alive after {ran} seeds");
            }
        }
    }
    Ok(all_killed)
}
