//! Bytes to requests and replies to bytes, RESP2 and RESP3. Pure core: no socket, no clock, no runtime.
//!
//! [`RequestParser`] turns what a client sent into [`Args`]; [`Reply`] appends answers to an output buffer in the
//! protocol version of the connection; [`Error`] holds the exact text of every error reply.
//!
//! Invariants
//! - no byte of a request is searched twice, however it is cut into reads
//! - no memory is reserved because of a length that a client merely declared
//! - the result of parsing never depends on how the input was cut

mod args;
mod attached;
mod double;
mod error;
mod http;
mod large;
mod limits;
mod number;
mod protocol_error;
mod reply;
mod request;
mod version;
mod write;

pub use args::{Args, OwnedArgs};
pub use attached::{Attached, Attachment};
pub use error::{Error, typed};
pub use http::is_http;
pub use large::LargeArg;
pub use limits::Limits;
pub use number::parse_integer;
pub use protocol_error::ProtocolError;
pub use reply::Reply;
pub use request::{Batch, Form, Progress, RequestParser};
pub use version::Version;
pub use write::write_request;
