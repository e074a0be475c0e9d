//! What the methods answer, in protobuf's JSON mapping, whatever they were asked by.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::inspect;
use super::json::{Object, policy};
use crate::policy::decode_policy;
use crate::policy::files::{FileClass, classify};
use crate::policy::model::Policy;
use crate::proto::cerbos::request::v1::{
    GetPolicyRequest, GetSchemaRequest, InspectPoliciesRequest, ListPoliciesRequest,
};
use crate::service::{Failure, Service};
use crate::store::{Outcome, Snapshot};
use crate::wire::validate::{ids, policy_ids};

const NO_REGEXPS: &str = "Store does not support regexp filters";
/// Characters of a schema's id.
const SCHEMA_ID_LEN: usize = 255;
const SCHEMAS: &str = "_schemas/";

/// The answer to everything that would change policies or schemas: they are files here.
pub(super) const NOT_MUTABLE: &str = "Configured store is not mutable";

/// The policies that are in use, as their files say them. They were compiled, so they can be decoded.
fn policies(snapshot: &Snapshot) -> Vec<Policy> {
    let files = snapshot.files.iter().filter(|f| classify(f.name()) == FileClass::Policy);
    files.filter_map(|f| decode_policy(f).0).filter(|p| !p.disabled).collect()
}

/// `ListPolicies`
pub(super) fn list_policies(service: &Service, asked: &ListPoliciesRequest) -> Result<Value, Failure> {
    policy_ids(&asked.policy_id)?;
    if ![&asked.name_regexp, &asked.scope_regexp, &asked.version_regexp].iter().all(|r| r.is_empty()) {
        return Err(Failure::Unsupported(NO_REGEXPS));
    }
    let snapshot = service.store().snapshot();
    let all = policies(&snapshot);
    let names = all.iter().map(|p| p.file.name()).filter(|n| is_wanted(&asked.policy_id, n));
    Ok(Object::default().with("policyIds", names.map(Value::from).collect::<Vec<_>>()).into())
}

/// `InspectPolicies`
pub(super) fn inspect_policies(service: &Service, asked: &InspectPoliciesRequest) -> Result<Value, Failure> {
    policy_ids(&asked.policy_id)?;
    if ![&asked.name_regexp, &asked.scope_regexp, &asked.version_regexp].iter().all(|r| r.is_empty()) {
        return Err(Failure::Unsupported(NO_REGEXPS));
    }
    let snapshot = service.store().snapshot();
    let results = inspect::inspect(&policies(&snapshot), |p| is_wanted(&asked.policy_id, p.file.name()));
    Ok(Object::default().with("results", results).into())
}

fn is_wanted(ids: &[String], name: &str) -> bool {
    ids.is_empty() || ids.iter().any(|id| id == name)
}

/// `GetPolicy`: those that exist, in the order of the request.
pub(super) fn get_policy(service: &Service, asked: &GetPolicyRequest) -> Result<Value, Failure> {
    ids(&asked.id, usize::MAX)?;
    let snapshot = service.store().snapshot();
    let all = policies(&snapshot);
    let found = asked.id.iter().filter_map(|id| all.iter().find(|p| p.file.name() == id));
    Ok(Object::default().with("policies", found.map(policy).collect::<Vec<_>>()).into())
}

/// `ListSchemas`
pub(super) fn list_schemas(service: &Service) -> Value {
    let snapshot = service.store().snapshot();
    let names = schemas(&snapshot).map(|(id, _)| Value::from(id)).collect::<Vec<_>>();
    Object::default().with("schemaIds", names).into()
}

/// `GetSchema`
pub(super) fn get_schema(service: &Service, asked: &GetSchemaRequest) -> Result<Value, Failure> {
    ids(&asked.id, SCHEMA_ID_LEN)?;
    let snapshot = service.store().snapshot();
    let found = asked.id.iter().map(|id| {
        let (id, text) =
            schemas(&snapshot).find(|(name, _)| name == id).ok_or_else(|| Failure::NoSchema(id.clone()))?;
        Ok(json!({"id": id, "definition": STANDARD.encode(text)}))
    });
    Ok(json!({"schemas": found.collect::<Result<Vec<_>, Failure>>()?}))
}

/// Schemas by their id: the path below their directory.
fn schemas(snapshot: &Snapshot) -> impl Iterator<Item = (&str, &str)> {
    let files = snapshot.files.iter().filter(|f| classify(f.name()) == FileClass::Schema);
    files.filter_map(|f| Some((f.name().strip_prefix(SCHEMAS)?, f.text())))
}

/// `ReloadStore`: reads the directory again. Blocks for as long as it takes.
pub(super) fn reload_store(service: &Service) -> Result<(), Failure> {
    match service.store().reload() {
        Outcome::Applied | Outcome::Unchanged => Ok(()),
        Outcome::Failed => Err(Failure::ReloadFailed),
    }
}

/// The answers' messages, by method.
pub(super) fn encode(message: &str, answer: &Value) -> bytes::Bytes {
    super::transcode::encode(&format!("cerbos.response.v1.{message}"), answer).into()
}
