//! Spans of calls, sent to a collector over OTLP if the environment asks for it; the one place that names
//! OpenTelemetry. Off, nothing of it runs. The variables and their defaults are the reference's.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

/// Reads a variable of the environment.
pub type Variables<'e> = &'e dyn Fn(&str) -> Option<String>;

/// What sends spans.
#[derive(Debug)]
pub struct Tracing {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// A span that is recorded. Ends when it is dropped.
#[derive(Clone, Debug)]
pub struct Span {
    context: Context,
    tracer: SdkTracer,
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A variable says something that is not served.
    #[error("{0}={1}: {2}")]
    Variable(&'static str, String, &'static str),
    /// A certificate or key cannot be read.
    #[error("cannot read `{0}`: {1}")]
    File(String, std::io::Error),
    /// The exporter cannot be made.
    #[error("cannot send traces: {0}")]
    Exporter(#[from] ExporterBuildError),
}

impl Tracing {
    /// What the environment asks for: nothing unless it names an endpoint. Runs within tokio.
    ///
    /// # Errors
    /// If it asks for what is not served.
    pub fn open(variables: Variables<'_>) -> Result<Option<Self>, TraceError> {
        let get = |name: &str| variables(name).filter(|v| !v.is_empty());
        // A setting for traces goes before one for everything.
        let setting = |name: &str| {
            get(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}")).or_else(|| get(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let on = |value: Option<String>| value.is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let exporter = get("OTEL_TRACES_EXPORTER");
        if on(get("OTEL_SDK_DISABLED")) || exporter.as_deref() == Some("none") {
            return Ok(None);
        }
        let Some(endpoint) = setting("ENDPOINT") else { return Ok(None) };
        if let Some(other) = exporter.filter(|e| e != "otlp") {
            return Err(TraceError::Variable("OTEL_TRACES_EXPORTER", other, "expected `otlp` or `none`"));
        }
        if let Some(other) = setting("PROTOCOL").filter(|p| p != "grpc") {
            return Err(TraceError::Variable("OTEL_EXPORTER_OTLP_PROTOCOL", other, "traces are sent over `grpc` only"));
        }
        let scheme = if on(setting("INSECURE")) { "http" } else { "https" };
        let endpoint = if endpoint.contains("://") { endpoint } else { format!("{scheme}://{endpoint}") };
        let mut builder = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(&endpoint);
        if endpoint.starts_with("https://") {
            let mut tls = ClientTlsConfig::new();
            if let Some(authority) = setting("CERTIFICATE") {
                tls = tls.ca_certificate(Certificate::from_pem(read(&authority)?));
            }
            if let (Some(cert), Some(key)) = (setting("CLIENT_CERTIFICATE"), setting("CLIENT_KEY")) {
                tls = tls.identity(Identity::from_pem(read(&cert)?, read(&key)?));
            }
            builder = builder.with_tls_config(tls);
        }
        let name = get("OTEL_SERVICE_NAME").unwrap_or_else(|| "toolgate".into());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(builder.build()?)
            .with_sampler(sampler(get("OTEL_TRACES_SAMPLER"), get("OTEL_TRACES_SAMPLER_ARG"))?)
            .with_resource(Resource::builder().with_service_name(name).build())
            .build();
        let tracer = provider.tracer("toolgate");
        Ok(Some(Self { provider, tracer }))
    }

    /// The span of a call, continuing the trace of whoever makes it; nothing if it is not sampled.
    #[must_use]
    pub fn call(&self, name: &str, headers: &HeaderMap) -> Option<Span> {
        let headers = Headers(headers);
        let mut parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
        if !parent.span().span_context().is_valid()
            && let Some(remote) = b3(&headers)
        {
            parent = parent.with_remote_span_context(remote);
        }
        let (service, method) = name.trim_start_matches('/').split_once('/').unwrap_or(("", name));
        let attributes = [("rpc.system.name", "grpc"), ("rpc.service", service), ("rpc.method", method)];
        let attributes = attributes.map(|(key, value)| KeyValue::new(key, value.to_owned()));
        let builder = SpanBuilder::from_name(name.trim_start_matches('/').to_owned())
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &parent);
        let recorded = span.is_recording();
        recorded.then(|| Span { context: parent.with_span(span), tracer: self.tracer.clone() })
    }

