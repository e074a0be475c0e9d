//! Compiles `proto/` without a system `protoc`: prost types and clients for every service, and server traits that
//! hand over raw bytes for the methods on the hot path.

use prost::Message;
use tonic_build::manual::{Builder as ServiceBuilder, Method, Service};

const FILES: &[&str] = &[
    "toolgate/v1/toolgate.proto",
    "cerbos/svc/v1/svc.proto",
    "authzen/authorization/v1/authorization.proto",
    "envoy/service/auth/v3/external_auth.proto",
    "agentgateway/ext_mcp.proto",
    "google/rpc/status.proto",
    "buf/validate/validate.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    // For server reflection.
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(false)
        .include_file("protos.rs")
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)?;
    ServiceBuilder::new().build_client(false).build_server(true).compile(&[
        tool_calls(),
        cerbos(),
        admin(),
        authzen(),
        ext_authz(),
        ext_mcp(),
        health(),
    ]);
    Ok(())
}

/// A method whose messages stay bytes: the service decodes them into an arena and encodes them itself.
fn raw(name: &str, route: &str) -> tonic_build::manual::MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type("::bytes::Bytes")
        .output_type("::bytes::Bytes")
        .codec_path("crate::wire::codec::RawCodec")
}

fn tool_calls() -> Service {
    Service::builder()
        .name("ToolCallService")
        .package("toolgate.v1")
        .comment("Tool-call decisions over undecoded messages.")
        .method(raw("decide", "Decide").build())
        .method(raw("decide_batch", "DecideBatch").build())
        .method(raw("plan_tools", "PlanTools").build())
        .method(raw("decide_stream", "DecideStream").client_streaming().server_streaming().build())
        .build()
}

fn cerbos() -> Service {
    let info = Method::builder()
        .name("server_info")
        .route_name("ServerInfo")
        .input_type("crate::proto::cerbos::request::v1::ServerInfoRequest")
        .output_type("crate::proto::cerbos::response::v1::ServerInfoResponse")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    Service::builder()
        .name("CerbosService")
        .package("cerbos.svc.v1")
        .comment("The Cerbos API over undecoded messages.")
        .method(raw("check_resources", "CheckResources").build())
        .method(raw("check_resource_set", "CheckResourceSet").build())
        .method(raw("check_resource_batch", "CheckResourceBatch").build())
        .method(raw("plan_resources", "PlanResources").build())
        .method(info)
        .build()
}

fn authzen() -> Service {
    let metadata = Method::builder()
        .name("metadata")
        .route_name("Metadata")
        .input_type("crate::proto::authzen::authorization::v1::MetadataRequest")
        .output_type("crate::proto::authzen::authorization::v1::MetadataResponse")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    Service::builder()
        .name("AuthorizationService")
        .package("authzen.authorization.v1")
        .comment("AuthZEN over undecoded messages.")
        .method(metadata)
        .method(raw("access_evaluation", "AccessEvaluation").build())
        .method(raw("access_evaluation_batch", "AccessEvaluationBatch").build())
        .build()
}

fn ext_authz() -> Service {
    Service::builder()
        .name("Authorization")
        .package("envoy.service.auth.v3")
        .comment("Envoy's external authorization over undecoded messages.")
        .method(raw("check", "Check").build())
        .build()
}

fn ext_mcp() -> Service {
    Service::builder()
        .name("ExtMcp")
        .package("agentgateway.dev.ext_mcp")
        .comment("agentgateway's MCP guardrail over undecoded messages.")
        .method(raw("check_request", "CheckRequest").build())
        .method(raw("check_response", "CheckResponse").build())
        .build()
}

fn admin() -> Service {
    let methods = [
        ("add_or_update_policy", "AddOrUpdatePolicy"),
        ("inspect_policies", "InspectPolicies"),
        ("list_policies", "ListPolicies"),
        ("get_policy", "GetPolicy"),
        ("delete_policy", "DeletePolicy"),
        ("disable_policy", "DisablePolicy"),
        ("enable_policy", "EnablePolicy"),
        ("add_or_update_schema", "AddOrUpdateSchema"),
        ("list_schemas", "ListSchemas"),
        ("get_schema", "GetSchema"),
        ("delete_schema", "DeleteSchema"),
        ("reload_store", "ReloadStore"),
        ("purge_store_revisions", "PurgeStoreRevisions"),
    ];
    let entries = raw("list_audit_log_entries", "ListAuditLogEntries").server_streaming().build();
    methods
        .iter()
        .fold(
            Service::builder()
                .name("CerbosAdminService")
                .package("cerbos.svc.v1")
                .comment("The admin API over undecoded messages."),
            |service, (name, route)| service.method(raw(name, route).build()),
        )
        .method(entries)
        .build()
}

/// The one method of health that the library for it does not know.
fn health() -> Service {
    Service::builder()
        .name("Health")
        .package("grpc.health.v1")
        .comment("Health of all services at once.")
        .method(raw("list", "List").build())
        .build()
}
