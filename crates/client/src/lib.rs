//! The client library. Shell.
//!
//! What is here so far is the ground floor: one [`Connection`], its requests, its typed replies and its pushed
//! messages. The topology watch, routing by slot, pipelining and retries will be built on it.
//!
//! Invariants
//! - nothing that a server sends can overflow the stack or make us reserve memory that it has only announced
//! - a connection that missed a reply is never used again, so that no reply is taken for the answer to another request

mod connection;
mod error;
mod reply;
mod value;

pub use connection::Connection;
pub use error::{CallError, ReplyError, ServerError};
pub use value::{Message, Value};
