//! What the search finds: nothing in the real machines, and every mutant.
//!
//! With 16384 slots a step of the NameNode takes milliseconds. `scripts/model` builds this with few slots; one story is
//! told in every build, so that the model is not forgotten.

use std::time::Instant;

use super::action::{Budget, NOTHING};
use super::explore::{Report, explore};
use super::world::World;
use crate::mutant::{self, Mutant};

/// Nothing goes wrong.
const QUIET: Budget = Budget { writes: 2, ..NOTHING };

/// The NameNode dies, and starts on a copy of its store that was made before the move.
const OLD_COPY: Budget = Budget {
    writes: 1,
    faults: 2,
    name_node_crashes: 1,
    restores: 1,
    restores_first: true,
    ..NOTHING
};

/// A kind of fault, and how many of it may strike.
type Kind = (&'static str, fn(&mut Budget) -> &mut u8);

const KINDS: [Kind; 9] = [
    ("a link breaks", |budget| &mut budget.cuts),
    ("a stream breaks", |budget| &mut budget.stream_cuts),
    ("a node dies", |budget| &mut budget.crashes),
    ("a node is declared dead that lives", |budget| &mut budget.false_deaths),
    ("the NameNode dies", |budget| &mut budget.name_node_crashes),
    ("the time of a batch is over", |budget| &mut budget.timeouts),
    ("a batch in doubt asks again", |budget| &mut budget.queries),
    ("a message comes twice", |budget| &mut budget.repeats),
    ("a pause ends", |budget| &mut budget.waits),
];

/// As many faults as kinds are named, of these kinds; what is named twice may strike twice.
fn faults(kinds: &[Kind]) -> Budget {
    let mut budget = Budget { writes: 1, ..NOTHING };
    for (_, of_kind) in kinds {
        budget.faults += 1;
        *of_kind(&mut budget) += 1;
    }
    budget
}

/// More than a search comes to that has to see everything.
const STATES_MAX: usize = 3_000_000;
/// What is looked at of one pair of faults; two minutes and 1 GB. `ANNULET_MODEL_STATES` sets another limit.
const PAIR_STATES_MAX: usize = 1_000_000;

fn search(name: &str, budget: Budget, states_max: usize) -> Report {
    let began = Instant::now();
    let report = explore(&World::new(budget), states_max);
    let Report { states, depth, complete, fault } = &report;
    let seconds = began.elapsed().as_secs_f64();
    let extent = match complete {
        true => format!("all, the longest way has {depth} steps"),
        false => format!("all that {depth} steps lead to, and some of the next one"),
    };
    println!("{name}: {states} states, {extent}, {seconds:.1} s");
    if let Some((fault, _)) = fault {
        println!("    {fault}");
    }
    report
}

/// Searches as far as the limit goes, and finds nothing.
fn assert_clean_within(name: &str, budget: Budget, states_max: usize) -> Report {
    let report = search(name, budget, states_max);
    if let Some((fault, story)) = &report.fault {
        panic!("{fault}\n{}", story.join("\n"));
    }
    report
}

/// Searches everything, and finds nothing.
fn assert_clean(name: &str, budget: Budget) {
    let report = assert_clean_within(name, budget, STATES_MAX);
    assert!(report.complete, "{name}: there are more than {STATES_MAX} states");
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
    for kind in KINDS {
        assert_clean(kind.0, faults(&[kind]));
    }
}

#[test]
#[cfg_attr(not(annulet_few_slots), ignore = "scripts/model runs it with few slots")]
fn a_name_node_on_an_old_copy_takes_nothing_from_an_owner_that_lives() {
    assert_clean("an old copy", OLD_COPY);
    let late = Budget { writes: 0, faults: 3, waits: 1, ..OLD_COPY };
    assert_clean("an old copy, and somebody stays away", late);
}

#[test]
#[ignore = "the long form: scripts/model --long"]
fn a_name_node_on_an_old_copy_survives_one_fault_more() {
    let late = Budget { faults: 4, waits: 1, queries: 1, ..OLD_COPY };
    assert_clean("an old copy, and somebody stays away who asks again later", late);
    let dead = Budget { faults: 3, crashes: 1, ..OLD_COPY };
    assert_clean("an old copy, and somebody dies", dead);
}

/// Two faults of any kind are two faults of some pair of kinds: each pair is searched by itself, in the memory of one. It
/// says which pairs were too many for the limit, and how far they were looked at.
#[test]
#[ignore = "the long form: scripts/model --long"]
fn no_two_faults_break_an_invariant() {
    let limit = std::env::var("ANNULET_MODEL_STATES").ok().and_then(|limit| limit.parse().ok());
    let limit = limit.unwrap_or(PAIR_STATES_MAX);
    let (mut states, mut pairs, mut parts) = (0, 0, Vec::new());
    for (index, &first) in KINDS.iter().enumerate() {
        for &second in &KINDS[index..] {
            let name = format!("{}, and {}", first.0, second.0);
            let report = assert_clean_within(&name, faults(&[first, second]), limit);
            (states, pairs) = (states + report.states, pairs + 1);
            if !report.complete {
                parts.push(format!("    {name}: {} steps", report.depth));
            }
        }
    }
    println!("two faults: {states} states of {pairs} pairs; in part only {}", parts.len());
    parts.iter().for_each(|part| println!("{part}"));
}

#[test]
#[cfg_attr(not(annulet_few_slots), ignore = "scripts/model runs it with few slots")]
fn every_mutant_is_found() {
    let one = |budget: Budget| Budget { writes: 2, faults: 1, ..budget };
    let mutants = [
        (Mutant::M1, QUIET, "I1"),
        (Mutant::M2, one(Budget { queries: 1, ..NOTHING }), "I"),
        (Mutant::M5, one(Budget { cuts: 1, ..NOTHING }), "I"),
        // What was published and is lost comes back with whoever has heard of it: that one has to stay away.
        (
            Mutant::M10,
            Budget { faults: 3, name_node_crashes: 1, waits: 1, queries: 1, ..NOTHING },
            "I",
        ),
        (Mutant::M11, one(Budget { crashes: 1, ..NOTHING }), "I"),
        (Mutant::M12, one(Budget { crashes: 1, ..NOTHING }), "I"),
        (Mutant::M13, QUIET, "I8"),
    ];
    for (mutant, budget, invariant) in mutants {
        mutant::choose(Some(mutant));
        let report = search(&format!("{mutant:?}"), budget, STATES_MAX);
        mutant::choose(None);
        let (fault, story) = report.fault.unwrap_or_else(|| panic!("{mutant:?} is not found"));
        println!("    after {} steps", steps(&story));
        if std::env::var("ANNULET_MODEL_STORIES").is_ok() {
            story.iter().for_each(|line| println!("    {line}"));
        }
        assert!(fault.starts_with(invariant), "{mutant:?}: {fault}");
    }
}
