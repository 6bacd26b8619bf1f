//! The only room that opens a socket, reads a clock or draws a random number. Shell.
//!
//! Everything above it gets time, chance and connections from here, so that a simulated network and clock can take
//! their place.

pub mod backoff;
pub mod clock;
pub mod frames;
pub mod process;
pub mod random;
pub mod secret;
#[cfg(annulet_sim)]
pub mod sim;
pub mod task;
pub mod tcp;

pub use backoff::Backoff;
pub use frames::{FrameError, FrameReader, FrameWriter};
