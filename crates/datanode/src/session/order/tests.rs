//! The order of one connection's commands, against a cluster that changes under it.

mod model;

use annulet_commands::Spec;
use annulet_resp::{OwnedArgs, Version};
use annulet_ring::Slot;
use annulet_store::Db;
use proptest::prelude::*;

use super::*;
use crate::session::frame::Route;
use crate::session::replies::Replies;
use model::{Event, Model};

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

fn slots(numbers: &[u16]) -> Slots {
    numbers.iter().map(|&number| slot(number)).collect()
}

fn spec(name: &str) -> &'static Spec {
    let args: OwnedArgs =
        [name, "key", "value"][..if name == "get" { 2 } else { 3 }].iter().collect();
    annulet_commands::resolve(args.as_args()).expect("a command")
}

fn head(name: &str) -> Head {
    Head { spec: spec(name), db: Db::default(), version: Version::Resp2 }
}

/// All slots belong to the other node.
struct Remote;

impl Ground<u8> for Remote {
    fn attempt(&mut self, _: Slot, _: &Command, _: Option<&Obstacle>) -> Attempt<u8> {
        Attempt::Elsewhere(Route { owner: 1, topology: 1 })
    }

    fn start(&mut self, _: Rc<Command>) {}
}

struct Connection {
    order: Order<u8>,
    replies: Replies,
}

impl Connection {
    fn new() -> Self {
        Self { order: Order::default(), replies: Replies::default() }
    }

    fn queue(&mut self, numbers: &[u16], request: &str) -> Place {
        let (place, head) = (self.replies.reserve(), head("set"));
        if let [number] = *numbers {
            let route = || Some((Route { owner: 1, topology: 1 }, 10));
            let write = |out: &mut BytesMut| out.extend_from_slice(request.as_bytes());
            if self.order.join(slot(number), (place, head, 1), route, write) {
                return place;
            }
        }
        let request = request.as_bytes().to_vec();
        self.order.wait(Command { place, head, slots: slots(numbers), request, deadline: 10 });
        place
    }

    /// The requests of the next frame that leaves.
    fn depart(&mut self) -> Option<(FrameId, String)> {
        self.order.advance(&mut Remote);
        let id = self.order.depart()?;
        let requests = &self.order.frame(id)?.requests;
        Some((id, String::from_utf8_lossy(requests).into_owned()))
    }
}

#[test]
fn commands_of_one_batch_travel_together_and_later_ones_on_their_slots_wait() {
    let mut connection = Connection::new();
    for (number, request) in [(1, "a"), (2, "b"), (1, "c")] {
        connection.queue(&[number], request);
    }
    let (first, requests) = connection.depart().expect("a frame");
    assert_eq!(requests, "abc");
    connection.queue(&[1], "d");
    connection.queue(&[3], "e");
    assert_eq!(connection.depart().map(|(_, requests)| requests), Some("e".to_owned()));
    connection.order.settle(first, 0, Settled::Answered);
    assert_eq!(connection.depart(), None, "c is still under way");
    connection.order.settle(first, 2, Settled::Answered);
    assert_eq!(connection.depart().map(|(_, requests)| requests), Some("d".to_owned()));
    assert_eq!((connection.order.len(), connection.order.bytes()), (3, 3));
}

#[test]
fn what_did_not_run_goes_before_what_came_later() {
    let mut connection = Connection::new();
    connection.queue(&[1], "a");
    connection.queue(&[1], "b");
    let (first, _) = connection.depart().expect("a frame");
    connection.queue(&[1], "c");
    connection.order.settle(first, 1, Settled::Again);
    connection.order.settle(first, 0, Settled::Blocked(Obstacle::Closed));
    assert_eq!(connection.depart(), None, "something is in the way");
    assert!(connection.order.take_newly_blocked());
    connection.order.unblock();
    assert_eq!(connection.depart().map(|(_, requests)| requests), Some("abc".to_owned()));
}

