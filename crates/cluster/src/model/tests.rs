//! What the search finds: nothing in the real machines, and every mutant.
//!
//! With 16384 slots a step of the NameNode takes milliseconds. `scripts/model` builds this with few slots; one story is
//! told in every build, so that the model is not forgotten.

use std::time::Instant;

use super::action::Budget;
use super::explore::{Report, explore};
use super::world::World;
use crate::mutant::{self, Mutant};

/// Nothing goes wrong.
const QUIET: Budget = Budget {
    writes: 2,
    faults: 0,
    cuts: 0,
    stream_cuts: 0,
    crashes: 0,
    false_deaths: 0,
    name_node_crashes: 0,
    timeouts: 0,
    queries: 0,
    repeats: 0,
    waits: 0,
    restores: 0,
};

/// So many faults of any kind.
const fn any(faults: u8) -> Budget {
    Budget {
        faults,
        cuts: faults,
        stream_cuts: faults,
        crashes: faults,
        false_deaths: faults,
        name_node_crashes: faults,
        timeouts: faults,
        queries: faults,
        repeats: faults,
        waits: faults,
        ..QUIET
    }
}

/// More than a short form looks at.
const STATES_MAX: usize = 6_000_000;

fn search(name: &str, budget: Budget) -> Report {
    let began = Instant::now();
    let report = explore(&World::new(budget), STATES_MAX);
    let Report { states, depth, complete, fault } = &report;
    let seconds = began.elapsed().as_secs_f64();
    let extent = if *complete { "all" } else { "not all" };
    println!("{name}: {states} states, depth {depth}, {extent}, {seconds:.1} s");
    if let Some((fault, _)) = fault {
        println!("    {fault}");
    }
    report
}

fn assert_clean(name: &str, budget: Budget) {
    let report = search(name, budget);
    if let Some((fault, story)) = report.fault {
        panic!("{fault}\n{}", story.join("\n"));
    }
}

/// How many things happen on the way to the fault.
fn steps(story: &[String]) -> usize {
    story.iter().filter(|line| !line.starts_with(' ')).count()
}

#[test]
fn without_faults_every_order_of_events_ends_well() {
    assert_clean("without faults", QUIET);
}

#[test]
#[cfg_attr(not(annulet_few_slots), ignore = "scripts/model runs it with few slots")]
fn no_single_fault_breaks_an_invariant() {
    assert_clean("one fault of any kind", Budget { writes: 1, ..any(1) });
}

#[test]
#[ignore = "finds two owners: the one in doubt registers first and knows nothing that shows the copy to be old"]
fn a_name_node_on_an_old_copy_takes_nothing_from_an_owner_that_lives() {
    let budget = Budget { faults: 2, name_node_crashes: 1, restores: 1, ..QUIET };
    assert_clean("an old copy of the store", Budget { writes: 1, ..budget });
}

#[test]
#[ignore = "the long form: scripts/model --long"]
fn no_two_faults_break_an_invariant() {
    assert_clean("two faults of any kind", Budget { writes: 1, ..any(2) });
}

#[test]
#[cfg_attr(not(annulet_few_slots), ignore = "scripts/model runs it with few slots")]
fn every_mutant_is_found() {
    let one = |budget: Budget| Budget { faults: 1, ..budget };
    let mutants = [
        (Mutant::M1, QUIET, "I1"),
        (Mutant::M2, one(Budget { queries: 1, ..QUIET }), "I"),
        (Mutant::M5, one(Budget { cuts: 1, ..QUIET }), "I"),
        (Mutant::M10, one(Budget { name_node_crashes: 1, ..QUIET }), "I"),
        (Mutant::M11, one(Budget { crashes: 1, ..QUIET }), "I"),
        (Mutant::M12, one(Budget { crashes: 1, ..QUIET }), "I"),
        (Mutant::M13, QUIET, "I8"),
    ];
    for (mutant, budget, invariant) in mutants {
        mutant::choose(Some(mutant));
        let report = search(&format!("{mutant:?}"), budget);
        mutant::choose(None);
        let (fault, story) = report.fault.unwrap_or_else(|| panic!("{mutant:?} is not found"));
        println!("    after {} steps", steps(&story));
        if std::env::var("ANNULET_MODEL_STORIES").is_ok() {
            story.iter().for_each(|line| println!("    {line}"));
        }
        assert!(fault.starts_with(invariant), "{mutant:?}: {fault}");
    }
}