    /// Sends what is left.
    pub fn close(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(Duration::from_secs(5)) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

impl Span {
    /// A span within this one.
    #[must_use]
    pub fn child(&self, name: &'static str) -> Self {
        let span = self.tracer.build_with_context(SpanBuilder::from_name(name), &self.context);
        Self { context: self.context.with_span(span), tracer: self.tracer.clone() }
    }

    /// Says something about it.
    pub fn set(&self, key: &'static str, value: impl Into<Cow<'static, str>>) {
        self.context.span().set_attribute(KeyValue::new(key, value.into()));
    }

    /// How it ended: a `google.rpc.Code`, and what the caller was told.
    pub fn ended(&self, code: i32, message: &str) {
        let span = self.context.span();
        span.set_attribute(KeyValue::new("rpc.grpc.status_code", i64::from(code)));
        if code != 0 {
            span.set_status(Status::error(message.to_owned()));
        }
    }
}

fn read(path: &str) -> Result<Vec<u8>, TraceError> {
    std::fs::read(Path::new(path)).map_err(|e| TraceError::File(path.to_owned(), e))
}

fn sampler(name: Option<String>, argument: Option<String>) -> Result<Sampler, TraceError> {
    let ratio = || match argument.as_deref().map(str::parse::<f64>) {
        None => Ok(0.1),
        Some(Ok(ratio)) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        Some(_) => {
            let given = argument.clone().unwrap_or_default();
            Err(TraceError::Variable("OTEL_TRACES_SAMPLER_ARG", given, "expected a number from 0 to 1"))
        }
    };
    let by_parent = |root| Ok(Sampler::ParentBased(Box::new(root)));
    match name.as_deref() {
        None | Some("parentbased_always_off") => by_parent(Sampler::AlwaysOff),
        Some("parentbased_always_on") => by_parent(Sampler::AlwaysOn),
        Some("parentbased_traceidratio") => by_parent(Sampler::TraceIdRatioBased(ratio()?)),
        Some("always_on") => Ok(Sampler::AlwaysOn),
        Some("always_off") => Ok(Sampler::AlwaysOff),
        Some("traceidratio") => Ok(Sampler::TraceIdRatioBased(ratio()?)),
        Some(other) => Err(TraceError::Variable(
            "OTEL_TRACES_SAMPLER",
            other.to_owned(),
            "expected `always_on`, `always_off` or `traceidratio`, or one of these after `parentbased_`",
        )),
    }
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// The parent in Zipkin's headers: `b3`, or one header a part.
fn b3(headers: &Headers<'_>) -> Option<SpanContext> {
    let (trace, span, sampled) = match headers.get("b3") {
        Some(single) => {
            let mut parts = single.split('-');
            (parts.next()?, parts.next()?, parts.next())
        }
        None => {
            let flags = headers.get("x-b3-flags").filter(|f| *f == "1");
            (headers.get("x-b3-traceid")?, headers.get("x-b3-spanid")?, headers.get("x-b3-sampled").or(flags))
        }
    };
    let sampled = matches!(sampled, Some("1" | "d" | "true"));
    let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(variables: &[(&str, &str)]) -> Result<bool, String> {
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Tracing::open(&get).map(|t| t.is_some()).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn traces_are_off_unless_an_endpoint_is_named_and_what_is_not_served_is_refused() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        assert_eq!(open(&[]), Ok(false));
        assert_eq!(open(&[("OTEL_TRACES_SAMPLER", "always_on")]), Ok(false));
        assert_eq!(open(&[endpoint]), Ok(true));
        assert_eq!(
            open(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "x:1"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")]),
            Ok(true)
        );
        assert_eq!(open(&[endpoint, ("OTEL_SDK_DISABLED", "true")]), Ok(false));
        assert_eq!(open(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Ok(false));
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
        ] {
            let refused = open(&[endpoint, (name, value)]).unwrap_err();
            assert!(refused.starts_with(&format!("{name}={value}: ")), "{refused}");
        }
        let ratio = [endpoint, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        assert!(open(&ratio).unwrap_err().contains("from 0 to 1"));
    }

    #[test]
    fn parents_come_in_zipkins_headers_too() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let headers = |pairs: &[(&'static str, String)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            b3(&Headers(&headers)).map(|c| (c.trace_id().to_string(), c.is_sampled()))
        };
        let span = "b7ad6b7169203331";
        assert_eq!(headers(&[("b3", format!("{trace}-{span}-1"))]), Some((trace.into(), true)));
        assert_eq!(headers(&[("b3", format!("{trace}-{span}"))]), Some((trace.into(), false)));
        let many = [("x-b3-traceid", trace.into()), ("x-b3-spanid", span.into()), ("x-b3-sampled", "1".into())];
        assert_eq!(headers(&many), Some((trace.into(), true)));
        for wrong in ["", "0", "x-y-1", "00000000000000000000000000000000-0000000000000000-1"] {
            assert_eq!(headers(&[("b3", wrong.into())]), None, "{wrong}");
        }
    }
}
