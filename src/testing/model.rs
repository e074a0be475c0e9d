//! What suites and fixture files say: plain data, decoded by `decode`.

use std::collections::BTreeMap;

use crate::cel::value::{Constant, Timestamp};

/// One test suite file.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// Name shown in reports.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Do not run it.
    pub skip: bool,
    /// Why not.
    pub skip_reason: String,
    /// Options for tests that have none of their own.
    pub options: TestOptions,
    /// Fixtures of this suite alone.
    pub fixtures: Fixtures,
    /// Tests in file order.
    pub tests: Vec<Test>,
}

/// Principals, resources and claims by the names tests use.
#[derive(Clone, Debug, Default)]
pub struct Fixtures {
    /// Principals.
    pub principals: BTreeMap<String, FixturePrincipal>,
    /// Groups of principals, members in order.
    pub principal_groups: BTreeMap<String, Vec<String>>,
    /// Resources.
    pub resources: BTreeMap<String, FixtureResource>,
    /// Groups of resources, members in order.
    pub resource_groups: BTreeMap<String, Vec<String>>,
    /// Claims.
    pub aux: BTreeMap<String, FixtureAux>,
}

/// A principal as tests give it.
#[derive(Clone, Debug)]
pub struct FixturePrincipal {
    /// Principal id.
    pub id: String,
    /// Requested policy version; empty for the default.
    pub policy_version: String,
    /// Requested scope; empty for the default.
    pub scope: String,
    /// Roles in order.
    pub roles: Vec<String>,
    /// Attributes: a map constant with string keys.
    pub attr: Constant,
}

/// A resource as tests give it.
#[derive(Clone, Debug)]
pub struct FixtureResource {
    /// Resource kind.
    pub kind: String,
    /// Instance id.
    pub id: String,
    /// Requested policy version; empty for the default.
    pub policy_version: String,
    /// Requested scope; empty for the default.
    pub scope: String,
    /// Attributes: a map constant with string keys.
    pub attr: Constant,
}

/// Claims as tests give them: already verified.
#[derive(Clone, Debug)]
pub struct FixtureAux {
    /// Claims of the single token: a map constant.
    pub jwt: Constant,
    /// Claims by token name, sorted: map constants.
    pub jwts: Vec<(String, Constant)>,
}

/// What a test fixes besides its request.
#[derive(Clone, Debug)]
pub struct TestOptions {
    /// What `now()` gives; without it time-based conditions are an error of the test.
    pub now: Option<Timestamp>,
    /// Fall back to parent scopes.
    pub lenient_scope_search: bool,
    /// The reference's strict evaluation.
    pub strict_evaluation: bool,
    /// `G`: a map constant.
    pub globals: Constant,
    /// Version for requests that name none; empty for `default`.
    pub default_policy_version: String,
    /// Scope for requests that name none.
    pub default_scope: String,
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            now: None,
            lenient_scope_search: false,
            strict_evaluation: false,
            globals: Constant::Map([].into()),
            default_policy_version: String::new(),
            default_scope: String::new(),
        }
    }
}

/// One test of a suite.
#[derive(Clone, Debug, Default)]
pub struct Test {
    /// Name, unique in the suite.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Do not run it.
    pub skip: bool,
    /// Why not.
    pub skip_reason: String,
    /// Its own options, instead of the suite's.
    pub options: Option<TestOptions>,
    /// What is asked.
    pub input: Input,
    /// What must come out.
    pub expected: Vec<Expectation>,
}

/// The requests of a test: every principal with every resource.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Principals and groups of them.
    pub principals: Selection,
    /// Resources and groups of them.
    pub resources: Selection,
    /// Actions in order.
    pub actions: Vec<String>,
    /// Name of the claims; empty for none.
    pub aux: String,
}

/// Members by name and by group.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names.
    pub names: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
}

/// What must come out for some of the requests.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// For these principals.
    pub principals: Selection,
    /// With these resources.
    pub resources: Selection,
    /// Effect by action, sorted.
    pub actions: BTreeMap<String, bool>,
    /// Outputs by action, in file order.
    pub outputs: Vec<ExpectedOutputs>,
}

/// Outputs that must come out for an action.
#[derive(Clone, Debug)]
pub struct ExpectedOutputs {
    /// The action.
    pub action: String,
    /// Source and value, in file order.
    pub expected: Vec<(String, Constant)>,
}
