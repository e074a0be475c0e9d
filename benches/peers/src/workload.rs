//! Recorded-like requests: made from a seed, so that two runs load servers alike. The same calls as `toolgate.v1`
//! messages, as `cerbos.request.v1` messages, and as JSON.

use prost::Message as _;
use serde_json::{Value as Json, json};
use toolgate::proto::cerbos::engine::v1 as engine;
use toolgate::proto::cerbos::request::v1 as check;
use toolgate::proto::toolgate::v1 as api;
use toolgate::source::SourceFile;

use crate::support::{self, Rng};

/// Tool servers, and tools of each.
pub const SERVERS: usize = 40;
pub const TOOLS: usize = 25;
/// Requests; one in ten is like another.
pub const REQUESTS: usize = 20_000;

/// The policies of the tool workload: each tool has a condition of one of ten kinds.
pub fn policies(servers: usize, tools: usize) -> Vec<SourceFile> {
    support::servers(servers, tools)
}

/// One of several.
pub fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.below(of.len())]
}

/// What a gateway would ask about.
struct Call {
    id: String,
    user: String,
    team: &'static str,
    role: &'static str,
    server: String,
    tool: String,
    arguments: Json,
    session: String,
    labels: Vec<&'static str>,
    model: Option<&'static str>,
}

fn calls(count: usize, servers: usize, tools: usize) -> Vec<Call> {
    let mut rng = Rng(7);
    let teams = ["core", "infra", "data"];
    (0..count)
        .map(|_| {
            let user = rng.below(100_000);
            Call {
                id: format!("call-{:016x}", rng.next()),
                user: format!("user{user}@example.com"),
                team: teams[user % 3],
                role: pick(&mut rng, &["agent", "agent", "agent", "agent", "agent", "agent", "admin", "guest"]),
                server: format!("server{}", rng.below(servers)),
                tool: format!("tool{}", rng.below(tools)),
                arguments: json!({
                    "owner": pick(&mut rng, &["acme", "acme", "other"]),
                    "repo": pick(&mut rng, &["api", "web", "secret"]),
                    "limit": rng.below(900),
                    "path": format!("{}/{:x}/report.csv", pick(&mut rng, &["/srv/data", "/srv/data", "/etc", "/srv/data/.."]), rng.next()),
                    "query": pick(&mut rng, &["select a, b from t", "SELECT c FROM d", "drop table t"]),
                    "team": teams[rng.below(3)],
                    "tags": if rng.below(2) == 0 { json!(["new", "reviewed"]) } else { json!(["new"]) },
                    "priority": rng.below(6),
                    "body": "lorem ipsum dolor sit amet ".repeat(8 + rng.below(12)),
                }),
                session: format!("session-{:x}", rng.next()),
                labels: if rng.below(8) == 0 { vec!["tainted"] } else { vec!["interactive"] },
                model: pick(&mut rng, &[Some("large-1"), Some("small-2"), Some("unknown"), None]),
            }
        })
        .collect()
}

/// `count` requests, one in ten of which repeats an earlier one.
fn with_repeats<T: Clone>(distinct: Vec<T>, count: usize) -> Vec<T> {
    let mut rng = Rng(99);
    let mut fresh = distinct.into_iter();
    let mut all: Vec<T> = Vec::with_capacity(count);
    for n in 0..count {
        let next = if n % 10 == 9 { None } else { fresh.next() };
        let next = next.unwrap_or_else(|| all[rng.below(all.len())].clone());
        all.push(next);
    }
    all
}

fn value(json: &Json) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(b) => Kind::BoolValue(*b),
        Json::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => Kind::StringValue(s.clone()),
        Json::Array(a) => Kind::ListValue(prost_types::ListValue { values: a.iter().map(value).collect() }),
        Json::Object(o) => {
            let fields = o.iter().map(|(k, v)| (k.clone(), value(v))).collect();
            Kind::StructValue(prost_types::Struct { fields })
        }
    };
    prost_types::Value { kind: Some(kind) }
}

impl Call {
    fn context(&self) -> Json {
        let mut context = json!({"device": "laptop"});
        if let Some(model) = self.model {
            context["model"] = model.into();
        }
        context
    }

