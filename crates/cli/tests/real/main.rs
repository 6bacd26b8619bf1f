//! Stories of real processes: the `annulet` binary, real sockets, redis-cli, telnet, redis-py.
//!
//! Each story starts a small cluster of its own and says in its name what the product promises. `scripts/test` installs
//! the tools; nothing is skipped where one is missing.

mod support;

mod admin;
mod announce;
mod any_node;
mod chaos;
mod client_library;
mod cluster_clients;
mod connections;
mod crash;
mod dev;
mod drain_port;
mod errors;
mod heavy;
mod hostile;
mod identity;
mod input;
mod join;
mod keyspace;
mod leave;
mod limits;
mod moves;
mod namenode_away;
mod old_copy;
mod order;
mod overlap;
mod parked;
mod redis_py;
mod scan;
mod silence;
mod strangers;
mod watch;
mod wrap_around;
