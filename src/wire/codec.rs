//! A gRPC codec that does not decode: methods get the received message as [`Bytes`] and give back encoded [`Bytes`],
//! so that decoding into an arena and encoding by hand happen in the service. Knows no message and no policy.
//!
//! A service implements the generated trait over bytes and is added to a router like any other:
//!
//! ```
//! use bytes::Bytes;
//! use tonic::{Request, Response, Status};
//! use toolgate::proto::cerbos::{request::v1::ServerInfoRequest, response::v1::ServerInfoResponse};
//! use toolgate::proto::server::cerbos::cerbos_service_server::{CerbosService, CerbosServiceServer};
//!
//! struct Check;
//!
//! #[tonic::async_trait]
//! impl CerbosService for Check {
//!     async fn check_resources(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
//!         let received: Bytes = request.into_inner(); // decode into an arena, decide, encode
//!         Ok(Response::new(received))
//!     }
//!
//!     async fn check_resource_set(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
//!         Ok(Response::new(request.into_inner()))
//!     }
//!
//!     async fn check_resource_batch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
//!         Ok(Response::new(request.into_inner()))
//!     }
//!
//!     async fn server_info(&self, _: Request<ServerInfoRequest>) -> Result<Response<ServerInfoResponse>, Status> {
//!         Ok(Response::new(ServerInfoResponse::default()))
//!     }
//! }
//!
//! let routes = tonic::service::Routes::new(CerbosServiceServer::new(Check).max_decoding_message_size(4 << 20));
//! # let _ = routes;
//! ```

use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The codec: bytes in, bytes out.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        // Splits the receive buffer, without copying.
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.put(item);
        Ok(())
    }
}