    fn decide(&self) -> Vec<u8> {
        let context = self.context();
        api::DecideRequest {
            call_id: self.id.clone(),
            identity: Some(api::Identity {
                id: self.user.clone(),
                roles: vec![self.role.into(), "user".into()],
                attr: [("team".to_owned(), value(&self.team.into())), ("site".to_owned(), value(&"eu-1".into()))]
                    .into(),
                ..Default::default()
            }),
            tool: Some(api::Tool {
                server: self.server.clone(),
                name: self.tool.clone(),
                pinned: true,
                ..Default::default()
            }),
            arguments_form: Some(api::decide_request::ArgumentsForm::ArgumentsJson(
                self.arguments.to_string().into_bytes(),
            )),
            session: Some(api::Session {
                id: self.session.clone(),
                user: self.user.clone(),
                labels: self.labels.iter().map(|l| (*l).into()).collect(),
                ..Default::default()
            }),
            context: context.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), value(v))).collect(),
            ..Default::default()
        }
        .encode_to_vec()
    }

    /// As a client of the Cerbos API would ask the same.
    fn attributes(&self) -> Json {
        json!({
            "arguments": self.arguments,
            "session": {"id": self.session, "user": self.user, "labels": self.labels},
            "context": self.context(),
            "tool": {"pinned": true},
        })
    }

    fn check(&self) -> Vec<u8> {
        let attr = self.attributes();
        check::CheckResourcesRequest {
            request_id: self.id.clone(),
            principal: Some(engine::Principal {
                id: self.user.clone(),
                roles: vec![self.role.into(), "user".into()],
                attr: [("team".to_owned(), value(&self.team.into())), ("site".to_owned(), value(&"eu-1".into()))]
                    .into(),
                ..Default::default()
            }),
            resources: vec![check::check_resources_request::ResourceEntry {
                actions: vec![self.tool.clone()],
                resource: Some(engine::Resource {
                    kind: format!("mcp::{}", self.server),
                    id: self.id.clone(),
                    attr: attr.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), value(v))).collect(),
                    ..Default::default()
                }),
            }],
            ..Default::default()
        }
        .encode_to_vec()
    }

    fn check_json(&self) -> Vec<u8> {
        json!({
            "requestId": self.id,
            "principal": {
                "id": self.user, "roles": [self.role, "user"], "attr": {"team": self.team, "site": "eu-1"}
            },
            "resources": [{
                "actions": [self.tool],
                "resource": {"kind": format!("mcp::{}", self.server), "id": self.id, "attr": self.attributes()}
            }]
        })
        .to_string()
        .into_bytes()
    }
}

/// The same requests in each form.
pub struct Requests {
    pub decide: Vec<Vec<u8>>,
    pub check: Vec<Vec<u8>>,
    pub check_json: Vec<Vec<u8>>,
}

/// Requests about tools.
pub fn tools(servers: usize, tools: usize) -> Requests {
    let calls = calls(REQUESTS * 9 / 10, servers, tools);
    let each = |form: fn(&Call) -> Vec<u8>| with_repeats(calls.iter().map(form).collect(), REQUESTS);
    Requests { decide: each(Call::decide), check: each(Call::check), check_json: each(Call::check_json) }
}

const KINDS: usize = 20;
const SCOPES: [&str; 4] = ["", "acme", "acme.hr", "acme.hr.uk"];

/// Policies of applications as the reference's users write them: derived roles, scopes that narrow each other, and
/// conditions on attributes of both sides.
pub fn app_policies() -> Vec<SourceFile> {
    let mut files = vec![SourceFile::new(
        "roles.yaml",
        "apiVersion: api.cerbos.dev/v1
derivedRoles:
  name: common
  definitions:
    - name: owner
      parentRoles: [user]
      condition:
        match:
          expr: R.attr.owner == P.id
    - name: direct_manager
      parentRoles: [manager]
      condition:
        match:
          all:
            of:
              - expr: R.attr.geography == P.attr.geography
              - expr: P.attr.managed.exists(m, m == R.attr.owner)
    - name: same_department
      parentRoles: [user]
      condition:
        match:
          expr: P.attr.department == R.attr.department
",
    )];
    for kind in 0..KINDS {
        for (depth, scope) in SCOPES.iter().enumerate() {
            let head = format!(
                "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: record{kind}\n  version: default\n  scope: '{scope}'\n  importDerivedRoles: [common]\n  rules:\n"
            );
            let rules = match depth {
                0 => {
                    "    - actions: ['*']\n      effect: EFFECT_ALLOW\n      derivedRoles: [owner]\n    - actions: [view, 'view:*', list]\n      effect: EFFECT_ALLOW\n      derivedRoles: [same_department, direct_manager]\n    - actions: [approve]\n      effect: EFFECT_ALLOW\n      derivedRoles: [direct_manager]\n      condition:\n        match:\n          expr: R.attr.status == 'PENDING' && R.attr.days < 30\n    - actions: [delete]\n      effect: EFFECT_DENY\n      roles: ['*']\n      condition:\n        match:\n          expr: R.attr.status == 'CLOSED'\n"
                }
                1 => {
                    "    - actions: [delete]\n      effect: EFFECT_DENY\n      roles: [user]\n      condition:\n        match:\n          expr: timestamp(R.attr.created) < timestamp('2024-01-01T00:00:00Z')\n"
                }
                2 => {
                    "    - actions: [list]\n      effect: EFFECT_ALLOW\n      roles: [auditor]\n      condition:\n        match:\n          any:\n            of:\n              - expr: P.attr.clearance >= 3\n              - expr: '\"gdpr\" in R.attr.labels'\n"
                }
                _ => {
                    "    - actions: [approve]\n      effect: EFFECT_DENY\n      roles: ['*']\n      condition:\n        match:\n          expr: '!(R.attr.region in [\"uk\", \"ie\"])'\n"
                }
            };
            let name = format!("record{kind}_{depth}.yaml");
            files.push(SourceFile::new(name, format!("{head}{rules}")));
        }
    }
    files
}

