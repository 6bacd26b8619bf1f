//! A request whose answer one task waits for: parts of commands that are cut over their owners.

use std::cell::RefCell;
use std::rc::Rc;

use annulet_ring::SlotSet;
use bytes::BytesMut;
use tokio::sync::oneshot;

use super::client::{Answer, Asker, Link};
use super::wire::{NO_ROOM, Verdict};

/// What became of the request.
#[derive(Debug)]
pub(crate) enum Word {
    /// The reply to the request that was forwarded.
    Reply(Vec<u8>),
    /// The request did not run where it was sent.
    NotHere,
    /// The slots a cluster-wide command ran on, and what it gave there.
    Gathered(Vec<(SlotSet, Vec<u8>)>),
    /// It certainly did not run.
    Unsent(String),
    /// Nobody knows whether it ran, but where it gave something it did.
    Unknown(String, Vec<(SlotSet, Vec<u8>)>),
}

struct Exchange {
    parts: RefCell<Vec<(SlotSet, Vec<u8>)>>,
    done: RefCell<Option<oneshot::Sender<Word>>>,
}

/// A request that is on its way.
pub(crate) struct Exchanged(oneshot::Receiver<Word>);

impl Exchanged {
    /// Waits for its end, which comes by the deadline or a moment later.
    pub(crate) async fn word(self) -> Word {
        match self.0.await {
            Ok(word) => word,
            Err(_) => Word::Unknown("the link ended".to_owned(), Vec::new()),
        }
    }
}

/// Sends one request; see [`Link::ask`].
pub(crate) fn exchange(
    link: &Link,
    deadline: u64,
    encode: impl FnOnce(u64, &mut BytesMut),
) -> Exchanged {
    let (sender, receiver) = oneshot::channel();
    let exchange =
        Rc::new(Exchange { parts: RefCell::default(), done: RefCell::new(Some(sender)) });
    let asker = Rc::clone(&exchange) as Rc<dyn Asker>;
    if let Err(reason) = link.ask((asker, 0), deadline, encode) {
        exchange.answered(0, Answer::Unsent(&reason));
    }
    Exchanged(receiver)
}

impl Asker for Exchange {
    fn answered(&self, _: usize, answer: Answer<'_>) -> bool {
        let parts = || std::mem::take(&mut *self.parts.borrow_mut());
        let word = match answer {
            Answer::Results(table, replies) => match table.verdicts(replies).next() {
                Some(Verdict::Reply(reply)) => Word::Reply(reply.to_vec()),
                Some(Verdict::Later) => return false,
                Some(Verdict::NoRoom) => Word::Unsent(NO_ROOM.to_owned()),
                Some(Verdict::NotHere | Verdict::Again | Verdict::Bad) | None => Word::NotHere,
            },
            Answer::Gathered(part) => {
                self.parts.borrow_mut().push((part.slots, part.result.to_vec()));
                if !part.last {
                    return false;
                }
                Word::Gathered(parts())
            }
            Answer::Unsent(reason) => Word::Unsent(reason.to_owned()),
            Answer::Unknown(reason) => Word::Unknown(reason.to_owned(), parts()),
        };
        if let Some(done) = self.done.borrow_mut().take() {
            // Whoever asked may have stopped waiting.
            let _ = done.send(word);
        }
        true
    }
}
