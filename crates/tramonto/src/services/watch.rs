//! What a service answers about itself over HTTP: `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::gauges::Gauges;
use super::vitals::Vitals;
use crate::Error;
use crate::cli::Listen;

/// A scrape answers with what it has after this, so that a store that hangs does not hang it too.
const SCRAPE: Duration = Duration::from_secs(3);

/// What the answers are made from.
#[derive(Clone)]
pub(crate) struct Watched {
    /// How the parts fare.
    pub(crate) vitals: Arc<Vitals>,
    /// What is measured.
    pub(crate) gauges: Arc<Gauges>,
}

impl Watched {
    /// Begins to measure.
    pub(crate) fn begin() -> Result<Self, Error> {
        Ok(Self { vitals: Arc::default(), gauges: Arc::new(Gauges::begin()?) })
    }

    /// Answers at this address, if at any, until told to stop.
    pub(crate) async fn answer(
        &self,
        service: &str,
        address: Listen,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let Some(address) = address.0 else { return Ok(()) };
        let bound = listen(address, self.clone(), stop.clone()).await?;
        tracing::info!(service, %bound, "answers on /healthz, /readyz and /metrics");
        Ok(())
    }
}

/// Answers until told to stop. Returns the address it listens on, which a port of 0 leaves open.
async fn listen(
    address: SocketAddr,
    watched: Watched,
    stop: CancellationToken,
) -> Result<SocketAddr, Error> {
    let unusable = |problem: std::io::Error| {
        Error::Usage(format!(
            "nothing can listen on {address} ({problem}); name another address with --listen, or off"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(unusable)?;
    let bound = listener.local_addr().map_err(unusable)?;
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(watched);
    let serving = axum::serve(listener, routes);
    tokio::spawn(async move {
        let served = serving.with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::warn!(%error, "the service does not answer on {bound} any more");
        }
    });
    Ok(bound)
}

async fn healthz(State(watched): State<Watched>) -> Response {
    parts(watched.vitals.is_alive(), &watched)
}

async fn readyz(State(watched): State<Watched>) -> Response {
    parts(watched.vitals.is_ready(), &watched)
}

fn parts(well: bool, watched: &Watched) -> Response {
    let code = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(watched.vitals.parts_now())).into_response()
}

async fn metrics(State(watched): State<Watched>) -> Response {
    if tokio::time::timeout(SCRAPE, watched.gauges.refresh()).await.is_err() {
        tracing::debug!("the store did not answer in time: its gauges are as they were");
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, watched.gauges.text()).into_response()
}
