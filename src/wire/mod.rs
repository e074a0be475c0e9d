//! Received bytes → requests in an arena; decisions → bytes. Protobuf wire format and JSON, by hand, because this is
//! the hot path: one arena, strings borrowed from the received bytes, nothing copied that need not be.
//!
//! What may not enter: transports (but for the codec's two traits), policies, deciding, configuration. A message is
//! decoded whole or refused with an error; there is no partial request.
//!
//! | from | to | function |
//! |---|---|---|
//! | protobuf `CheckResourcesRequest` | [`message::CheckResources`] | [`protobuf::check_resources`] |
//! | protobuf `DecideRequest` / `DecideBatchRequest` | [`message::Decide`] | [`protobuf::decide`], [`protobuf::decide_batch`] |
//! | the same as JSON (REST bodies) | the same | [`json::check_resources`], [`json::decide`], [`json::decide_batch`] |
//! | `PlanResourcesRequest`, both formats | [`message::PlanResources`] | [`protobuf::plan_resources`], [`json::plan_resources`] |
//! | an MCP message (JSON-RPC) | [`mcp::Mcp`] | [`json::mcp`], [`json::mcp_params`] |
//! | JSON tool arguments | [`Map`](crate::cel::value::Map) | [`json::object`] |
//! | [`reply::CheckResourcesReply`] | protobuf, JSON | [`encode::check_resources`], [`encode::check_resources_json`] |
//! | [`reply::PlanResourcesReply`] | the same | [`encode::plan_resources`], [`encode::plan_resources_json`] |
//! | [`reply::DecideReply`] | protobuf, JSON | [`encode::decide`], [`encode::decide_json`], and the same for batches |
//!
//! Then [`validate`] checks the field rules and reports every violation; [`status`] makes the error reply of them.

pub mod authzen;
pub mod codec;
pub mod encode;
pub mod json;
pub mod limits;
pub(crate) mod map;
pub mod mcp;
pub mod message;
pub mod protobuf;
mod quote;
pub mod reply;
pub mod status;
pub mod validate;
