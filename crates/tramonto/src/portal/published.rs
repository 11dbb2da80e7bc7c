//! The published keys, for whoever verifies what was signed without asking us (RFC 7517).
//!
//! Invariants: they are what the keys are at each request, and are kept by others for far less than a key is published
//! before it signs. There is nothing of a person in them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use eventstore::Clock;
use keyring::Keyring;

/// Where those who verify look for them.
const PLACE: &str = "/.well-known/jwks.json";
/// An hour: a key is published a day before it signs, and a week as a rule.
const KEPT: &str = "public, max-age=3600";

struct Shelf {
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
}

/// The keys, for the public server.
pub(super) fn keys(keyring: Arc<Keyring>, clock: Arc<dyn Clock>) -> Router {
    Router::new().route(PLACE, get(published)).with_state(Arc::new(Shelf { keyring, clock }))
}

async fn published(State(shelf): State<Arc<Shelf>>) -> Response {
    let keys = shelf.keyring.jwks(shelf.clock.now()).map_err(|error| error.to_string());
    match keys.and_then(|keys| serde_json::to_string(&keys).map_err(|error| error.to_string())) {
        Ok(keys) => {
            let headers = [
                (header::CONTENT_TYPE, "application/jwk-set+json"),
                (header::CACHE_CONTROL, KEPT),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, keys).into_response()
        }
        Err(error) => {
            tracing::warn!("the keys could not be published: {error}");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CACHE_CONTROL, "no-store")]).into_response()
        }
    }
}
