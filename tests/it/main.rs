//! The whole program from outside: its command line, its protocols over real sockets with real clients, policies that
//! change under load, faults, and hostile peers.

mod cli;
mod failure;
mod hostile;
mod protocols;
mod reload;
mod support;
