//! The admin API over both transports: who is let in, what is read, and what is refused.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use tonic::Code;
use tonic::Request;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use toolgate::proto::cerbos::request::v1::{
    AddOrUpdatePolicyRequest, DeleteSchemaRequest, GetPolicyRequest, GetSchemaRequest, InspectPoliciesRequest,
    ListPoliciesRequest, ListSchemasRequest, ReloadStoreRequest,
};
use toolgate::proto::cerbos::svc::v1::cerbos_admin_service_client::CerbosAdminServiceClient;

use crate::support::{Answer, Pdp, Policies, allowing, channel, denying};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/admin/policies")
}

/// Settings for a user `admin` with the password `secret`, whose hash is cheap.
fn settings() -> String {
    let hash = STANDARD.encode(bcrypt::hash("secret", 4).unwrap());
    format!(
        "server.adminAPI.enabled=true,server.adminAPI.adminCredentials.username=admin,\
         server.adminAPI.adminCredentials.passwordHash={hash}"
    )
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

async fn ask(pdp: &Pdp, method: Method, path: &str, body: &str) -> Answer {
    pdp.send_with(method, path, &[("authorization", &basic("admin:secret"))], body).await
}

async fn get(pdp: &Pdp, path: &str) -> Answer {
    ask(pdp, Method::GET, path, "").await
}

type Client<F> = CerbosAdminServiceClient<InterceptedService<Channel, F>>;

async fn client(pdp: &Pdp, header: String) -> Client<impl FnMut(Request<()>) -> Result<Request<()>, tonic::Status>> {
    CerbosAdminServiceClient::with_interceptor(channel(&pdp.grpc).await, move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", header.parse().unwrap());
        Ok(request)
    })
}

#[tokio::test]
async fn policies_and_schemas_are_read_over_http() {
    let pdp = Pdp::start_with(&data(), &[&settings()]).await;
    let all = ["consts.yaml", "doc.yaml", "doc_acme.yaml", "dr.yaml", "prin.yaml", "sub/role.yaml", "vars.yaml"];
    for path in ["/admin/policies", "/admin/policies?includeDisabled=true", "/admin/policies?foo=1&include_disabled=1"]
    {
        assert_eq!(get(&pdp, path).await.json(), json!({"policyIds": all}), "{path}");
    }
    let some = get(&pdp, "/admin/policies?policyId=doc.yaml&policy_id=sub%2Frole.yaml&policyId=nope").await;
    assert_eq!(some.json(), json!({"policyIds": ["doc.yaml", "sub/role.yaml"]}));
    assert_eq!(some.headers["grpc-metadata-cerbos-version"], env!("CARGO_PKG_VERSION"));
    let policy = get(&pdp, "/admin/policy?id=doc.yaml&id=nope").await.json();
    assert_eq!(policy["policies"][0]["resourcePolicy"]["rules"][1]["actions"], json!(["edit", "x:*"]));
    assert_eq!(policy["policies"].as_array().unwrap().len(), 1);
    let inspected = get(&pdp, "/admin/policies/inspect?policyId=doc.yaml").await.json();
    assert_eq!(inspected["results"]["resource.doc.vdefault"]["actions"], json!(["edit", "view", "x:*"]));
    assert_eq!(get(&pdp, "/admin/schemas").await.json(), json!({"schemaIds": ["doc.json"]}));
    let schema = std::fs::read(data().join("_schemas/doc.json")).unwrap();
    assert_eq!(
        get(&pdp, "/admin/schema?id=doc.json").await.json(),
        json!({"schemas": [{"id": "doc.json", "definition": STANDARD.encode(schema)}]})
    );
    assert_eq!(pdp.get("/_cerbos/health?service=cerbos.svc.v1.CerbosAdminService").await.status, 200);
}

