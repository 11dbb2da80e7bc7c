//! Log lines on standard error, and spans to a collector if one is named.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};
use url::Url;

use crate::Error;
use crate::cli::{Cli, Command, ServiceArgs, ServiceCommand};
use sql::without_secrets;

/// The time limit of an export; only a shutdown waits for it.
const EXPORT: Duration = Duration::from_secs(5);

/// Spans that are not exported yet; exported when dropped.
pub(super) struct Spans(Option<SdkTracerProvider>);

impl Drop for Spans {
    fn drop(&mut self) {
        if let Some(Err(error)) =
            self.0.take().map(|provider| provider.shutdown_with_timeout(EXPORT))
        {
            tracing::warn!("the last spans were not sent: {error}");
        }
    }
}

/// Starts logging as the command line configures it: a service logs its events, a command only
/// warnings.
pub(super) fn begin(cli: &Cli, runtime: &Handle) -> Result<Spans, Error> {
    let service = service(&cli.command);
    let without_spans = matches!(
        &cli.command,
        Command::Service(ServiceCommand::Portal(_) | ServiceCommand::Intake(_))
    );
    let runs = service.is_some() || without_spans;
    let usual = if runs { "info,sqlx=warn,async_nats=warn" } else { "warn" };
    let filter = cli.global.log.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Error::Invalid(format!(
            "--log {filter:?} is not a filter ({error}); write for example --log debug"
        ))
    })?;
    let provider = match service {
        Some((name, ServiceArgs { otlp_endpoint: Some(endpoint), .. })) => {
            Some(provider(name, endpoint, runtime)?)
        }
        Some(_) | None => None,
    };
    let spans = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("tramonto")));
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(console::colors_enabled_stderr())
        .log_internal_errors(false);
    let logs: Box<dyn Layer<_> + Send + Sync> =
        if cli.global.log_json { Box::new(logs.json()) } else { Box::new(logs) };
    let begun = Registry::default().with(logs).with(spans).with(filter).try_init();
    begun.map_err(|error| Error::Refused(format!("cannot start logging: {error}")))?;
    Ok(Spans(provider))
}

/// The name and the settings of a service that exports spans.
fn service(command: &Command) -> Option<(&'static str, &ServiceArgs)> {
    if let Command::Run(args) = command {
        return Some(("tramonto", &args.service));
    }
    let Command::Service(command) = command else { return None };
    match command {
        ServiceCommand::Scheduler(args) => Some(("tramonto-scheduler", &args.service)),
        ServiceCommand::Worker(args) => Some(("tramonto-worker", &args.service)),
        ServiceCommand::Projector(args) => Some(("tramonto-projector", args)),
        ServiceCommand::Relay(args) => Some(("tramonto-relay", &args.service)),
        ServiceCommand::Api(args) => Some(("tramonto-api", args)),
        ServiceCommand::Policy(args) => Some(("tramonto-policy", &args.service)),
        ServiceCommand::Portal(_) | ServiceCommand::Intake(_) | ServiceCommand::Check { .. } => {
            None
        }
    }
}

/// Sends spans in batches, by OTLP over HTTP.
fn provider(
    name: &'static str,
    endpoint: &str,
    runtime: &Handle,
) -> Result<SdkTracerProvider, Error> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(OnRuntime { client: client()?, runtime: runtime.clone() })
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(EXPORT)
        .build();
    let exporter = exporter.map_err(|_can_hold_the_url: ExporterBuildError| {
        let place =
            Url::parse(endpoint).map_or("an invalid URL".to_owned(), |u| without_secrets(&u));
        Error::Invalid(format!(
            "cannot send spans to {place}; write --otlp-endpoint http://HOST:4318"
        ))
    })?;
    let resource = Resource::builder().with_service_name(name).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// A client of collectors, which are spoken to without TLS.
fn client() -> Result<reqwest::Client, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable =
        |error: &dyn Display| Error::Unavailable(format!("spans cannot be sent: {error}"));
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
    client.no_proxy().timeout(EXPORT).build().map_err(|error| unusable(&error))
}

/// The library sends from a thread of its own, and this client needs the runtime's.
#[derive(Debug)]
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
