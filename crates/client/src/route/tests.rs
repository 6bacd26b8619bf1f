//! The promise of the router, held against a model of nodes that flip, refuse, stall and break at random; then the
//! stories behind it one by one.

mod model;

use bytes::Bytes;

use super::*;
use crate::call::{self, GaveUp, Ticket};
use crate::topology::{Member, MemberState, Ownership};
use model::Model;

/// Members whose cluster ports are these; member `owner` owns every slot, since `epoch`.
fn topology(addresses: &[&str], owner: u16, epoch: u64) -> Topology {
    let member = |address: &&str| Member {
        id: (*address).to_owned(),
        incarnation: "1".to_owned(),
        client: format!("plain.{address}"),
        cluster: (*address).to_owned(),
        state: MemberState::Active,
        weight: 100,
    };
    Topology {
        cluster_id: "c".to_owned(),
        generation: 1,
        version: epoch,
        members: addresses.iter().map(member).collect(),
        slots: vec![Ownership { epoch, owner: Some(owner) }; SLOT_COUNT],
    }
}

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

/// A router, and what its callers wait for.
struct Story {
    router: Router,
    nodes: Vec<NodeIndex>,
    on_wire: Vec<(usize, Request)>,
}

impl Story {
    /// Two nodes; the first one owns everything.
    fn new() -> Self {
        let mut router = Router::new();
        router.apply(&topology(&["a:1", "b:1"], 0, 1));
        let nodes = router.drain().1.into_iter().map(|node| node.index).collect();
        Self { router, nodes, on_wire: Vec::new() }
    }

    fn issue(&mut self, name: &'static str, access: Access) -> Ticket {
        let (ticket, promise) = call::pair();
        let wire = Bytes::from_static(name.as_bytes());
        self.router.submit(Request::new(Target::Slot(slot(7)), access, wire, promise, None));
        ticket
    }

    fn write(&mut self, name: &'static str) -> Ticket {
        self.issue(name, Access::Write)
    }

    fn read(&mut self, name: &'static str) -> Ticket {
        self.issue(name, Access::Read)
    }

    /// The node's connection takes what waits; returns the names.
    fn take(&mut self, node: usize) -> Vec<String> {
        let mut taken = Vec::new();
        self.router.take(self.nodes[node], usize::MAX, &mut taken);
        let names = taken.iter().map(|request| String::from_utf8_lossy(&request.wire).into_owned());
        let names = names.collect();
        self.on_wire.extend(taken.into_iter().map(|request| (node, request)));
        names
    }

    /// The oldest request on the node's connection is answered.
    fn answer(&mut self, node: usize, reply: Value) {
        let at = self.on_wire.iter().position(|(at, _)| *at == node).expect("one is on the wire");
        let (_, request) = self.on_wire.remove(at);
        self.router.answer(self.nodes[node], request, reply);
        self.tell();
    }

    /// The node's connection ends; of what is on it, this many were not touched.
    fn break_off(&mut self, node: usize, untouched: usize) {
        let (here, rest) =
            std::mem::take(&mut self.on_wire).into_iter().partition(|(at, _)| *at == node);
        self.on_wire = rest;
        let here: Vec<(usize, Request)> = here;
        let touched = here.len() - untouched;
        let unanswered = here
            .into_iter()
            .enumerate()
            .map(|(at, (_, request))| Unanswered { request, untouched: at >= touched });
        self.router.disconnected(self.nodes[node], unanswered, "reset");
        self.tell();
    }

    fn flip(&mut self, owner: u16, epoch: u64) {
        self.router.apply(&topology(&["a:1", "b:1"], owner, epoch));
        self.tell();
    }

    fn tell(&mut self) {
        for (promise, outcome) in self.router.drain().0 {
            promise.fulfil(outcome);
        }
    }
}

fn ok() -> Value {
    Value::Simple(Bytes::from_static(b"OK"))
}

fn error(line: &str) -> Value {
    Value::Error(ServerError::new(line))
}

#[track_caller]
fn check_error(ticket: Ticket, text: &str) {
    match ticket.give_up() {
        GaveUp::Done(Err(error)) => assert!(error.to_string().contains(text), "{error}"),
        other => panic!("{other:?} instead of {text}"),
    }
}

#[test]
fn whatever_happens_requests_of_a_slot_run_in_the_order_of_issue_and_writes_never_twice() {
    for seed in 1..=60 {
        Model::new(seed).run(500);
    }
}

#[test]
fn a_push_sends_what_was_not_written_yet_to_the_new_owner_and_nobody_is_told_twice() {
    let mut story = Story::new();
    let first = story.write("1");
    let second = story.write("2");
    story.flip(1, 2);
    assert_eq!(story.take(0), Vec::<String>::new());
    assert_eq!(story.take(1), ["1", "2"]);
    story.answer(1, ok());
    story.answer(1, ok());
    assert_eq!(
        (first.give_up(), second.give_up()),
        (GaveUp::Done(Ok(ok())), GaveUp::Done(Ok(ok())))
    );
    assert_eq!(story.router.counts.moved, 0);
}

