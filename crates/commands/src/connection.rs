//! Commands on the client's own connection.

pub(crate) mod auth;
pub(crate) mod client;
pub(crate) mod echo;
pub(crate) mod hello;
pub(crate) mod ping;
pub(crate) mod quit;
pub(crate) mod reset;
pub(crate) mod select;
pub(crate) mod wait;
