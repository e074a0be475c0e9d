//! The expression language: text → tree → checked tree → program → value. No policy knowledge.

pub mod ast;
pub mod budget;
pub mod checker;
mod compare;
pub mod context;
mod decls;
pub mod env;
pub mod error;
pub mod fault;
pub mod frame;
mod functions;
mod lexer;
mod literal;
mod lower;
mod machine;
mod macros;
mod mapping;
mod memo;
pub mod number;
pub mod parser;
pub mod partial;
pub mod printer;
mod program;
mod select;
pub mod selections;
mod show;
#[cfg(test)]
pub(crate) mod tests;
pub mod texts;
pub mod time;
pub mod types;
pub mod unit;
pub mod validate;
pub mod value;

pub use budget::Budget;
pub use checker::{Checked, Reference, check, compile, resolve};
pub use env::{Env, Root, RootType};
pub use error::EvalError;
pub use fault::CelError;
pub use frame::{Frame, Inputs, Truth};
pub use functions::{Origin, Pattern};
pub use macros::{ACCUMULATOR, UNUSED};
pub use parser::parse;
pub use show::Shown;
pub use types::Type;
pub use unit::{ExprId, ReadPath, Unit, UnitBuilder};
