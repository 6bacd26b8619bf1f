//! The annulet binary: `dev`, `namenode`, `datanode` and the admin verbs.

mod admin;
mod args;
mod config;
mod failure;
mod heap;
mod logs;
mod output;
mod report;
mod secret;
mod signals;
mod verb;

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Verb};
use failure::{Failure, Outcome};

/// Threads for control work (heartbeats, hand-off control); clients are served by workers of their own.
const CONTROL_THREADS: usize = 2;

fn main() -> ExitCode {
    annulet_net::process::ask_allocator(heap::stats);
    let cli = Cli::parse();
    match logs::start(&cli.log_level).and_then(|()| run(cli.verb)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure != Failure::OutputClosed {
                // Nobody may be reading that any more.
                let _ = writeln!(std::io::stderr(), "annulet: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(verb: Verb) -> Outcome {
    match verb {
        Verb::Dev(args) => on_runtime(verb::dev::run(&args)),
        Verb::Namenode(args) => on_runtime(verb::namenode::run(&args)),
        Verb::Datanode(args) => on_runtime(verb::datanode::run(&args)),
        Verb::Status(args) => on_runtime(verb::status::run(&args)),
        Verb::Nodes(args) => on_runtime(verb::nodes::run(&args)),
        Verb::Ring(args) => on_runtime(verb::ring::run(&args)),
        Verb::Drain(args) => on_runtime(verb::drain::run(&args)),
        Verb::Rebalance(args) => on_runtime(verb::rebalance::run(&args)),
        Verb::Watch(args) => on_runtime(verb::watch::run(&args)),
        Verb::Completions(args) => verb::completions::run(&args),
    }
}

/// Runs a verb to its end; what it has started ends with it.
fn on_runtime(verb: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("annulet-control")
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start the control threads: {error}")))?;
    let outcome = runtime.block_on(verb);
    runtime.shutdown_background();
    outcome
}
