//! The expression language: text → tree → checked tree → program → value. No policy knowledge.

pub mod ast;
pub mod fault;
mod lexer;
mod literal;
mod macros;
pub mod parser;
pub mod budget;
pub mod error;
pub mod number;
pub mod time;
pub mod value;

pub use fault::CelError;
pub use macros::{ACCUMULATOR, UNUSED};
pub use parser::parse;
