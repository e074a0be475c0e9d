//! Server reflection, `v1` and `v1alpha`: what this server speaks, for tools such as `grpcurl`.

use tonic::service::RoutesBuilder;
use tonic_reflection::server::Builder;

use crate::proto::DESCRIPTORS;

/// Adds both services. Descriptors are made at build time; ones that do not fit are a defect, and nothing is served.
pub(super) fn add(routes: &mut RoutesBuilder) {
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => _ = routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "server reflection is not served"),
    }
}