#[test]
fn a_command_on_two_slots_waits_for_both_and_holds_both() {
    let mut connection = Connection::new();
    connection.queue(&[1], "a");
    connection.queue(&[1, 2], "both");
    connection.queue(&[2], "behind");
    let (first, requests) = connection.depart().expect("a frame");
    assert_eq!(requests, "a");
    assert_eq!(connection.depart(), None);
    connection.order.settle(first, 0, Settled::Answered);
    let mut starter = Starter(None);
    connection.order.advance(&mut starter);
    let both = starter.0.expect("both slots are free");
    assert_eq!(both.request, b"both");
    assert_eq!(connection.depart(), None, "it holds both");
    connection.order.release(&both);
    assert_eq!(connection.depart().map(|(_, requests)| requests), Some("behind".to_owned()));
    assert!(!connection.order.is_busy(&slots(&[1])) && connection.order.is_busy(&slots(&[1, 2])));
}

struct Starter(Option<Rc<Command>>);

impl Ground<u8> for Starter {
    fn attempt(&mut self, _: Slot, _: &Command, _: Option<&Obstacle>) -> Attempt<u8> {
        Attempt::Blocked(Obstacle::Closed)
    }

    fn start(&mut self, command: Rc<Command>) {
        self.0 = Some(command);
    }
}

#[test]
fn only_so_many_frames_are_on_their_way_and_the_next_one_fills_meanwhile() {
    let mut connection = Connection::new();
    let mut frames = Vec::new();
    for number in 0..FRAMES_IN_FLIGHT_MAX as u16 {
        connection.queue(&[number], "x");
        frames.extend(connection.depart());
    }
    assert_eq!(frames.len(), FRAMES_IN_FLIGHT_MAX);
    for number in 100..103 {
        connection.queue(&[number], "y");
        assert_eq!(connection.depart(), None);
    }
    connection.order.settle(frames[0].0, 0, Settled::Answered);
    assert_eq!(connection.depart().map(|(_, requests)| requests), Some("yyy".to_owned()));
}

#[test]
fn once_a_write_may_have_run_nothing_else_on_its_slot_is_sent_again() {
    let mut connection = Connection::new();
    let names = ["get", "set", "get", "get"];
    for (name, number) in names.into_iter().zip([1, 1, 1, 2]) {
        let place = connection.replies.reserve();
        let route = || Some((Route { owner: 1, topology: 1 }, 10));
        assert!(connection.order.join(slot(number), (place, head(name), 1), route, |_| {}));
    }
    let (id, _) = connection.depart().expect("a frame");
    let again: Vec<bool> =
        connection.order.all_unknown(id).into_iter().map(|(_, _, again)| again).collect();
    assert_eq!(again, [false, false, false, true], "a read before it might see what it wrote");
}

#[test]
fn a_frame_takes_no_request_that_would_make_it_too_long() {
    let mut connection = Connection::new();
    for (number, length) in [(1, 1000), (2, 1 << 30), (3, 1000)] {
        let place = connection.replies.reserve();
        let route = || Some((Route { owner: 1, topology: 1 }, 10));
        let write = |out: &mut BytesMut| out.extend_from_slice(number.to_string().as_bytes());
        let joined =
            connection.order.join(slot(number), (place, head("set"), length), route, write);
        assert!(joined, "in a frame of its own if need be");
    }
    let frames: Vec<String> =
        std::iter::from_fn(|| connection.depart()).map(|(_, requests)| requests).collect();
    assert_eq!(
        frames,
        ["1", "23"],
        "what is in a frame is known exactly, what joins by its length"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Slots flip and close, links break, answers come late: the commands of each slot run in the order in which they
    /// were sent, a write at most once, and each command gets one reply.
    #[test]
    fn commands_of_a_slot_keep_their_order_whatever_the_cluster_does(
        events in prop::collection::vec(Event::any(), 1..200)
    ) {
        let mut model = Model::new();
        for event in events {
            model.step(event);
        }
        model.finish();
    }
}
