//! The admin API: `cerbos.svc.v1.CerbosAdminService` over gRPC, and its REST routes. Reads policies and schemas and
//! has them read again; changes nothing, because policies are files here.

mod auth;

pub use auth::Credentials;
