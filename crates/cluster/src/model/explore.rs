//! Breadth-first search through all states that a system can come to.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

/// Something whose every behaviour is to be seen.
pub(super) trait System: Clone + Hash {
    /// One thing that may happen.
    type Action;

    /// What may happen next. The same state gives the same list, in the same order.
    fn actions(&self) -> Vec<Self::Action>;

    /// The state after it.
    fn after(&self, action: &Self::Action) -> Self;

    /// What is wrong with the state, if anything is: the invariant and a sentence.
    fn fault(&self) -> Option<String>;

    /// What stays wrong if no more faults strike and everything that is due happens.
    fn hopeless(&self) -> Option<String>;

    /// The same, and from here on it says what it does, a line each.
    fn narrated(&self) -> Self;

    /// What it has said.
    fn story(&self) -> Vec<String>;
}

/// What came of a search.
#[derive(Debug)]
pub(super) struct Report {
    /// Different states that were looked at.
    pub(super) states: usize,
    /// The longest of the shortest ways to a state.
    pub(super) depth: usize,
    /// All states were looked at; else the search ended at its limit.
    pub(super) complete: bool,
    /// What is wrong, and a shortest way there.
    pub(super) fault: Option<(String, Vec<String>)>,
}

/// Whether it ends well is looked at from one state out of so many: that takes as long as many other states.
const HOPE_SAMPLE: u128 = 16;

/// How a state was come to: by the action with this number, from that state.
struct Step {
    from: u32,
    choice: u16,
}

/// Looks at every state that can be come to from `initial`, or at `states_max` of them, until one is faulty.
pub(super) fn explore<S: System>(initial: &S, states_max: usize) -> Report {
    let mut seen = HashSet::from([fingerprint(initial)]);
    let mut steps = vec![Step { from: 0, choice: 0 }];
    let mut level = vec![(0_u32, initial.clone())];
    let mut report = Report { states: 1, depth: 0, complete: true, fault: None };
    while !level.is_empty() {
        let mut next = Vec::new();
        for (number, state) in level {
            for (choice, action) in state.actions().iter().enumerate() {
                let after = state.after(action);
                let print = fingerprint(&after);
                if !seen.insert(print) {
                    continue;
                }
                steps.push(Step { from: number, choice: choice as u16 });
                let found = (steps.len() - 1) as u32;
                let hopeless = || match print % HOPE_SAMPLE {
                    0 => after.hopeless(),
                    _ => None,
                };
                if let Some(fault) = after.fault().or_else(hopeless) {
                    report.states = steps.len();
                    report.depth += 1;
                    report.fault = Some((fault, way_to(initial, &steps, found)));
                    return report;
                }
                if steps.len() >= states_max {
                    report.states = steps.len();
                    report.complete = false;
                    return report;
                }
                next.push((found, after));
            }
        }
        report.depth += usize::from(!next.is_empty());
        level = next;
    }
    report.states = steps.len();
    report
}

/// What happens from the initial state to this one.
fn way_to<S: System>(initial: &S, steps: &[Step], to: u32) -> Vec<String> {
    let mut choices = Vec::new();
    let mut at = to;
    while at != 0 {
        let step = &steps[at as usize];
        choices.push(step.choice);
        at = step.from;
    }
    let mut state = initial.narrated();
    for choice in choices.into_iter().rev() {
        let action = state.actions().swap_remove(usize::from(choice));
        state = state.after(&action);
    }
    state.story()
}

/// 128 bits, so that two states among millions do not share theirs.
fn fingerprint(state: &impl Hash) -> u128 {
    let mut print = Fingerprint { halves: [1, 2] };
    state.hash(&mut print);
    u128::from(print.halves[0]) << 64 | u128::from(print.halves[1])
}

/// Two sums of everything, that are mixed in different ways. A search takes most of its time for them.
struct Fingerprint {
    halves: [u64; 2],
}

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|&word| self.write_u64(u64::from_le_bytes(word)));
        for &byte in rest {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        const ODD: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93];
        for (half, odd) in self.halves.iter_mut().zip(ODD) {
            *half = (half.rotate_left(23) ^ word).wrapping_mul(odd);
            *half ^= *half >> 32;
        }
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.halves[0]
    }
}
