//! Where holders fetch their extract: one page by link, and the file by a button.
//!
//! Opening a link hands nothing out: mail scanners open links. Invariants: no answer tells whether a link
//! ever existed; no secret, address or name is in an answer's address, in a log line or in an error; nothing
//! is kept by anybody on the way. What is wrong too often in a minute is turned away without a look at who
//! asks: a right link always opens.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{Error, Office, Opened};

/// A codice fiscale and its field are far shorter.
const LARGEST_BODY: usize = 1_024;
/// So many wrong links a minute are told that they are wrong.
const WRONG_A_MINUTE: u32 = 60;

/// The wrong links of the present minute.
#[derive(Debug, Default)]
struct Wrong {
    since: DateTime<Utc>,
    count: u32,
}

#[derive(Clone)]
struct Portal {
    office: Arc<Office>,
    wrong: Arc<Mutex<Wrong>>,
}

/// The pages of the extracts, under `/logs/`.
pub fn portal(office: Arc<Office>) -> Router {
    let portal = Portal { office, wrong: Arc::default() };
    Router::new()
        .route("/logs/{secret}", get(look).post(hand_out))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(portal)
}

async fn look(State(portal): State<Portal>, Path(secret): Path<String>) -> Response<Body> {
    let opened = portal.office.look_at(&secret).await;
    portal.answer(opened)
}

async fn hand_out(
    State(portal): State<Portal>,
    Path(secret): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let mut fields = url::form_urlencoded::parse(&body);
    let said = fields.find(|(name, _)| name == "codice_fiscale").map(|(_, said)| said);
    let opened = portal.office.hand_out(&secret, said.as_deref().unwrap_or_default()).await;
    portal.answer(opened)
}

impl Portal {
    fn answer(&self, opened: Result<Opened, Error>) -> Response<Body> {
        match opened {
            Ok(Opened::Extract(bytes)) => file(bytes),
            Ok(Opened::Ready { asks_holder }) => page(StatusCode::OK, &ready(asks_holder)),
            Ok(Opened::NotTheHolder) => page(
                StatusCode::FORBIDDEN,
                "<p>Il codice fiscale non corrisponde, oppure è stato sbagliato troppe volte.</p>\
                 <p lang=\"en\">The codice fiscale does not match, or was wrong too often.</p>",
            ),
            Ok(Opened::Late) => page(
                StatusCode::GONE,
                "<p>Il collegamento è scaduto.</p><p lang=\"en\">The link has expired.</p>",
            ),
            Ok(Opened::Missing) => page(
                StatusCode::NOT_FOUND,
                "<p>L'estratto non è disponibile: chiedere di prepararlo di nuovo.</p>\
                 <p lang=\"en\">The extract is not available: ask for it to be prepared again.</p>",
            ),
            Ok(Opened::Unknown) if self.too_many() => page(
                StatusCode::TOO_MANY_REQUESTS,
                "<p>Troppe richieste.</p><p lang=\"en\">Too many requests.</p>",
            ),
            Ok(Opened::Unknown) => page(
                StatusCode::NOT_FOUND,
                "<p>Il collegamento non è valido.</p><p lang=\"en\">The link is not valid.</p>",
            ),
            Err(_) => page(
                StatusCode::SERVICE_UNAVAILABLE,
                "<p>Servizio non disponibile: riprovare più tardi.</p>\
                 <p lang=\"en\">The service is not available: try again later.</p>",
            ),
        }
    }

    fn too_many(&self) -> bool {
        let now = self.office.journal().now();
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if now.signed_duration_since(wrong.since).abs() >= TimeDelta::minutes(1) {
            *wrong = Wrong { since: now, count: 0 };
        }
        wrong.count = wrong.count.saturating_add(1);
        wrong.count > WRONG_A_MINUTE
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
         <p lang=\"en\">The extract of the message log is ready.</p>\
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
