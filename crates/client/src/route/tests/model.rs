//! Three nodes, a few slots, and a router between them and its callers; everything that can go wrong does, at random.

use std::collections::{HashMap, VecDeque};

use super::*;

const SLOTS: u16 = 3;
const ADDRESSES: [&str; 3] = ["a:1", "b:1", "c:1"];
/// Nobody listens there; some nodes still name it.
const GONE: &str = "gone:1";

/// A request that was issued.
struct Issued {
    slot: Slot,
    access: Access,
    ticket: Option<Ticket>,
}

pub(super) struct Model {
    seed: u64,
    random: u64,
    router: Router,
    nodes: Vec<NodeIndex>,
    /// On the way to each node, or waiting there.
    wires: Vec<VecDeque<Request>>,
    owners: Vec<usize>,
    epoch: u64,
    /// Published, and not heard yet.
    published: VecDeque<Topology>,
    issued: Vec<Issued>,
    /// What ran on each slot, in that order.
    ran: HashMap<Slot, Vec<usize>>,
}

impl Model {
    pub(super) fn new(seed: u64) -> Self {
        let mut model = Self {
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            router: Router::new(),
            nodes: Vec::new(),
            wires: vec![VecDeque::new(), VecDeque::new(), VecDeque::new()],
            owners: vec![0; usize::from(SLOTS)],
            epoch: 1,
            published: VecDeque::new(),
            issued: Vec::new(),
            ran: HashMap::new(),
        };
        model.router.apply(&model.topology());
        model.nodes = model.router.drain().1.into_iter().map(|node| node.index).collect();
        model
    }

    pub(super) fn run(mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
        self.calm_down();
        self.check();
    }

    fn step(&mut self) {
        let node = self.below(3);
        match self.below(100) {
            0..30 => self.issue(),
            30..50 => self.take(node, 3),
            50..80 => self.serve(node),
            80..86 => self.router.tick(),
            86..90 => self.flip(),
            90..94 => self.hear(),
            94..96 => self.give_up(),
            96..98 => self.break_off(node),
            98 => self.router.unreachable(self.nodes[node], "refused".to_owned()),
            _ => self.fail_to_connect(),
        }
        self.tell();
    }

    /// Nothing goes wrong any more, until everybody has an outcome.
    fn calm_down(&mut self) {
        for _ in 0..100_000 {
            let is_waiting = |issued: &mut Issued| {
                let ticket = issued.ticket.as_mut();
                ticket.is_some_and(|ticket| !ticket.is_done())
            };
            if !self.issued.iter_mut().any(is_waiting) {
                return;
            }
            self.hear();
            self.fail_to_connect();
            for node in 0..3 {
                self.take(node, usize::MAX);
                while !self.wires[node].is_empty() {
                    self.serve(node);
                }
            }
            self.router.tick();
            self.tell();
        }
        panic!("seed {}: somebody waits for ever", self.seed);
    }

    fn issue(&mut self) {
        let slot = slot(self.below(u64::from(SLOTS)) as u16);
        let access = if self.below(3) == 0 { Access::Read } else { Access::Write };
        let (ticket, promise) = call::pair();
        let wire = Bytes::from(self.issued.len().to_string());
        self.issued.push(Issued { slot, access, ticket: Some(ticket) });
        self.router.submit(Request::new(Target::Slot(slot), access, wire, promise, None));
    }

    fn take(&mut self, node: usize, bytes: usize) {
        let mut taken = Vec::new();
        self.router.take(self.nodes[node], bytes, &mut taken);
        self.wires[node].extend(taken);
    }

    /// The node looks at its next request: runs it, or refuses it for a reason good or bad.
    fn serve(&mut self, node: usize) {
        let Some(request) = self.wires[node].pop_front() else { return };
        let slot = request.slot().expect("the model has slots only");
        let owner = self.owners[slot.index()];
        let moved = |address| error(&format!("MOVED {} {address}", slot.get()));
        let reply = match self.below(40) {
            0 => error("TRYAGAIN not now"),
            1 => moved(GONE),
            _ if owner == node => {
                self.execute(&request);
                ok()
            }
            // A node that is behind may name another one.
            _ if self.below(4) == 0 => moved(ADDRESSES[self.below(3)]),
            _ => moved(ADDRESSES[owner]),
        };
        self.router.answer(self.nodes[node], request, reply);
    }

