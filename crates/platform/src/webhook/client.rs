//! Requests: signed, bounded in time and size, never redirected, and only through the breaker.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use eventstore::Clock;
use metrics::counter;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::super::{Cause, Error, Known};
use super::answer::{self, unclear_answer};
use super::breaker::Breaker;
use super::inner::{Inside, PublicOnly};
use super::key::{self, Key};
use super::wire::{ListRequest, ReadAnswer, ReadRequest, SetAnswer, SetRequest};
use super::{Secrets, Settings, retry_after};

/// The maximum size of a response: an outcome has some 60 bytes, and no request more than 65,536
/// mailboxes.
const LONGEST_ANSWER: usize = 16 << 20;
const REQUESTS: &str = "tramonto_webhook_requests_total";

/// The HTTP client of a provider's API.
pub(super) struct Client {
    http: reqwest::Client,
    /// The name of the provider in messages.
    place: String,
    set: Url,
    read: Url,
    list: Url,
    secrets: Secrets,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
}

/// A failed request, and what the breaker must know of it.
struct Trouble {
    error: Error,
    /// Has the provider itself failed, rather than rejected the request?
    down: bool,
    /// The pause that the provider asks for.
    pause: Option<Duration>,
}

impl Client {
    pub(super) fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let unusable = |problem: String| Error::Refused { cause: Cause::UNUSABLE, problem };
        settings.check().map_err(unusable)?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(settings).map_err(unusable)?)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve the name itself and bypass the check of its address.
            .no_proxy()
            .user_agent(concat!("tramonto/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.waits.connect)
            .timeout(settings.waits.request);
        if !settings.private {
            http = http.https_only(true).dns_resolver(PublicOnly);
        }
        let http = http.build().map_err(|error| {
            unusable(format!(
                "cannot create the platform's HTTP client ({error}); check its settings"
            ))
        })?;
        Ok(Self {
            http,
            place: settings.endpoint.to_string(),
            set: settings.endpoint.at(&["rights"]),
            read: settings.endpoint.at(&["rights", "query"]),
            list: settings.endpoint.at(&["mailboxes", "query"]),
            secrets: settings.secrets.clone(),
            breaker: Breaker::new(),
            clock,
        })
    }

    pub(super) async fn set(
        &self,
        request: &SetRequest<'_>,
        key: &Key,
        deadline: Instant,
    ) -> Result<SetAnswer, Error> {
        self.call(&self.set, request, &key.message, Some(&key.idempotency), deadline).await
    }

    pub(super) async fn read(
        &self,
        request: &ReadRequest<'_>,
        deadline: Instant,
    ) -> Result<ReadAnswer, Error> {
        self.call(&self.read, request, &key::asking(), None, deadline).await
    }

    pub(super) async fn list(
        &self,
        request: &ListRequest<'_>,
        deadline: Instant,
    ) -> Result<Known, Error> {
        let answer = self.call(&self.list, request, &key::asking(), None, deadline).await?;
        answer::known(answer, request.from, request.limit)
            .ok_or_else(|| self.unclear("in a list of mailboxes").error)
    }

    async fn call<A: DeserializeOwned>(
        &self,
        url: &Url,
        request: &(impl Serialize + Sync),
        message: &str,
        idempotency: Option<&str>,
        deadline: Instant,
    ) -> Result<A, Error> {
        let body = serde_json::to_vec(request).map_err(|error| Error::Refused {
            cause: Cause::UNUSABLE,
            problem: format!("cannot write a request to the platform as JSON: {error}"),
        })?;
        let Some(pass) = self.breaker.enter(deadline).await else {
            return Err(Error::Unavailable {
                cause: Cause::UNAVAILABLE,
                problem: format!(
                    "the platform {} failed repeatedly or asked for a pause, and is not called for \
                     a while; check its provider's status",
                    self.place
                ),
                source: None,
            });
        };
        match self.send(url, body, message, idempotency).await {
            Ok(answer) => {
                counter!(REQUESTS, "result" => "ok").increment(1);
                pass.answered();
                Ok(answer)
            }
            Err(Trouble { error, down, pause }) => {
                let result = if down { "unavailable" } else { "refused" };
                counter!(REQUESTS, "result" => result).increment(1);
                if down {
                    pass.failed(pause);
                } else {
                    pass.answered();
                }
                Err(error)
            }
        }
    }

    async fn send<A: DeserializeOwned>(
        &self,
        url: &Url,
        body: Vec<u8>,
        message: &str,
        idempotency: Option<&str>,
    ) -> Result<A, Trouble> {
        let timestamp = self.clock.now().timestamp();
        let mut request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.secrets.sign(message, timestamp, &body));
        if let Some(key) = idempotency {
            request = request.header("idempotency-key", key);
        }
        let response = request.body(body).send().await;
        let response = response.map_err(|error| self.unreached(error))?;
        if response.status() != StatusCode::OK {
            return Err(self.refused(&response));
        }
        let answer = self.body(response).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            // The library quotes parts of the response, which may contain anything.
            let (line, column) = (error.line(), error.column());
            self.unclear(&format!("at line {line}, column {column}"))
        })
    }

    /// The body of the response, if it is not too large.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Trouble> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreached(error))? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(self.unclear(&format!("after {LONGEST_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unclear(&self, place: &str) -> Trouble {
        let problem = format!(
            "the platform {} sent an invalid response, {place}; compare it with \
             deploy/webhook/openapi.json",
            self.place
        );
        let error = Error::Unavailable { cause: unclear_answer(), problem, source: None };
        Trouble { error, down: true, pause: None }
    }

    /// No response, or an incomplete one.
    fn unreached(&self, error: reqwest::Error) -> Trouble {
        let error = error.without_url();
        let place = &self.place;
        let problem = if is_inside(&error) {
            format!(
                "the platform {place} is at an address of a private network; allow that with \
                 --platform-private, or check its name"
            )
        } else if error.is_timeout() {
            format!("the platform {place} did not answer in time; contact its provider")
        } else if error.is_connect() {
            format!(
                "the platform {place} is unreachable or not trusted; check the network, its name \
                 and its certificate"
            )
        } else {
            format!("the platform {place} closed the connection; the request is retried")
        };
        let source: Option<Box<dyn std::error::Error + Send + Sync>> = Some(Box::new(error));
        let error = Error::Unavailable { cause: Cause::UNAVAILABLE, problem, source };
        Trouble { error, down: true, pause: None }
    }

    /// The meaning of a status other than 200.
    fn refused(&self, response: &Response) -> Trouble {
        let (place, status) = (&self.place, response.status());
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let pause = header.and_then(|header| retry_after::wait(header, self.clock.now()));
        if matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
            let problem = format!(
                "the platform {place} rejects the request as invalid ({status}); compare it with \
                 deploy/webhook/openapi.json"
            );
            let error = Error::Refused { cause: Cause::new("request-refused"), problem };
            return Trouble { error, down: false, pause };
        }
        let advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "does not accept the signature; compare the secret with the provider's, and check \
                 both clocks"
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                "accepts no requests of this size; lower --platform-batch"
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => {
                "has no such operation; check the URL of --platform"
            }
            StatusCode::TOO_MANY_REQUESTS => "limits the rate of calls; they are paused",
            _ if status.is_redirection() => {
                "redirects, which is never followed; give the other URL with --platform"
            }
            _ => "fails; contact its provider",
        };
        let cause = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Cause::new("signature-refused"),
            StatusCode::TOO_MANY_REQUESTS => Cause::new("rate-limited"),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => {
                Cause::GONE
            }
            _ if status.is_redirection() => Cause::GONE,
            _ => Cause::UNAVAILABLE,
        };
        let problem = format!("the platform {place} {advice} (status {})", status.as_u16());
        let error = Error::Unavailable { cause, problem, source: None };
        Trouble { error, down: true, pause }
    }
}

/// Was the name rejected because it resolves to a private network?
fn is_inside(error: &reqwest::Error) -> bool {
    let mut beneath: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = beneath {
        if error.is::<Inside>() {
            return true;
        }
        beneath = error.source();
    }
    false
}

fn tls(settings: &Settings) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &settings.root_certificate {
        let unreadable = |problem: &dyn Display| {
            format!(
                "{}: cannot read the platform's certificate authority ({problem}); give a file in \
                 PEM",
                file.display()
            )
        };
        for certificate in
            CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))?
        {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
        if roots.is_empty() {
            return Err(unreadable(&"it contains no certificate"));
        }
    } else {
        let found = rustls_native_certs::load_native_certs().certs;
        if roots.add_parsable_certificates(found).0 == 0 {
            tracing::warn!(
                "this machine trusts no certificate authority; install its CA certificates"
            );
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set up TLS: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
