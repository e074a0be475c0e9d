//! The core of the adapters, without any protocol.

mod hostile;
mod identity;
mod outcomes;
mod support;
