//! Generated code and nothing else: prost types and gRPC clients of every message in `proto/`, for what is off the hot
//! path and for tests. The hot path decodes and encodes by hand in `wire`; its server traits, which hand over raw
//! bytes, are in [`server`].

#![expect(
    missing_docs,
    clippy::pedantic,
    clippy::default_constructed_unit_structs,
    clippy::large_enum_variant,
    reason = "generated code"
)]
#![allow(
    rustdoc::invalid_html_tags,
    rustdoc::broken_intra_doc_links,
    rustdoc::bare_urls,
    reason = "generated from protos"
)]

include!(concat!(env!("OUT_DIR"), "/protos.rs"));

/// The files of `proto/` as a `FileDescriptorSet`, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Server traits. Hot methods take and give [`bytes::Bytes`]; see [`crate::wire::codec`].
pub mod server {
    /// `toolgate.v1.ToolCallService`
    pub mod tool_calls {
        include!(concat!(env!("OUT_DIR"), "/toolgate.v1.ToolCallService.rs"));
    }

    /// `authzen.authorization.v1.AuthorizationService`
    pub mod authzen {
        include!(concat!(env!("OUT_DIR"), "/authzen.authorization.v1.AuthorizationService.rs"));
    }

    /// `envoy.service.auth.v3.Authorization`
    pub mod ext_authz {
        include!(concat!(env!("OUT_DIR"), "/envoy.service.auth.v3.Authorization.rs"));
    }

    /// `agentgateway.dev.ext_mcp.ExtMcp`
    pub mod ext_mcp {
        include!(concat!(env!("OUT_DIR"), "/agentgateway.dev.ext_mcp.ExtMcp.rs"));
    }

    /// `grpc.health.v1.Health`, the method `List` alone
    pub mod health {
        include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.Health.rs"));
    }

    /// `cerbos.svc.v1.CerbosAdminService`
    pub mod admin {
        include!(concat!(env!("OUT_DIR"), "/cerbos.svc.v1.CerbosAdminService.rs"));
    }

    /// `cerbos.svc.v1.CerbosService`
    pub mod cerbos {
        include!(concat!(env!("OUT_DIR"), "/cerbos.svc.v1.CerbosService.rs"));
    }
}