#[test]
fn after_a_flip_new_writes_wait_until_the_fate_of_the_old_ones_is_known() {
    let mut story = Story::new();
    let _first = story.write("1");
    assert_eq!(story.take(0), ["1"]);
    story.flip(1, 2);
    let _second = story.write("2");
    assert_eq!(story.take(1), Vec::<String>::new());
    story.answer(0, error("MOVED 7 b:1"));
    assert_eq!(story.take(1), ["1", "2"]);
}

#[test]
fn a_moved_is_followed_at_once_and_for_the_whole_slot() {
    let mut story = Story::new();
    let _tickets = [story.write("1"), story.write("2"), story.write("3")];
    assert_eq!(story.take(0), ["1", "2", "3"]);
    for _ in 0..3 {
        story.answer(0, error("MOVED 7 b:1"));
    }
    assert_eq!(story.take(1), ["1", "2", "3"]);
    assert_eq!((story.router.counts.moved, story.router.counts.moved_again), (3, 0));
    let _fourth = story.write("4");
    assert_eq!(story.take(1), ["4"], "the route is known now");
}

#[test]
fn a_hint_holds_until_a_higher_epoch_and_not_longer() {
    let mut story = Story::new();
    let _first = story.write("1");
    story.take(0);
    story.answer(0, error("MOVED 7 b:1"));
    story.flip(0, 1);
    assert_eq!(story.take(1), ["1"], "the same decision again says nothing new");
    story.answer(1, ok());
    story.flip(0, 2);
    let _second = story.write("2");
    assert_eq!(story.take(0), ["2"]);
}

#[test]
fn a_hint_to_a_node_that_has_left_gives_way_to_what_was_decided() {
    let mut story = Story::new();
    let _first = story.write("1");
    story.take(0);
    story.answer(0, error("MOVED 7 b:1"));
    story.router.apply(&topology(&["a:1"], 0, 1));
    assert_eq!(story.take(0), ["1"]);
    assert!(story.router.retire(story.nodes[1]), "nothing is routed to it any more");
}

#[test]
fn a_hint_to_a_node_that_cannot_be_reached_gives_way_to_what_was_decided() {
    let mut story = Story::new();
    let _first = story.write("1");
    story.take(0);
    story.answer(0, error("MOVED 7 gone:1"));
    let gone = story.router.routes.owner(slot(7)).expect("the node of the hint");
    story.router.unreachable(gone, "refused".to_owned());
    assert_eq!(story.take(0), ["1"]);
}

#[test]
fn the_table_never_goes_back_to_a_lower_epoch() {
    let mut story = Story::new();
    story.flip(1, 5);
    story.flip(0, 4);
    let _first = story.write("1");
    assert_eq!(story.take(1), ["1"]);
}

#[test]
fn nodes_that_send_each_other_a_slot_are_asked_ever_more_slowly() {
    let mut story = Story::new();
    let _first = story.write("1");
    let mut ticks = Vec::new();
    for round in 0..10 {
        let node = round % 2;
        let mut waited = 0;
        while story.take(node).is_empty() {
            assert!(story.router.is_waiting());
            story.router.tick();
            waited += 1;
        }
        ticks.push(waited);
        story.answer(node, error(["MOVED 7 b:1", "MOVED 7 a:1"][node]));
    }
    assert_eq!(ticks, [0, 0, 1, 2, 4, 8, 16, 32, 64, 64]);
}

#[test]
fn a_write_that_did_not_run_is_not_repeated_once_a_later_one_has_run() {
    let mut story = Story::new();
    let (first, second, third) = (story.write("1"), story.write("2"), story.write("3"));
    story.take(0);
    story.answer(0, error("TRYAGAIN Slot 7 is being handed over; the command did not run"));
    story.answer(0, ok());
    check_error(first, "TRYAGAIN");
    story.answer(0, ok());
    assert_eq!(story.take(0), Vec::<String>::new(), "nothing is sent again");
    assert_eq!(
        (second.give_up(), third.give_up()),
        (GaveUp::Done(Ok(ok())), GaveUp::Done(Ok(ok())))
    );
    assert_eq!(story.router.counts.overtaken, 1);
}

#[test]
fn a_write_waits_behind_one_that_was_told_to_wait() {
    let mut story = Story::new();
    let _first = story.write("1");
    story.take(0);
    story.answer(0, error("TRYAGAIN not now"));
    let _second = story.write("2");
    assert_eq!(story.take(0), Vec::<String>::new());
    story.router.tick();
    assert_eq!(story.take(0), ["1", "2"]);
}

#[test]
fn reads_may_pass_each_other_and_nothing_else() {
    let mut story = Story::new();
    let _reads = [story.read("read 1"), story.read("read 2")];
    let write = story.write("write 3");
    story.take(0);
    story.answer(0, error("TRYAGAIN not now"));
    story.answer(0, ok());
    story.answer(0, error("TRYAGAIN not now"));
    story.router.tick();
    assert_eq!(story.take(0), ["read 1", "write 3"]);
    drop(write);
}

