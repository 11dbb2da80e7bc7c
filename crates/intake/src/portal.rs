//! The page on which a holder confirms.
//!
//! Invariants: opening it confirms nothing, and asks nothing of the store, so that whoever scans links learns and
//! changes nothing; pressing its button confirms once; a link that was used, has expired or never was is
//! answered the same.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use eventstore::Clock;
use keyring::KeyedHash;

use crate::store::Store;

/// Where the page is, behind the portal's own address.
pub const CONFIRM: &str = "/voucher/confirm/";
/// The purpose of the keyed hash of a link's token.
pub(crate) const PURPOSE: &str = "intake-confirmation";
/// No token is longer.
const LONGEST_TOKEN: usize = 100;

struct Desk {
    store: Arc<Store>,
    tokens: KeyedHash,
    clock: Arc<dyn Clock>,
}

/// The page, for the public server.
pub fn portal(store: Arc<Store>, keyring: &keyring::Keyring, clock: Arc<dyn Clock>) -> Router {
    let tokens = keyring.keyed_hash(PURPOSE);
    Router::new()
        .route("/voucher/confirm/{token}", get(ask).post(confirm))
        .layer(DefaultBodyLimit::max(1024))
        .with_state(Arc::new(Desk { store, tokens, clock }))
}

async fn ask() -> Response {
    let page = "<p>Premi il pulsante per confermare la richiesta del voucher.</p>\
                <p lang=\"en\">Press the button to confirm the request for the voucher.</p>\
                <form method=\"post\"><button type=\"submit\">Confermo / I confirm</button></form>";
    answer(StatusCode::OK, page)
}

async fn confirm(State(desk): State<Arc<Desk>>, Path(token): Path<String>) -> Response {
    if token.len() > LONGEST_TOKEN {
        return gone();
    }
    match desk.store.confirm(desk.tokens.of(token.as_bytes()), desk.clock.now()).await {
        Ok(true) => answer(
            StatusCode::OK,
            "<p>La richiesta è confermata. La risposta arriva per posta elettronica.</p>\
             <p lang=\"en\">The request is confirmed. The answer comes by e-mail.</p>",
        ),
        Ok(false) => gone(),
        Err(error) => {
            tracing::warn!("a confirmation could not be kept: {error}");
            answer(
                StatusCode::SERVICE_UNAVAILABLE,
                "<p>Il servizio non è disponibile. Riprova più tardi.</p>\
                 <p lang=\"en\">The service is not available. Try again later.</p>",
            )
        }
    }
}

fn gone() -> Response {
    answer(
        StatusCode::GONE,
        "<p>Questo collegamento è già stato usato o è scaduto. Scrivi di nuovo per averne un altro.</p>\
         <p lang=\"en\">This link was used before or has expired. Write again to get another.</p>",
    )
}

fn answer(status: StatusCode, page: &str) -> Response {
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
        "<!DOCTYPE html><html lang=\"it\"><head><meta charset=\"utf-8\"><title>Voucher</title></head>\
         <body><h1>Voucher PEC</h1>{page}</body></html>"
    );
    (status, headers, Html(page)).into_response()
}
