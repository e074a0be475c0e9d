//! The scenario through the Rust SDK. Usage: swap-client SCENARIO TARGET (JSON in files). Prints {step: answer}; an
//! answer of the SDK's message types stands as the name of its type and its bytes in hex, for the caller to read.

use anyhow::{Context, Result, bail};
use cerbos::genpb::google::protobuf as wkt;
use cerbos::genpb::google::protobuf::value::Kind;
use cerbos::sdk::admin::CerbosAdminClient;
use cerbos::sdk::admin::model::FilterOptions;
use cerbos::sdk::attr::{AttrVal, Attribute, attr};
use cerbos::sdk::model::{AuxData, Principal, Resource, ResourceKind, ResourceList};
use cerbos::sdk::{CerbosAsyncClient, CerbosClientOptions, CerbosEndpoint};
use prost::Message;
use serde_json::{Map, Value, json};

struct Json<'a>(&'a Value);

impl AttrVal for Json<'_> {
    fn to_value(self) -> wkt::Value {
        let kind = match self.0 {
            Value::Null => Kind::NullValue(0),
            Value::Bool(b) => Kind::BoolValue(*b),
            Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or(f64::NAN)),
            Value::String(s) => Kind::StringValue(s.clone()),
            Value::Array(items) => {
                Kind::ListValue(wkt::ListValue { values: items.iter().map(|v| Json(v).to_value()).collect() })
            }
            Value::Object(members) => Kind::StructValue(wkt::Struct {
                fields: members.iter().map(|(k, v)| (k.clone(), Json(v).to_value())).collect(),
            }),
        };
        wkt::Value { kind: Some(kind) }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut read = || -> Result<Value> {
        let file = arguments.next().context("usage: swap-client SCENARIO TARGET")?;
        Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?)
    };
    let (scenario, target) = (read()?, read()?);
    let password = text(&target, "password");
    let mut client = CerbosAsyncClient::new(options(&target, &password)?).await?;
    let mut answers = Map::new();
    for step in list(&scenario, "steps") {
        let answer = match text(step, "call").as_str() {
            // This SDK has no field for named tokens.
            "check" if step["only"] != "jwts" => check(&mut client, step).await,
            "plan" => plan(&mut client, step).await,
            "admin" => {
                let password = step["password"].as_str().unwrap_or(&password);
                let mut admin = CerbosAdminClient::new(options(&target, password)?).await?;
                match ask_admin(&mut admin, step).await.transpose() {
                    Some(answer) => answer,
                    None => continue,
                }
            }
            _ => continue,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(e) => match e.downcast_ref::<tonic::Status>() {
                Some(status) => json!({"error": {"code": status.code() as i32, "message": status.message()}}),
                None => return Err(e),
            },
        };
        answers.insert(text(step, "name"), answer);
    }
    println!("{}", Value::Object(answers));
    Ok(())
}

fn options(target: &Value, password: &str) -> Result<CerbosClientOptions<String>> {
    let address = text(target, "grpc");
    let endpoint = match address.strip_prefix("unix:") {
        Some(path) => CerbosEndpoint::UnixDomainSocket(path.to_owned()),
        None => {
            let (host, port) = address.rsplit_once(':').context("an address has a port")?;
            CerbosEndpoint::HostPort(host.to_owned(), port.parse()?)
        }
    };
    let options = CerbosClientOptions::new(endpoint)
        .with_admin_credentials("admin", password)
        .with_timeout(std::time::Duration::from_secs(10))
        .with_request_id_gen(|| "swap".to_owned());
    Ok(match target["ca"].as_str() {
        Some(file) => options.with_tls_ca_cert_pem(std::fs::read(file)?),
        None => options.with_plaintext(),
    })
}