#[tokio::test]
async fn refusals_have_the_words_that_clients_know() {
    let pdp = Pdp::start_with(&data(), &[&settings()]).await;
    let immutable = "Configured store is not mutable";
    let rows: &[(Method, &str, u16, i64, &str)] = &[
        (Method::GET, "/admin/policies?nameRegexp=a", 501, 12, "Store does not support regexp filters"),
        (Method::GET, "/admin/policies/inspect?scopeRegexp=a", 501, 12, "Store does not support regexp filters"),
        (
            Method::GET,
            "/admin/policies?includeDisabled=x",
            400,
            3,
            "parsing field \"include_disabled\": strconv.ParseBool: parsing \"x\": invalid syntax",
        ),
        (
            Method::GET,
            "/admin/policies?policyId=",
            400,
            3,
            "validation error: policy_id[0]: must be at least 1 characters",
        ),
        (Method::GET, "/admin/policy", 400, 3, "validation error: id: value is required"),
        (
            Method::GET,
            "/admin/policy?id=a&id=a&id=",
            400,
            3,
            "validation errors:\n - id: repeated value must contain unique items\n - id[2]: must be at least 1 characters",
        ),
        (Method::GET, "/admin/schema?id=nope.json", 500, 13, "could not get the schema with id nope.json"),
        (Method::POST, "/admin/policy", 501, 12, immutable),
        (Method::PUT, "/admin/policy", 501, 12, immutable),
        (Method::DELETE, "/admin/policy?id=a", 501, 12, immutable),
        (Method::POST, "/admin/policy/delete?id=a", 501, 12, immutable),
        (Method::POST, "/admin/policy/disable?id=a", 501, 12, immutable),
        (Method::PUT, "/admin/policy/disable", 501, 12, immutable),
        (Method::POST, "/admin/policy/enable?id=a", 501, 12, immutable),
        (Method::POST, "/admin/schema", 501, 12, immutable),
        (Method::DELETE, "/admin/schema?id=a", 501, 12, immutable),
        (Method::DELETE, "/admin/store/revisions", 501, 12, immutable),
        (Method::GET, "/admin/auditlog/list/X", 400, 3, "type mismatch, parameter: kind, error: X is not valid"),
        (Method::PATCH, "/admin/policy", 501, 12, "Method Not Allowed"),
        (Method::POST, "/admin/policies", 501, 12, "Method Not Allowed"),
        (Method::GET, "/admin/nothing", 404, 12, "Admin service is disabled by the configuration"),
        (Method::POST, "/api/playground/test", 404, 12, "Playground service is disabled by the configuration"),
    ];
    for (method, path, status, code, message) in rows {
        let answer = ask(&pdp, method.clone(), path, "{}").await;
        let json = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &json["code"], &json["message"]),
            (*status, &json!(code), &json!(message)),
            "{method} {path}"
        );
    }
    let audit = get(&pdp, "/admin/auditlog/list/KIND_ACCESS?tail=1").await;
    let expected: Value = json!({"error": {"code": 12, "message": "Audit logs are not enabled"}});
    assert_eq!((audit.status.as_u16(), audit.json()), (501, expected));
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let pdp = Pdp::start_with(&data(), &[&settings()]).await;
    let rows = [
        ("", "authentication required"),
        ("Bearer x", "unsupported authentication method"),
        ("basic eDp5", "unsupported authentication method"),
        ("Basic !!!", "failed to decode credentials"),
        (&basic("x"), "invalid credentials"),
        (&basic("admin:wrong"), "incorrect credentials"),
        (&basic("other:secret"), "incorrect credentials"),
        (&basic("cerbos:cerbosAdmin"), "incorrect credentials"),
    ];
    for (header, words) in rows {
        let headers = [("authorization", header)];
        let headers = if header.is_empty() { &[][..] } else { &headers };
        // Nothing is looked at before: not even what is wrong with the request.
        for (method, path) in [
            (Method::GET, "/admin/policies"),
            (Method::GET, "/admin/policy"),
            (Method::GET, "/admin/store/reload?wait=x"),
            (Method::POST, "/admin/policy"),
            (Method::GET, "/admin/auditlog/list/X"),
        ] {
            let answer = pdp.send_with(method, path, headers, "").await;
            let mut expected = json!({"code": 16, "message": words});
            if path.starts_with("/admin/auditlog") {
                // It would have answered with a stream.
                expected = json!({ "error": expected });
            }
            assert_eq!((answer.status.as_u16(), answer.json()), (401, expected), "{path} {header}");
        }
        if header.is_empty() {
            continue;
        }
        let mut client = client(&pdp, header.to_owned()).await;
        let refused = client.list_policies(ListPoliciesRequest::default()).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, words));
    }
}

