//! The page on which a holder confirms a request.
//!
//! Invariants: opening the page neither confirms nor reads the store, so that a link scanner learns
//! and changes nothing; pressing its button confirms once; used, expired and unknown links get the
//! same response.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use eventstore::Clock;
use keyring::KeyedHash;

use crate::store::Store;

/// The page's path on the portal.
pub const CONFIRM: &str = "/voucher/confirm/";
/// The purpose of the keyed hash of link tokens.
pub(crate) const PURPOSE: &str = "intake-confirmation";
/// The longest token that is hashed.
const LONGEST_TOKEN: usize = 100;

struct AppState {
    store: Arc<Store>,
    tokens: KeyedHash,
    clock: Arc<dyn Clock>,
}

/// The page's routes, for the public server.
pub fn portal(store: Arc<Store>, keyring: &keyring::Keyring, clock: Arc<dyn Clock>) -> Router {
    let tokens = keyring.keyed_hash(PURPOSE);
    Router::new()
        .route("/voucher/confirm/{token}", get(ask).post(confirm))
        .layer(DefaultBodyLimit::max(1024))
        .with_state(Arc::new(AppState { store, tokens, clock }))
}

async fn ask() -> Response {
    let page = "<p>Prema il pulsante per confermare la richiesta del voucher.</p>\
                <p lang=\"en\">Press the button to confirm the request for the voucher.</p>\
                <form method=\"post\"><button type=\"submit\">Confermo / I confirm</button></form>";
    respond(StatusCode::OK, page)
}

async fn confirm(State(state): State<Arc<AppState>>, Path(token): Path<String>) -> Response {
    if token.len() > LONGEST_TOKEN {
        return gone();
    }
    match state.store.confirm(state.tokens.of(token.as_bytes()), state.clock.now()).await {
        Ok(true) => respond(
            StatusCode::OK,
            "<p>La richiesta è stata confermata. Riceverà la risposta per posta elettronica.</p>\
             <p lang=\"en\">The request is confirmed. You will receive the answer by e-mail.</p>",
        ),
        Ok(false) => gone(),
        Err(error) => {
            tracing::warn!("cannot record confirmation: {error}");
            respond(
                StatusCode::SERVICE_UNAVAILABLE,
                "<p>Il servizio non è disponibile. Riprovi più tardi.</p>\
                 <p lang=\"en\">The service is not available. Try again later.</p>",
            )
        }
    }
}

fn gone() -> Response {
    respond(
        StatusCode::GONE,
        "<p>Il collegamento è già stato utilizzato oppure è scaduto. Scriva di nuovo per riceverne \
         un altro.</p>\
         <p lang=\"en\">This link has already been used or has expired. Write again to receive a \
         new one.</p>",
    )
}

fn respond(status: StatusCode, page: &str) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    let page = format!(
        "<!DOCTYPE html><html lang=\"it\"><head><meta \
         charset=\"utf-8\"><title>Voucher</title></head>\
         <body><h1>Voucher PEC</h1>{page}</body></html>"
    );
    (status, headers, Html(page)).into_response()
}