    /// The connection breaks: some have run without an answer, some were not even begun.
    fn break_off(&mut self, node: usize) {
        let requests = std::mem::take(&mut self.wires[node]);
        let touched = self.below(requests.len() as u64 + 1);
        let run = self.below(touched as u64 + 1);
        for request in requests.iter().take(run) {
            let slot = request.slot().expect("the model has slots only");
            if self.owners[slot.index()] == node {
                self.execute(request);
            }
        }
        let unanswered = requests
            .into_iter()
            .enumerate()
            .map(|(at, request)| Unanswered { request, untouched: at >= touched });
        self.router.disconnected(self.nodes[node], unanswered, "reset");
    }

    /// Somebody has been sent to the node that is gone.
    fn fail_to_connect(&mut self) {
        let known = self.router.nodes.indexes();
        let gone = known.into_iter().find(|node| self.router.nodes.address(*node) == GONE);
        if let Some(gone) = gone {
            self.router.unreachable(gone, "refused".to_owned());
        }
    }

    fn execute(&mut self, request: &Request) {
        let number = String::from_utf8_lossy(&request.wire).parse().expect("a number");
        self.ran.entry(request.slot().expect("a slot")).or_default().push(number);
    }

    fn flip(&mut self) {
        let slot = self.below(u64::from(SLOTS));
        self.owners[slot] = self.below(3);
        self.epoch += 1;
        self.published.push_back(self.topology());
    }

    fn hear(&mut self) {
        if let Some(topology) = self.published.pop_front() {
            self.router.apply(&topology);
        }
    }

    fn give_up(&mut self) {
        if !self.issued.is_empty() {
            let any = self.below(self.issued.len() as u64);
            self.issued[any].ticket = None;
        }
    }

    fn tell(&mut self) {
        for (promise, outcome) in self.router.drain().0 {
            promise.fulfil(outcome);
        }
    }

    fn topology(&self) -> Topology {
        let mut topology = topology(&ADDRESSES, 0, self.epoch);
        for (slot, owner) in self.owners.iter().enumerate() {
            topology.slots[slot].owner = Some(*owner as u16);
        }
        topology
    }

    fn check(self) {
        let seed = self.seed;
        for (slot, ran) in &self.ran {
            let mut last_run = HashMap::new();
            for (at, number) in ran.iter().enumerate() {
                let again = last_run.insert(*number, at).is_some();
                let is_write = self.issued[*number].access == Access::Write;
                assert!(!(again && is_write), "seed {seed}: write {number} ran twice");
                assert_eq!(self.issued[*number].slot, *slot);
            }
            for (earlier, at) in &last_run {
                for (later, later_at) in &last_run {
                    let reads = [earlier, later]
                        .iter()
                        .all(|number| self.issued[**number].access == Access::Read);
                    assert!(
                        earlier >= later || at < later_at || reads,
                        "seed {seed}: {later} ran before {earlier}"
                    );
                }
            }
        }
        for (number, issued) in self.issued.into_iter().enumerate() {
            let ran = self.ran.get(&issued.slot).is_some_and(|ran| ran.contains(&number));
            match issued.ticket.map(Ticket::give_up) {
                Some(GaveUp::Done(Ok(_))) => assert!(ran, "seed {seed}: {number} did not run"),
                Some(GaveUp::Done(Err(error))) if !error.may_have_run() => {
                    // A read whose reply was lost ran, to no effect.
                    let had_effect = ran && issued.access == Access::Write;
                    assert!(!had_effect, "seed {seed}: {number} ran, and its caller heard {error}");
                }
                Some(GaveUp::Done(Err(_))) | None => {}
                Some(other) => panic!("seed {seed}: {number} ended with {other:?}"),
            }
        }
    }

    fn below(&mut self, end: u64) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % end) as usize
    }
}
