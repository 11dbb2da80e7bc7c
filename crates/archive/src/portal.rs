//! The portal's page of a message-log export: opened by link, downloaded with a button.
//!
//! Opening a link serves nothing, because mail scanners open links. Invariants: no response reveals
//! whether a link ever existed; no secret, address or name is in a URL of a response, a log line or
//! an error; nothing is cached. Unknown links are rate-limited overall; a valid link always opens.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{Access, Archive, Error};

/// A codice fiscale with its field name is far shorter.
const LARGEST_BODY: usize = 1_024;
/// Unknown links per minute that get 404; further ones get 429.
const UNKNOWN_PER_MINUTE: u32 = 60;

/// Unknown links of the current minute.
#[derive(Debug, Default)]
struct UnknownLinks {
    since: DateTime<Utc>,
    count: u32,
}

#[derive(Clone)]
struct Portal {
    archive: Arc<Archive>,
    unknown: Arc<Mutex<UnknownLinks>>,
}

/// The pages of exports, under `/logs/`.
pub fn portal(archive: Arc<Archive>) -> Router {
    let portal = Portal { archive, unknown: Arc::default() };
    Router::new()
        .route("/logs/{secret}", get(check).post(serve))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(portal)
}

async fn check(State(portal): State<Portal>, Path(secret): Path<String>) -> Response {
    let access = portal.archive.check_link(&secret).await;
    portal.respond(access)
}

async fn serve(State(portal): State<Portal>, Path(secret): Path<String>, body: Bytes) -> Response {
    let mut fields = url::form_urlencoded::parse(&body);
    let code = fields.find(|(name, _)| name == "codice_fiscale").map(|(_, value)| value);
    let access = portal.archive.serve(&secret, code.as_deref().unwrap_or_default()).await;
    portal.respond(access)
}

impl Portal {
    fn respond(&self, access: Result<Access, Error>) -> Response {
        let (status, italian, english) = match access {
            Ok(Access::Export(bytes)) => return file(bytes),
            Ok(Access::Ready { asks_holder }) => return page(StatusCode::OK, &ready(asks_holder)),
            Ok(Access::NotTheHolder) => (
                StatusCode::FORBIDDEN,
                "Il codice fiscale non corrisponde, oppure è stato inserito in modo errato troppe \
                 volte.",
                "The codice fiscale does not match, or was entered incorrectly too often.",
            ),
            Ok(Access::Expired) => {
                (StatusCode::GONE, "Il collegamento è scaduto.", "The link has expired.")
            }
            Ok(Access::Missing) => (
                StatusCode::NOT_FOUND,
                "L'estratto non è disponibile: ne chieda una nuova preparazione all'ufficio.",
                "The export is not available: ask the office to prepare it again.",
            ),
            Ok(Access::Unknown) if self.too_many() => {
                (StatusCode::TOO_MANY_REQUESTS, "Troppe richieste.", "Too many requests.")
            }
            Ok(Access::Unknown) => {
                (StatusCode::NOT_FOUND, "Il collegamento non è valido.", "The link is not valid.")
            }
            Err(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Il servizio non è disponibile: riprovi più tardi.",
                "The service is not available: try again later.",
            ),
        };
        page(status, &format!("<p>{italian}</p><p lang=\"en\">{english}</p>"))
    }

    fn too_many(&self) -> bool {
        let now = self.archive.journal().now();
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if now.signed_duration_since(unknown.since).abs() >= TimeDelta::minutes(1) {
            *unknown = UnknownLinks { since: now, count: 0 };
        }
        unknown.count = unknown.count.saturating_add(1);
        unknown.count > UNKNOWN_PER_MINUTE
    }
}

fn ready(asks_holder: bool) -> String {
    let field = if asks_holder {
        "<p><label>Codice fiscale del titolare (<span lang=\"en\">of the mailbox's holder</span>) \
         <input name=\"codice_fiscale\" required maxlength=\"20\" autocomplete=\"off\"></label></p>"
    } else {
        ""
    };
    format!(
        "<p>L'estratto del registro dei messaggi è pronto.</p>\
         <p lang=\"en\">The message-log export is ready.</p>\
         <form method=\"post\">{field}<p><button>Scarica / Download</button></p></form>"
    )
}

fn page(status: StatusCode, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"it\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" \
         content=\"noindex\"><title>Registro dei messaggi</title></head><body><main>\
         <h1>Registro dei messaggi</h1>{content}</main></body></html>"
    );
    (status, headers(), Html(html)).into_response()
}

fn file(bytes: Vec<u8>) -> Response {
    let file = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"registro-messaggi.zip\""),
    ];
    (headers(), file, bytes).into_response()
}

fn headers() -> [(HeaderName, &'static str); 4] {
    [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ]
}
