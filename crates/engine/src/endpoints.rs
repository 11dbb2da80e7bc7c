//! The probe endpoints of a process: `/healthz`, `/readyz` and `/metrics`.

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

use crate::Error;
use crate::health::Health;
use crate::metrics::Metrics;

/// A scrape answers with the last values after this, so that a store that hangs does not hang it.
const SCRAPE_LIMIT: Duration = Duration::from_secs(3);

#[derive(Clone)]
struct Probed {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

/// Answers until `stop`. Returns the bound address, which differs for port 0.
pub(crate) async fn serve(
    address: SocketAddr,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> Result<SocketAddr, Error> {
    let unusable = |problem: std::io::Error| {
        Error::Unavailable(format!(
            "cannot listen on {address} ({problem}); choose another address with --listen, or off"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(unusable)?;
    let bound = listener.local_addr().map_err(unusable)?;
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Probed { health, metrics });
    let serving = axum::serve(listener, routes);
    tokio::spawn(async move {
        if let Err(error) = serving.with_graceful_shutdown(stop.cancelled_owned()).await {
            tracing::warn!(%error, %bound, "probe endpoints closed");
        }
    });
    Ok(bound)
}

async fn healthz(State(probed): State<Probed>) -> Response {
    statuses(probed.health.is_alive(), &probed.health)
}

async fn readyz(State(probed): State<Probed>) -> Response {
    statuses(probed.health.is_ready(), &probed.health)
}

fn statuses(well: bool, health: &Health) -> Response {
    let code = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(health.statuses())).into_response()
}

async fn scrape(State(probed): State<Probed>) -> Response {
    if tokio::time::timeout(SCRAPE_LIMIT, probed.metrics.refresh()).await.is_err() {
        tracing::debug!("could not refresh state metrics: the store did not answer in time");
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, probed.metrics.text()).into_response()
}
