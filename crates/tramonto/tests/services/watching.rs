//! Observers of services: an HTTP client, and a collector of spans.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;

/// An HTTP request to a service: status and body; `None` while nothing listens.
pub(crate) fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let code = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((code, body.to_owned()))
}

/// The tested fields of a span.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) service: String,
    pub(crate) span: String,
    pub(crate) correlation_id: String,
}

/// A collector that stores the spans it receives.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    kept: Arc<Mutex<BTreeSet<Seen>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let kept: Arc<Mutex<BTreeSet<Seen>>> = Arc::default();
        let keeping = Arc::clone(&kept);
        let take = async move |body: axum::body::Bytes| {
            let sent = ExportTraceServiceRequest::decode(body).unwrap();
            keeping.lock().unwrap().extend(sent.resource_spans.into_iter().flat_map(seen));
        };
        let routes = axum::Router::new().route("/v1/traces", axum::routing::post(take));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { endpoint, kept }
    }

    /// Did this service send a span with this name and correlation id?
    pub(crate) fn has(&self, service: &str, span: &str, correlation_id: &str) -> bool {
        let [service, span, correlation_id] = [service, span, correlation_id].map(str::to_owned);
        self.kept.lock().unwrap().contains(&Seen { service, span, correlation_id })
    }

    /// All received spans, for a failure.
    pub(crate) fn all(&self) -> String {
        format!("{:#?}", self.kept.lock().unwrap())
    }
}

fn seen(spans: ResourceSpans) -> Vec<Seen> {
    let of_service = spans.resource.unwrap().attributes;
    let service = value(&of_service, "service.name").unwrap();
    let spans = spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
    let seen = |span: Span| Seen {
        service: service.clone(),
        correlation_id: value(&span.attributes, "correlation_id").unwrap_or_default(),
        span: span.name,
    };
    spans.map(seen).collect()
}

fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    let Value::StringValue(text) = found.value.clone()?.value? else { return None };
    Some(text)
}
