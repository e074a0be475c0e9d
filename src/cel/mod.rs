//! The expression language: text → tree → checked tree → program → value. No policy knowledge.

pub mod ast;
pub mod budget;
mod compare;
pub mod context;
pub mod error;
pub mod fault;
mod functions;
mod lexer;
mod literal;
mod macros;
pub mod number;
pub mod parser;
mod show;
pub mod time;
pub mod value;

pub use fault::CelError;
pub use macros::{ACCUMULATOR, UNUSED};
pub use parser::parse;
