//! Faces of a [`Report`](super::results::Report): text as a tree or as a list, JSON in the reference's shape, JUnit.
//! They return strings and decide nothing.

mod json;
mod junit;
mod outline;
mod text;
mod value;

pub use json::json;
pub use junit::junit;
pub use text::{Look, Shape, text};