#[tokio::test]
async fn the_same_over_grpc() {
    let pdp = Pdp::start_with(&data(), &[&settings()]).await;
    let mut client = client(&pdp, basic("admin:secret")).await;
    let listed = client.list_policies(ListPoliciesRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.policy_ids.len(), 7);
    let id = |id: &str| vec![id.to_owned()];
    let policy = client.get_policy(GetPolicyRequest { id: id("doc.yaml") }).await.unwrap().into_inner();
    assert_eq!(policy.policies[0].api_version, "api.cerbos.dev/v1");
    let inspected = client.inspect_policies(InspectPoliciesRequest::default()).await.unwrap().into_inner();
    assert_eq!(inspected.results.len(), 7);
    assert_eq!(client.list_schemas(ListSchemasRequest {}).await.unwrap().into_inner().schema_ids, ["doc.json"]);
    let schema = client.get_schema(GetSchemaRequest { id: id("doc.json") }).await.unwrap().into_inner();
    assert_eq!(schema.schemas[0].definition, std::fs::read(data().join("_schemas/doc.json")).unwrap());
    let refused = client.get_schema(GetSchemaRequest { id: id("x") }).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Internal, "could not get the schema with id x"));
    let refused = client.get_policy(GetPolicyRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(!refused.details().is_empty());
    let refused = client.add_or_update_policy(AddOrUpdatePolicyRequest::default()).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unimplemented, "Configured store is not mutable"));
    let refused = client.delete_schema(DeleteSchemaRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_reload_tells_whether_it_worked() {
    let policies = Policies::new(&[("github.yaml", &allowing("github", "list_issues"))]);
    let pdp = Pdp::start_with(policies.path(), &[&settings(), "storage.disk.watchForChanges=false"]).await;
    let before = pdp.service.store().status().revision.clone();
    policies.write("github.yaml", &denying("github"));
    let answer = get(&pdp, "/admin/store/reload?wait=true").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({})));
    let after = pdp.service.store().status().revision.clone();
    assert_ne!(before, after);

    policies.write("github.yaml", "apiVersion: nonsense");
    let answer = get(&pdp, "/admin/store/reload?wait=true").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (500, json!({"code": 13, "message": "failed to reload store"}))
    );
    let mut client = client(&pdp, basic("admin:secret")).await;
    let refused = client.reload_store(ReloadStoreRequest { wait: true }).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Internal, "failed to reload store"));
    // Who does not wait is not told.
    assert_eq!(get(&pdp, "/admin/store/reload").await.json(), json!({}));
    assert_eq!(pdp.service.store().status().revision, after);
}

#[tokio::test]
async fn there_is_no_admin_api_unless_it_is_configured() {
    let pdp = Pdp::start(&data()).await;
    let disabled = json!({"code": 12, "message": "Admin service is disabled by the configuration"});
    let answer = get(&pdp, "/admin/policies").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (404, disabled));
    let mut client = client(&pdp, basic("admin:secret")).await;
    let refused = client.list_policies(ListPoliciesRequest::default()).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::Unimplemented, "Admin service is disabled by the configuration")
    );
    let health = pdp.get("/_cerbos/health?service=cerbos.svc.v1.CerbosAdminService").await;
    assert_eq!(health.status, 404);
}
