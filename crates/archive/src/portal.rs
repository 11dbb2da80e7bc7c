//! The portal's page of a message-log export: opened by link, downloaded with a button.
//!
//! Opening a link serves nothing, because mail scanners open links. Invariants: no response reveals
//! whether a link ever existed; no secret, address or name is in a URL of a response, a log line or
//! an error; nothing is cached. Unknown links are rate-limited overall; a valid link always opens.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
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

async fn check(State(portal): State<Portal>, Path(secret): Path<String>) -> Response<Body> {
    let access = portal.archive.check_link(&secret).await;
    portal.respond(access)
}

async fn serve(
    State(portal): State<Portal>,
    Path(secret): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let mut fields = url::form_urlencoded::parse(&body);
    let code = fields.find(|(name, _)| name == "codice_fiscale").map(|(_, value)| value);
    let access = portal.archive.serve(&secret, code.as_deref().unwrap_or_default()).await;
    portal.respond(access)
}

impl Portal {
    fn respond(&self, access: Result<Access, Error>) -> Response<Body> {
        match access {
            Ok(Access::Export(bytes)) => file(bytes),
            Ok(Access::Ready { asks_holder }) => page(StatusCode::OK, &ready(asks_holder)),
            Ok(Access::NotTheHolder) => page(
                StatusCode::FORBIDDEN,
                "<p>Il codice fiscale non corrisponde, oppure è stato inserito in modo errato \
                 troppe volte.</p>\
                 <p lang=\"en\">The codice fiscale does not match, or was entered incorrectly too \
                 often.</p>",
            ),
            Ok(Access::Expired) => page(
                StatusCode::GONE,
                "<p>Il collegamento è scaduto.</p><p lang=\"en\">The link has expired.</p>",
            ),
            Ok(Access::Missing) => page(
                StatusCode::NOT_FOUND,
                "<p>L'estratto non è disponibile: ne chieda una nuova preparazione all'ufficio.</p>\
                 <p lang=\"en\">The export is not available: ask the office to prepare it \
                 again.</p>",
            ),
            Ok(Access::Unknown) if self.too_many() => page(
                StatusCode::TOO_MANY_REQUESTS,
                "<p>Troppe richieste.</p><p lang=\"en\">Too many requests.</p>",
            ),
            Ok(Access::Unknown) => page(
                StatusCode::NOT_FOUND,
                "<p>Il collegamento non è valido.</p><p lang=\"en\">The link is not valid.</p>",
            ),
            Err(_) => page(
                StatusCode::SERVICE_UNAVAILABLE,
                "<p>Il servizio non è disponibile: riprovi più tardi.</p>\
                 <p lang=\"en\">The service is not available: try again later.</p>",
            ),
        }
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

fn page(status: StatusCode, content: &str) -> Response<Body> {
    let html = format!(
        "<!doctype html><html lang=\"it\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" \
         content=\"noindex\"><title>Registro dei messaggi</title></head><body><main>\
         <h1>Registro dei messaggi</h1>{content}</main></body></html>"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    head(&mut response, "text/html; charset=utf-8");
    response
}

fn file(bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    head(&mut response, "application/zip");
    let name = HeaderValue::from_static("attachment; filename=\"registro-messaggi.zip\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}

fn head(response: &mut Response<Body>, kind: &'static str) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
