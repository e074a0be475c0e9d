//! The tool-call API: `toolgate.v1.ToolCallService` over gRPC (one call, a batch, a stream), and the first two as JSON
//! at `/v1/decide` and `/v1/decide/batch`; lists of tools at `/v1/plan/tools`.

mod decide;
mod grpc;
mod plan;
mod rest;
mod stream;

pub(super) use decide::{decide, decide_one_in, decide_one_of, refused};
pub(super) use grpc::{GrpcApi, decide_message};
pub(super) use plan::{plan_tools, plan_tools_in};
pub(super) use rest::{decide_json, plan_tools_json, routes};
