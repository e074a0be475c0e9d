//! stub
use super::budget::Budget;
use super::checker::Checked;
use super::env::Env;
use super::error::EvalError;
use super::value::*;
use bumpalo::Bump;
use std::sync::Arc;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExprId(pub u32);
pub struct UnitBuilder;
impl UnitBuilder {
    pub fn new(_: &Env, _: Vec<(String, Constant)>, _: Vec<(String, Arc<Checked>)>) -> Self {
        Self
    }
    pub fn add(&mut self, _: &Checked) -> ExprId {
        ExprId(0)
    }
    pub fn build(self) -> Unit {
        Unit
    }
}
#[derive(Debug)]
pub struct Unit;
impl Unit {
    pub fn reads_root(&self, _: usize) -> bool {
        false
    }
}
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub roots: &'a [Value<'a>],
    pub b: &'a Budget,
}
impl<'a> Inputs<'a> {
    pub fn new(roots: &'a [Value<'a>], _: Option<Timestamp>, _: &'a Bump, b: &'a Budget) -> Self {
        Self { roots, b }
    }
    pub fn with_failed_root(self, _: usize, _: &'a str) -> Self {
        self
    }
    pub fn with_failed_variables_null(self) -> Self {
        self
    }
}
pub struct Frame<'a> {
    u: &'a Unit,
}
impl<'a> Frame<'a> {
    pub fn new(u: &'a Unit, _: Inputs<'a>) -> Self {
        Self { u }
    }
    pub fn truth(&self, _: ExprId) -> Truth<'a> {
        Truth::True
    }
    pub fn value(&self, _: ExprId) -> Result<Value<'a>, EvalError<'a>> {
        Ok(Value::Null)
    }
    pub fn source(&self, _: ExprId) -> &'a str {
        ""
    }
}
#[derive(Clone, Copy)]
pub enum Truth<'a> {
    True,
    False,
    NotBool,
    Error(EvalError<'a>),
}
