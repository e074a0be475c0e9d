//! The expression language: text → tree → checked tree → program → value. No policy knowledge.

pub mod ast;
pub mod budget;
pub mod checker;
mod decls;
pub mod env;
pub mod error;
pub mod fault;
mod lexer;
mod literal;
mod macros;
pub mod number;
pub mod parser;
pub mod time;
pub mod types;
pub mod validate;
pub mod value;

pub use checker::{Checked, Reference, check, compile, resolve};
pub use env::{Env, Root, RootType};
pub use fault::CelError;
pub use macros::{ACCUMULATOR, UNUSED};
pub use parser::parse;
pub use types::Type;
pub mod unit;
