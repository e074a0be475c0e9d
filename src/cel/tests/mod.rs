//! Tests of the whole way from text to value, against answers of the reference and against a second evaluator.

mod conformance;
mod corpus;
mod differential;
pub mod environment;
pub mod generate;
mod hostile;
mod request;
mod support;
mod typed;
mod units;
pub(crate) mod walker;