const DEPARTMENTS: [&str; 3] = ["hr", "legal", "sales"];
const REGIONS: [&str; 3] = ["uk", "ie", "de"];

/// A user of the applications.
fn employee(rng: &mut Rng, user: usize) -> engine::Principal {
    let text = |t: &str| value(&t.into());
    engine::Principal {
        id: format!("user{user}"),
        roles: vec!["user".into(), pick(rng, &["manager", "auditor", "employee"]).into()],
        attr: [
            ("department".to_owned(), text(DEPARTMENTS[rng.below(3)])),
            ("geography".to_owned(), text(REGIONS[rng.below(3)])),
            ("clearance".to_owned(), value(&rng.below(5).into())),
            (
                "managed".to_owned(),
                value(&json!([format!("user{}", rng.below(1000)), format!("user{}", rng.below(1000))])),
            ),
        ]
        .into(),
        ..Default::default()
    }
}

/// Query plans for the records of applications: nothing is known of the resource but its kind and scope.
pub fn plans() -> Vec<Vec<u8>> {
    let mut rng = Rng(37);
    let distinct = (0..REQUESTS * 9 / 10)
        .map(|_| {
            let user = rng.below(1000);
            check::PlanResourcesRequest {
                request_id: format!("req-{:016x}", rng.next()),
                action: pick(&mut rng, &["view", "list", "approve", "delete"]).into(),
                principal: Some(employee(&mut rng, user)),
                resource: Some(engine::plan_resources_input::Resource {
                    kind: format!("record{}", rng.below(KINDS)),
                    scope: SCOPES[rng.below(4)].into(),
                    ..Default::default()
                }),
                ..Default::default()
            }
            .encode_to_vec()
        })
        .collect();
    with_repeats(distinct, REQUESTS)
}

/// Requests about the records of applications: up to three resources, up to four actions each.
pub fn apps() -> Vec<Vec<u8>> {
    let mut rng = Rng(31);
    let text = |t: &str| value(&t.into());
    let distinct = (0..REQUESTS * 9 / 10)
        .map(|_| {
            let user = rng.below(1000);
            let principal = employee(&mut rng, user);
            let resources = (0..1 + rng.below(3))
                .map(|_| {
                    let owner = if rng.below(3) == 0 { user } else { rng.below(1000) };
                    check::check_resources_request::ResourceEntry {
                        actions: ["view", "list", "approve", "delete"][rng.below(3)..]
                            .iter()
                            .map(|a| (*a).into())
                            .collect(),
                        resource: Some(engine::Resource {
                            kind: format!("record{}", rng.below(KINDS)),
                            id: format!("R{:x}", rng.next()),
                            scope: SCOPES[rng.below(4)].into(),
                            attr: [
                                ("owner".to_owned(), text(&format!("user{owner}"))),
                                ("department".to_owned(), text(DEPARTMENTS[rng.below(3)])),
                                ("geography".to_owned(), text(REGIONS[rng.below(3)])),
                                ("region".to_owned(), text(REGIONS[rng.below(3)])),
                                ("status".to_owned(), text(["PENDING", "OPEN", "CLOSED"][rng.below(3)])),
                                ("days".to_owned(), value(&rng.below(60).into())),
                                (
                                    "created".to_owned(),
                                    text(["2023-05-01T00:00:00Z", "2025-05-01T00:00:00Z"][rng.below(2)]),
                                ),
                                ("labels".to_owned(), value(&Json::from(["gdpr", "eu"][rng.below(2)..].to_vec()))),
                                ("note".to_owned(), text(&"quarterly review pending ".repeat(4 + rng.below(6)))),
                            ]
                            .into(),
                            ..Default::default()
                        }),
                    }
                })
                .collect();
            check::CheckResourcesRequest {
                request_id: format!("req-{:016x}", rng.next()),
                principal: Some(principal),
                resources,
                ..Default::default()
            }
            .encode_to_vec()
        })
        .collect();
    with_repeats(distinct, REQUESTS)
}
