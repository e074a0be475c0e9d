//! Rego in `regorus`: its interpreter, and its newer machine. A request is the JSON as it came.

use std::sync::Arc;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{CompiledPolicy, Value};

use super::Engine;

const POLICY: &str = r#"
package tools

import rego.v1

default allow := false

allow if {
    permitted
    not forbidden
}

permitted if "admin" in input.identity.roles

permitted if {
    "agent" in input.identity.roles
    condition
}

forbidden if {
    startswith(input.tool.name, "delete")
    "tainted" in input.session.labels
}

condition if {
    input.tool.name == "tool0"
    input.arguments.owner == "acme"
}

condition if {
    input.tool.name == "tool1"
    input.arguments.repo in {"api", "web", "docs"}
    input.arguments.limit < 500
}

condition if {
    input.tool.name == "tool2"
    startswith(input.arguments.path, "/srv/data/")
    not contains(input.arguments.path, "..")
}

condition if {
    input.tool.name == "tool3"
    startswith(input.arguments.query, "select ")
    not contains(input.arguments.query, ";")
}

condition if {
    input.tool.name == "tool4"
    not "tainted" in input.session.labels
}

condition if {
    input.tool.name == "tool5"
    input.identity.attr.team == input.arguments.team
}

condition if {
    input.tool.name == "tool6"
    "reviewed" in input.arguments.tags
}

condition if {
    input.tool.name == "tool7"
    input.context.model != "unknown"
}

condition if {
    input.tool.name == "tool8"
    input.arguments.priority < 3
}

condition if {
    input.tool.name == "tool8"
    "editor" in input.identity.roles
}

condition if {
    input.tool.name == "tool9"
    input.arguments.priority >= 2
    input.arguments.priority <= 4
}
"#;

const ALLOW: &str = "data.tools.allow";

fn compiled() -> anyhow::Result<CompiledPolicy> {
    let mut engine = regorus::Engine::new();
    engine.add_policy("tools.rego".into(), POLICY.into())?;
    engine.compile_with_entrypoint(&ALLOW.into())
}

fn parse(bytes: &[u8]) -> Value {
    Value::from_json_str(std::str::from_utf8(bytes).unwrap_or_default()).unwrap_or(Value::Undefined)
}

pub struct Regorus(CompiledPolicy);

impl Regorus {
    pub fn new() -> anyhow::Result<Self> {
        compiled().map(Self)
    }
}

impl Engine for Regorus {
    type Request = Value;

    fn request(&self, bytes: &[u8]) -> Value {
        parse(bytes)
    }

    fn decide(&mut self, request: &Value) -> bool {
        matches!(self.0.eval_with_input(request.clone()), Ok(Value::Bool(true)))
    }
}

pub struct Machine(RegoVM);

impl Machine {
    pub fn new() -> anyhow::Result<Self> {
        let program = Compiler::compile_from_policy(&compiled()?, &[ALLOW]).map_err(|e| anyhow::anyhow!("{e:?}"))?;
        let mut machine = RegoVM::new();
        machine.load_program(Arc::clone(&program));
        Ok(Self(machine))
    }
}

impl Engine for Machine {
    type Request = Value;

    fn request(&self, bytes: &[u8]) -> Value {
        parse(bytes)
    }

    fn decide(&mut self, request: &Value) -> bool {
        self.0.set_input(request.clone());
        matches!(self.0.execute(), Ok(Value::Bool(true)))
    }
}
