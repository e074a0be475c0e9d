//! Tests of the whole way from text to value, against answers of the reference and against a second evaluator.

mod conformance;
mod corpus;
mod request;
mod support;
