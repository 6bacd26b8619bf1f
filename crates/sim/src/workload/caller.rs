//! One connection whose every request and reply goes into the history.

use annulet_net::sim::Random;

use crate::history::Outcome;
use crate::wire::{Answer, Wire};
use crate::world::{World, node_name};

/// A client's connection to a plain port.
pub(super) struct Caller<'a> {
    world: &'a World,
    wire: Wire,
}

impl<'a> Caller<'a> {
    /// Connects to one of the nodes that the cluster began with.
    pub(super) async fn connect(world: &'a World, random: &mut Random) -> Result<Self, String> {
        let node = node_name(random.below(world.founders as u64) as usize);
        Ok(Self { world, wire: Wire::connect(&format!("{node}:7001")).await? })
    }

    /// One request; the first of `values`, if there is one, is what it writes. `None`: the connection is of no use any more.
    pub(super) async fn ask(
        &mut self,
        command: &'static str,
        key: &str,
        values: &[&str],
    ) -> Option<Outcome> {
        let word = values.first().copied().unwrap_or_default();
        let op = self.world.history.borrow_mut().invoke(command, key, word);
        let request: Vec<&str> = [command, key].iter().chain(values).copied().collect();
        let answer = self.wire.call(&request).await;
        let works = answer.is_ok();
        let outcome = answer.map_or_else(Outcome::Unknown, Answer::outcome);
        self.world.history.borrow_mut().end(op, outcome.clone());
        works.then_some(outcome)
    }
}
