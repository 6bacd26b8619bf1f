//! The client against servers that do as a test says: what goes where, and what becomes of it when something breaks.

mod faults;
mod routing;
mod support;