async fn check(client: &mut CerbosAsyncClient, step: &Value) -> Result<Value> {
    let mut resources = ResourceList::new();
    for entry in list(step, "resources") {
        resources = resources.add(resource(&entry[0]), strings(&entry[1]));
    }
    let reply = client.check_resources(principal(&step["principal"]), resources, aux_data(step)).await?;
    // What programs do with it: the SDK's own look-ups.
    let mut allowed = Vec::new();
    for entry in list(step, "resources") {
        let result = reply.find(text(&entry[0], "id"));
        allowed.push(strings(&entry[1]).iter().map(|a| result.as_ref().map(|r| r.is_allowed(a))).collect::<Vec<_>>());
    }
    Ok(json!({"allowed": allowed, "reply": message("response.CheckResourcesResponse", &reply.response)}))
}

async fn plan(client: &mut CerbosAsyncClient, step: &Value) -> Result<Value> {
    let (who, what) = (principal(&step["principal"]), kind(&step["resource"]));
    let reply = match step["action"].as_str() {
        Some(action) => client.plan_resources(action, who, what, aux_data(step)).await?,
        None => client.plan_resources_for_actions(strings(&step["actions"]), who, what, aux_data(step)).await?,
    };
    Ok(message("response.PlanResourcesResponse", &reply.response))
}

async fn ask_admin(admin: &mut CerbosAdminClient, step: &Value) -> Result<Option<Value>> {
    let request = &step["request"];
    let ids = || strings(&request["ids"]);
    let filter = FilterOptions {
        policy_ids: strings(&request["policyIds"]),
        include_disabled: request["includeDisabled"] == true,
        name_regexp: request["nameRegexp"].as_str().map(Into::into),
        ..FilterOptions::default()
    };
    Ok(Some(match text(step, "method").as_str() {
        "ListPolicies" => json!(admin.list_policies(Some(filter)).await?),
        "GetPolicy" => messages("policy.Policy", &admin.get_policy(ids()).await?),
        "InspectPolicies" => message("response.InspectPoliciesResponse", &admin.inspect_policies(Some(filter)).await?),
        "ListSchemas" => json!(admin.list_schemas().await?),
        "GetSchema" => messages("schema.Schema", &admin.get_schema(ids()).await?),
        "ReloadStore" => json!(admin.reload_store(request["wait"] == true).await?),
        "DisablePolicy" => json!(admin.disable_policy(ids()).await?),
        "EnablePolicy" => json!(admin.enable_policy(ids()).await?),
        "DeleteSchema" => json!(admin.delete_schema(ids()).await?),
        other => bail!("no such method: {other}"),
    }))
}

fn message(kind: &str, message: &impl Message) -> Value {
    let bytes: String = message.encode_to_vec().iter().map(|b| format!("{b:02x}")).collect();
    json!({"protobuf": kind, "bytes": bytes})
}

fn messages(kind: &str, list: &[impl Message]) -> Value {
    Value::Array(list.iter().map(|m| message(kind, m)).collect())
}

fn text(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().map_or(&[], Vec::as_slice)
}

fn strings(of: &Value) -> Vec<String> {
    of.as_array().into_iter().flatten().filter_map(Value::as_str).map(Into::into).collect()
}

fn attributes(of: &Value) -> Vec<Attribute> {
    of["attr"].as_object().into_iter().flatten().map(|(k, v)| attr(k.clone(), Json(v))).collect()
}

fn principal(of: &Value) -> Principal {
    Principal::new(text(of, "id"), strings(&of["roles"]))
        .with_policy_version(text(of, "policyVersion"))
        .with_scope(text(of, "scope"))
        .with_attributes(attributes(of))
}

fn resource(of: &Value) -> Resource {
    Resource::new(text(of, "id"), text(of, "kind"))
        .with_policy_version(text(of, "policyVersion"))
        .with_scope(text(of, "scope"))
        .with_attributes(attributes(of))
}

fn kind(of: &Value) -> ResourceKind {
    ResourceKind::new(text(of, "kind"))
        .with_policy_version(text(of, "policyVersion"))
        .with_scope(text(of, "scope"))
        .with_attributes(attributes(of))
}

fn aux_data(step: &Value) -> Option<AuxData> {
    let token = step.get("auxData")?.get("jwt")?;
    Some(AuxData::new().with_jwt(text(token, "token"), Some(text(token, "keySetId"))))
}
