//! A hand-off connection, and the taking side behind it.

use std::collections::VecDeque;

use annulet_ring::Epoch;

use super::wire::Content;
use super::world::World;
use crate::handoff::Promise;
use crate::message::Attempt;
use crate::slot::{Event, SlotState};

/// From the source to the target.
#[derive(Debug, Clone, Hash)]
pub(super) enum Forth {
    Learn { attempt: Attempt, epoch: Epoch },
    Changes { changes: Content, mark: u64 },
    Fin { changes: Content, digest: u64 },
    Cancel,
    Closed,
}

/// From the target to the source.
#[derive(Debug, Clone, Hash)]
pub(super) enum Back {
    Learning,
    Marked(u64),
    Ready(Promise),
    Refused,
    Closed,
}

#[derive(Debug, Clone, Hash)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) attempt: Attempt,
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) forth: VecDeque<Forth>,
    pub(super) back: VecDeque<Back>,
    pub(super) source_open: bool,
    pub(super) target_open: bool,
    /// Nothing more gets through, whether the ends have noticed or not.
    broken: bool,
    /// What has arrived.
    learned: Content,
    sealed: bool,
}

impl Stream {
    pub(super) fn new(id: u32, attempt: Attempt, source: usize, target: usize) -> Self {
        Self {
            id,
            attempt,
            source,
            target,
            forth: VecDeque::new(),
            back: VecDeque::new(),
            source_open: true,
            target_open: true,
            broken: false,
            learned: Content::default(),
            sealed: false,
        }
    }

    /// What the source closed; the target still reads what is on its way.
    pub(super) fn close_source(&mut self) {
        if std::mem::replace(&mut self.source_open, false) {
            self.back.clear();
            self.forth.push_back(Forth::Closed);
        }
    }

    pub(super) fn close_target(&mut self) {
        if std::mem::replace(&mut self.target_open, false) {
            self.forth.clear();
            self.back.push_back(Back::Closed);
        }
    }

    pub(super) fn send_forth(&mut self, frame: Forth) {
        if self.source_open && self.target_open && !self.broken {
            self.forth.push_back(frame);
        }
    }

    fn send_back(&mut self, frame: Back) {
        if self.source_open && self.target_open && !self.broken {
            self.back.push_back(frame);
        }
    }

    /// Whether it can still be cut.
    pub(super) fn is_whole(&self) -> bool {
        self.source_open && self.target_open && !self.broken
    }

    /// Nothing that is on its way arrives.
    pub(super) fn cut(&mut self) {
        self.broken = true;
        self.forth = VecDeque::from([Forth::Closed]);
        self.back = VecDeque::from([Back::Closed]);
    }
}

impl World {
    /// The target takes the next frame.
    pub(super) fn take_forth(&mut self, id: u32) {
        let Some(index) = self.streams.iter().position(|stream| stream.id == id) else { return };
        let (attempt, target) = (self.streams[index].attempt, self.streams[index].target);
        let Some(frame) = self.streams[index].forth.pop_front() else { return };
        let taken = match frame {
            Forth::Learn { attempt, epoch } => {
                self.slot_event(target, Event::Learn { attempt, epoch }).then_some(Back::Learning)
            }
            Forth::Changes { changes, mark } => {
                self.learn(index, changes).then_some(Back::Marked(mark))
            }
            Forth::Fin { changes, digest } => {
                let complete =
                    self.learn(index, changes) && self.streams[index].learned.digest() == digest;
                let sealed = complete && self.slot_event(target, Event::Seal { attempt });
                self.streams[index].sealed = sealed;
                sealed.then(|| {
                    let promise =
                        Promise { attempt, target: self.nodes[target].me.clone(), digest };
                    self.history.promises.insert((attempt, promise.target.clone()));
                    Back::Ready(promise)
                })
            }
            Forth::Cancel => {
                self.slot_event(target, Event::Forget { attempt });
                return;
            }
            Forth::Closed => {
                // What is sealed waits for the NameNode.
                if !self.streams[index].sealed {
                    self.slot_event(target, Event::Forget { attempt });
                }
                let stream = &mut self.streams[index];
                stream.target_open = false;
                return self.streams.retain(|stream| stream.source_open || stream.target_open);
            }
        };
        if taken.is_none() {
            self.slot_event(target, Event::Forget { attempt });
        }
        self.streams[index].send_back(taken.unwrap_or(Back::Refused));
    }

    fn learn(&mut self, index: usize, changes: Content) -> bool {
        let (attempt, target) = (self.streams[index].attempt, self.streams[index].target);
        let node = &mut self.nodes[target];
        let learns = matches!(
            node.slot.state(),
            SlotState::Learner { attempt: under_way, sealed: false } if *under_way == attempt
        );
        if learns {
            node.content.append(changes);
            self.streams[index].learned.append(changes);
        }
        learns
    }

    /// The source takes the next frame.
    pub(super) fn take_back(&mut self, id: u32) {
        use crate::handoff::Event;
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else { return };
        let (attempt, source) = (stream.attempt, stream.source);
        let Some(frame) = stream.back.pop_front() else { return };
        let event = match frame {
            Back::Learning => Event::Learning,
            Back::Marked(mark) => Event::Marked { mark, sent_bytes: 0, left_bytes: 0 },
            Back::Ready(promise) => Event::Ready(promise),
            Back::Refused => World::failed("refused"),
            Back::Closed => {
                stream.source_open = false;
                World::failed("closed")
            }
        };
        self.streams.retain(|stream| stream.source_open || stream.target_open);
        self.give(source, attempt, event);
    }
}
