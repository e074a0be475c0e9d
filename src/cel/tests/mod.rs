//! Tests of the whole way from text to value, against answers of the reference and against a second evaluator.

mod conformance;
mod corpus;
pub mod environment;
pub mod generate;
mod differential;
mod generator;
mod hostile;
mod request;
mod support;
mod units;
mod walker;
