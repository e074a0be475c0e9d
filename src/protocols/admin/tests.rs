//! Answers as JSON, and the same through protobuf.

use prost::Message;
use serde_json::{Value, json};

use super::calls::{encode, get_policy, inspect_policies, list_policies};
use crate::compile::CompileOptions;
use crate::proto::cerbos::policy::v1 as proto;
use crate::proto::cerbos::request::v1::{GetPolicyRequest, InspectPoliciesRequest, ListPoliciesRequest};
use crate::proto::cerbos::response::v1::{GetPolicyResponse, InspectPoliciesResponse, ListPoliciesResponse};
use crate::service::{Service, Settings};
use crate::source::SourceFile;
use crate::store::Store;

/// The files of `tests/data/admin`.
fn service() -> Service {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/admin/policies");
    let read = |name: &str| SourceFile::new(name, std::fs::read_to_string(root.join(name)).unwrap());
    let names = ["consts.yaml", "disabled.yaml", "doc.yaml", "doc_acme.yaml", "dr.yaml", "prin.yaml", "sub/role.yaml"];
    let files = names.into_iter().chain(["vars.yaml"]).map(read).collect();
    Service::new(Store::in_memory(files, &CompileOptions::default()).unwrap(), Settings::default())
}

/// What the reference answers about the same files, but for the hash.
fn expected(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/admin").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn policies_are_shown_as_the_reference_shows_them() {
    let service = service();
    let ids =
        ["doc.yaml", "nope", "sub/role.yaml", "prin.yaml", "vars.yaml", "consts.yaml", "dr.yaml", "disabled.yaml"];
    let asked = GetPolicyRequest { id: ids.iter().map(|&id| id.to_owned()).collect() };
    let mut answer = get_policy(&service, &asked).unwrap();
    let message = GetPolicyResponse::decode(encode("GetPolicyResponse", &answer)).unwrap();
    for policy in answer["policies"].as_array_mut().unwrap() {
        let hash = policy["metadata"].as_object_mut().unwrap().remove("hash").unwrap();
        assert!(hash.as_str().unwrap().parse::<u64>().is_ok());
    }
    assert_eq!(answer, expected("policies.json"));

    assert_eq!(message.policies.len(), 6);
    let [doc, role, ..] = message.policies.as_slice() else { panic!() };
    let metadata = doc.metadata.as_ref().unwrap();
    assert!(metadata.hash.is_some() && metadata.source_attributes.as_ref().unwrap().attributes.len() == 2);
    let Some(proto::policy::PolicyType::ResourcePolicy(resource)) = &doc.policy_type else { panic!() };
    assert_eq!(resource.rules[1].actions, ["edit", "x:*"]);
    assert_eq!(resource.rules[0].effect, 1);
    assert_eq!(resource.constants.as_ref().unwrap().local.len(), 2);
    assert_eq!(resource.variables.as_ref().unwrap().local["isOwner"], "R.attr.owner == P.id");
    let Some(proto::policy::PolicyType::RolePolicy(role)) = &role.policy_type else { panic!() };
    assert_eq!(role.rules[0].allow_actions, ["view"]);
    let condition = role.rules[0].condition.as_ref().unwrap().condition.as_ref().unwrap();
    let proto::condition::Condition::Match(m) = condition else { panic!() };
    let Some(proto::r#match::Op::Any(any)) = &m.op else { panic!() };
    assert_eq!(any.of.len(), 2);
}

#[test]
fn policies_are_inspected_as_the_reference_inspects_them() {
    let service = service();
    let answer = inspect_policies(&service, &InspectPoliciesRequest::default()).unwrap();
    assert_eq!(answer, expected("inspected.json"));
    let message = InspectPoliciesResponse::decode(encode("InspectPoliciesResponse", &answer)).unwrap();
    let doc = &message.results["resource.doc.vdefault"];
    assert_eq!((doc.actions.len(), doc.variables.len(), doc.constants.len()), (3, 3, 3));
    assert_eq!(doc.attributes[0].kind, 1);
    assert!(doc.variables[0].used && !doc.variables[2].used);
}

#[test]
fn policies_are_listed() {
    let service = service();
    let answer = list_policies(&service, &ListPoliciesRequest::default()).unwrap();
    let names = ["consts.yaml", "doc.yaml", "doc_acme.yaml", "dr.yaml", "prin.yaml", "sub/role.yaml", "vars.yaml"];
    assert_eq!(answer, json!({"policyIds": names}));
    let message = ListPoliciesResponse::decode(encode("ListPoliciesResponse", &answer)).unwrap();
    assert_eq!(message.policy_ids, names);
    let some = ListPoliciesRequest { policy_id: vec!["doc.yaml".into(), "nope".into()], ..Default::default() };
    assert_eq!(list_policies(&service, &some).unwrap(), json!({"policyIds": ["doc.yaml"]}));
    let regexp = ListPoliciesRequest { name_regexp: "a".into(), ..Default::default() };
    assert_eq!(list_policies(&service, &regexp).unwrap_err().to_string(), "Store does not support regexp filters");
}
