//! The expression language: text → tree → checked tree → program → value. No policy knowledge.

pub mod ast;
pub mod budget;
pub mod error;
pub mod number;
pub mod time;
pub mod value;
