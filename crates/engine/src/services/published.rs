//! The published keys, with which anyone verifies signatures offline (RFC 7517).
//!
//! Invariants: each response has the keys of its instant, and may be cached for far less than the
//! time between a key's publication and its first signature. It holds no personal data.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use eventstore::Clock;
use keyring::Keyring;

/// The well-known path of a key set.
const PATH: &str = "/.well-known/jwks.json";
/// An hour: a key is published a day before it signs at the latest, and usually a week.
const CACHE: &str = "public, max-age=3600";

struct Keys {
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
}

/// The route of the key set.
pub(super) fn keys(keyring: Arc<Keyring>, clock: Arc<dyn Clock>) -> Router {
    Router::new().route(PATH, get(published)).with_state(Arc::new(Keys { keyring, clock }))
}

async fn published(State(keys): State<Arc<Keys>>) -> Response {
    let set = keys.keyring.jwks(keys.clock.now()).map_err(|error| error.to_string());
    match set.and_then(|set| serde_json::to_string(&set).map_err(|error| error.to_string())) {
        Ok(set) => {
            let headers = [
                (header::CONTENT_TYPE, "application/jwk-set+json"),
                (header::CACHE_CONTROL, CACHE),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, set).into_response()
        }
        Err(error) => {
            tracing::warn!(error, "keys not published");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CACHE_CONTROL, "no-store")]).into_response()
        }
    }
}
