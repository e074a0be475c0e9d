//! The expression language: text → tree → checked tree → program → value. No policy knowledge.

pub mod ast;
pub mod value;
