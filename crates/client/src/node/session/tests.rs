//! When a server counts as silent, over a stream in memory and a clock that waits for nobody.

use annulet_ring::{SLOT_COUNT, Slot};
use bytes::Bytes;
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::*;
use crate::call::{self, Ticket};
use crate::command::Access;
use crate::options::Options;
use crate::route::Target;
use crate::topology::Topology;

const SECOND: Duration = Duration::from_secs(1);
/// What the stream holds that nobody has read yet.
const STREAM_BYTES: usize = 64 * 1024;

/// A session with the only node of a cluster, and the two ends of its connection.
struct Story {
    shared: Arc<Shared>,
    session: Session,
    near: DuplexStream,
    far: DuplexStream,
    _open: watch::Sender<()>,
}

impl Story {
    fn new() -> Self {
        let (open, closed) = watch::channel(());
        let shared = Arc::new(Shared::new(Options::new(), closed));
        let document = format!(
            r#"{{"cluster_id": "c", "generation": 1, "version": 1,
                "members": [{{"id": "a", "cluster": "a:1"}}],
                "ranges": [{{"slots": "0-{}", "owner": "a", "epoch": 1}}]}}"#,
            SLOT_COUNT - 1
        );
        let topology = Topology::from_json(document.as_bytes()).expect("a document");
        let node = shared.route(|router| {
            router.apply(&topology);
            // Taken before anybody connects to it.
            router.drain().1.pop()
        });
        let session = Session::new(shared.clone(), node.expect("the node"));
        let (near, far) = tokio::io::duplex(STREAM_BYTES);
        Self { shared, session, near, far, _open: open }
    }
}

/// Issues a write of so many bytes.
fn write(shared: &Arc<Shared>, bytes: usize) -> Ticket {
    let (ticket, promise) = call::pair();
    let (target, wire) = (Target::Slot(Slot::of_key(b"k")), Bytes::from(vec![b'x'; bytes]));
    shared.route(|router| {
        router.submit(Request::new(target, Access::Write, wire, promise, None));
    });
    ticket
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_still_taking_a_request_owes_no_reply_to_it() {
    let Story { shared, mut session, near, mut far, _open } = Story::new();
    let ticket = write(&shared, 20 * STREAM_BYTES);
    let (reader, writer) = tokio::io::split(near);
    let slow = async {
        for _ in 0..20 {
            sleep(SECOND).await;
            far.read_exact(&mut [0; STREAM_BYTES]).await.expect("the rest of it");
        }
        far.write_all(b"+OK\r\n").await.expect("somebody waits");
        ticket.await
    };
    tokio::select! {
        served = session.serve(reader, writer) => panic!("{}", served.reason),
        outcome = slow => assert_eq!(outcome, Ok(Value::Simple(Bytes::from_static(b"OK")))),
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_owes_a_reply_is_given_up_however_much_more_it_takes() {
    let Story { shared, mut session, near, mut far, _open } = Story::new();
    let (reader, writer) = tokio::io::split(near);
    let start = Instant::now();
    let mut tickets = vec![write(&shared, 1)];
    let more = async {
        while start.elapsed() < 60 * SECOND {
            sleep(SECOND).await;
            tickets.push(write(&shared, 1));
        }
    };
    let mut taken = tokio::io::sink();
    tokio::select! {
        served = session.serve(reader, writer) => assert_eq!(served.reason, "it sent nothing for 10s"),
        () = more => panic!("it was waited for"),
        _ = tokio::io::copy(&mut far, &mut taken) => unreachable!("the session is under way"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_more_of_a_request_is_given_up() {
    let Story { shared, mut session, near, far, _open } = Story::new();
    let _ticket = write(&shared, 2 * STREAM_BYTES);
    let (reader, writer) = tokio::io::split(near);
    let served = session.serve(reader, writer).await;
    assert_eq!(served.reason, "it sent nothing for 10s");
    drop(far);
}
