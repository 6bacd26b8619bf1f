//! Calls against peers that answer well, badly, late and never.

use std::future::Future;

use annulet_net::secret::Doorkeeper;
use annulet_net::{FrameReader, FrameWriter};
use annulet_resp::Limits;
use tokio::io::DuplexStream;

use super::*;

/// Runs `story` over a connection whose other end does as `peer` says.
fn with_peer<P, S>(
    peer: impl FnOnce(DuplexStream) -> P,
    story: impl FnOnce(Connection<DuplexStream>) -> S,
) where
    P: Future<Output = ()> + Send + 'static,
    S: Future<Output = ()>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let peer = tokio::spawn(peer(far));
        story(Connection::over(near).with_call_timeout(Duration::from_millis(50))).await;
        peer.abort();
    });
}

async fn write(stream: &mut DuplexStream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("the other side reads");
}

/// Keeps the connection open for as long as the test lasts.
async fn hold(stream: DuplexStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

#[test]
fn a_reply_in_many_pieces_is_one_reply() {
    let peer = |mut stream: DuplexStream| async move {
        for byte in b"*2\r\n$4\r\nPONG\r\n:7\r\n" {
            write(&mut stream, &[*byte]).await;
            tokio::task::yield_now().await;
        }
        hold(stream).await;
    };
    with_peer(peer, |mut connection| async move {
        let reply = connection.call(&["PING"]).await.expect("a reply");
        assert_eq!(reply, Value::Array(vec![Value::Bulk("PONG".into()), Value::Integer(7)]));
    });
}

#[test]
fn an_error_reply_leaves_the_connection_usable() {
    let peer = |mut stream: DuplexStream| async move {
        write(&mut stream, b"-ERR no\r\n+OK\r\n").await;
        hold(stream).await;
    };
    with_peer(peer, |mut connection| async move {
        let error = connection.call(&["PING"]).await.expect_err("an error");
        assert!(
            matches!(&error, CallError::Server(error) if error.code == "ERR" && error.message == "no")
        );
        assert_eq!(connection.call(&["PING"]).await.expect("a reply").as_str(), Some("OK"));
    });
}

#[test]
fn a_peer_that_never_answers_costs_the_time_out_and_the_connection() {
    with_peer(hold, |mut connection| async move {
        assert!(matches!(connection.call(&["PING"]).await, Err(CallError::TimedOut(_))));
        assert!(matches!(connection.call(&["PING"]).await, Err(CallError::Unusable)));
        assert!(matches!(connection.next_push().await, Err(CallError::Unusable)));
    });
}

#[test]
fn half_a_reply_and_then_the_end_is_an_error() {
    let peer = |mut stream: DuplexStream| async move { write(&mut stream, b"$100\r\nabc").await };
    with_peer(peer, |mut connection| async move {
        let error = connection.call(&["PING"]).await.expect_err("no reply");
        assert_eq!(error.to_string(), "the server closed the connection");
    });
}

#[test]
fn a_peer_that_speaks_something_else_is_named_as_such() {
    let peer = |mut stream: DuplexStream| async move {
        write(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        hold(stream).await;
    };
    with_peer(peer, |mut connection| async move {
        let error = connection.call(&["PING"]).await.expect_err("no reply");
        assert!(error.to_string().contains("does not speak our protocol"), "{error}");
    });
}

#[test]
fn a_hostile_depth_is_an_error_and_not_a_crash() {
    let peer = |mut stream: DuplexStream| async move {
        let _ = stream.write_all("*1\r\n".repeat(100_000).as_bytes()).await;
        hold(stream).await;
    };
    with_peer(peer, |mut connection| async move {
        let error = connection.call(&["PING"]).await.expect_err("no reply");
        assert!(matches!(error, CallError::Reply(ReplyError::NestedTooDeep)));
    });
}

#[test]
fn a_call_that_was_dropped_halfway_takes_the_connection_with_it() {
    with_peer(hold, |mut connection| async move {
        let call = tokio::time::timeout(Duration::from_millis(5), connection.call(&["PING"]));
        assert!(call.await.is_err());
        assert!(matches!(connection.call(&["PING"]).await, Err(CallError::Unusable)));
    });
}

#[test]
fn what_was_not_sent_to_the_end_is_not_printed() {
    with_peer(hold, |mut connection| async move {
        let user = "u".repeat(100_000);
        connection.call(&["AUTH", &user, "open sesame"]).await.expect_err("nobody reads");
        assert!(!format!("{connection:?}").contains("sesame"));
    });
}

#[test]
fn pushes_between_request_and_reply_wait_for_their_reader() {
    let peer = |mut stream: DuplexStream| async move {
        write(&mut stream, b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n+PONG\r\n").await;
        write(&mut stream, b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n2\r\n").await;
        hold(stream).await;
    };
    with_peer(peer, |mut connection| async move {
        assert_eq!(connection.call(&["PING"]).await.expect("a reply").as_str(), Some("PONG"));
        for expected in [b"1", b"2"] {
            let push = connection.next_push().await.expect("a message");
            assert_eq!(&push.as_message().expect("a message").payload[..], expected);
        }
    });
}

#[test]
fn a_subscription_is_confirmed_in_either_version() {
    for kind in ["*", ">"] {
        let peer = move |mut stream: DuplexStream| async move {
            let confirmation = format!("{kind}3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
            write(&mut stream, confirmation.as_bytes()).await;
            write(&mut stream, b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n").await;
            hold(stream).await;
        };
        with_peer(peer, |mut connection| async move {
            connection.subscribe("c").await.expect("a confirmation");
            let push = connection.next_push().await.expect("a message");
            assert_eq!(push.as_message().expect("a message").channel, "c");
        });
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text).expect("long enough")
}

/// Does as a NameNode that knows this secret.
async fn guard(stream: DuplexStream, secret: Option<Secret>) {
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut writer) =
        (FrameReader::new(read, Limits::default()), FrameWriter::new(write));
    let mut door = Doorkeeper::new(secret);
    while let Ok(Some(args)) = reader.next().await {
        if door.hear(args, writer.buffer_mut()).is_none() {
            let reply: &[u8] = if door.is_open() { b"+in\r\n" } else { b"-NOAUTH\r\n" };
            writer.buffer_mut().extend_from_slice(reply);
        }
        writer.flush().await.expect("the other side reads");
    }
}

#[test]
fn a_connection_that_proves_the_secret_is_let_in_and_the_secret_is_not_sent() {
    let ours = "the secret of both sides";
    let peer = |stream| guard(stream, Some(secret(ours)));
    with_peer(peer, |mut connection| async move {
        connection.prove(&secret(ours)).await.expect("the same secret");
        let reply = connection.call(&["TOPOLOGY"]).await.expect("a reply");
        assert_eq!(reply.as_bytes(), Some(b"in".as_slice()));
    });
}

#[test]
fn a_side_with_another_secret_or_none_is_refused_with_the_reason() {
    for (theirs, why) in
        [(Some("the secret of somebody else"), "another one"), (None, "no cluster secret")]
    {
        let peer = move |stream| guard(stream, theirs.map(secret));
        with_peer(peer, |mut connection| async move {
            let refused = connection.prove(&secret("the secret of this side")).await;
            let error = refused.expect_err("refused").to_string();
            assert!(error.contains("REFUSED") && error.contains(why), "{error}");
        });
    }
}