#[test]
fn of_a_broken_connection_writes_are_indeterminate_reads_go_again_and_the_untouched_too() {
    let mut story = Story::new();
    let write = story.write("write 1");
    let _rest = [story.read("read 2"), story.write("write 3"), story.write("write 4")];
    story.take(0);
    let _later = story.write("write 5");
    story.break_off(0, 2);
    check_error(write, "may or may not have run: reset");
    assert_eq!(story.take(0), ["read 2", "write 3", "write 4", "write 5"]);
}

#[test]
fn a_read_is_not_repeated_behind_a_later_write_that_may_have_run() {
    let mut story = Story::new();
    let (read, write) = (story.read("read 1"), story.write("write 2"));
    story.take(0);
    story.break_off(0, 0);
    check_error(read, "may or may not have run");
    check_error(write, "may or may not have run");
    assert_eq!(story.take(0), Vec::<String>::new());
}

#[test]
fn what_nobody_waits_for_any_more_is_not_sent() {
    let mut story = Story::new();
    let (first, second) = (story.write("1"), story.write("2"));
    assert_eq!(first.give_up(), GaveUp::NeverSent);
    assert_eq!(story.take(0), ["2"]);
    story.answer(0, ok());
    assert_eq!(second.give_up(), GaveUp::Done(Ok(ok())));
}

#[test]
fn a_slot_without_an_owner_waits_for_one_and_says_so() {
    let mut router = Router::new();
    let (ticket, promise) = call::pair();
    router.submit(Request::new(Target::Slot(slot(7)), Access::Write, Bytes::new(), promise, None));
    assert!(router.is_waiting());
    assert_eq!(router.waiting_for(Target::Slot(slot(7))), "slot 7 to have an owner");
    assert_eq!(ticket.give_up(), GaveUp::NeverSent);
    router.tick();
    assert!(!router.is_waiting(), "what nobody waits for is dropped");
}

#[test]
fn a_moved_without_a_host_means_the_host_that_said_so() {
    let mut story = Story::new();
    let _first = story.write("1");
    story.take(0);
    story.answer(0, error("MOVED 7 :9"));
    let new = story.router.drain().1;
    assert_eq!(new.iter().map(|node| &*node.address).collect::<Vec<_>>(), [] as [&str; 0]);
    assert!(story.router.addresses().contains(&"a:9".to_owned()));
}

#[test]
fn a_moved_to_an_ipv6_host_leads_to_the_address_that_the_topology_has() {
    for told in ["MOVED 7 fd00::7:9", "MOVED 7 [fd00::7]:9"] {
        let mut story = Story::new();
        let _first = story.write("1");
        story.take(0);
        story.answer(0, error(told));
        assert!(story.router.addresses().contains(&"[fd00::7]:9".to_owned()), "{told}");
    }
}

#[test]
fn a_moved_that_cannot_be_read_is_an_error_of_the_command() {
    for line in ["MOVED", "MOVED 7", "MOVED 16384 b:1", "MOVED 7 b", "MOVED 7 b:x"] {
        let mut story = Story::new();
        let first = story.write("1");
        story.take(0);
        story.answer(0, error(line));
        check_error(first, line);
    }
}

#[test]
fn a_question_to_the_nodes_does_not_undo_what_was_learnt_after_it_was_asked() {
    let mut story = Story::new();
    let asked_at = story.router.hints();
    let _first = story.write("1");
    story.take(0);
    story.answer(0, error("MOVED 7 b:1"));
    story.router.apply_hints(&topology(&["a:1", "b:1"], 0, 0), asked_at, &[]);
    assert_eq!(story.take(1), ["1"]);
}

#[test]
fn a_write_on_the_whole_cluster_that_some_nodes_did_not_answer_may_have_run() {
    for (access, may_have_run) in [(Access::Write, true), (Access::Read, false)] {
        let mut story = Story::new();
        let (ticket, promise) = call::pair();
        let target = Target::Any(Port::Plain);
        story.router.submit(Request::new(target, access, Bytes::new(), promise, None));
        let node = story.router.drain().1.pop().expect("a plain port").index;
        let mut taken = Vec::new();
        story.router.take(node, usize::MAX, &mut taken);
        let said = error("TRYAGAIN 7 slots did not answer in time; the others did");
        story.router.answer(node, taken.pop().expect("the request"), said);
        story.tell();
        match ticket.give_up() {
            GaveUp::Done(Err(error)) => {
                assert_eq!(error.may_have_run(), may_have_run, "{error}");
                assert!(error.to_string().contains("7 slots did not answer"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_node_that_has_left_is_forgotten_when_nothing_is_routed_to_it() {
    let mut story = Story::new();
    assert!(!story.router.retire(story.nodes[1]), "a member stays");
    story.router.apply(&topology(&["a:1"], 0, 2));
    assert!(!story.router.is_member(story.nodes[1]));
    assert!(story.router.retire(story.nodes[1]));
    assert_eq!(story.router.addresses(), ["a:1"]);
}
