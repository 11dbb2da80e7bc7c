//! The mail platform's servers, and the probes at each of them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Capability, ProbeAnswer, Protocol, Refusals, Transcript};
use futures::future::join_all;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::{Host, Url};

use super::mask::Mask;
use super::session::Session;
use super::{imap, smtp};

/// A shorter password could occur in a reply by chance and would be masked there.
const SHORTEST_PASSWORD: usize = 8;

/// The settings of an operator. A server that is not named is not probed.
#[derive(Default)]
pub struct ProbeSettings<'a> {
    /// The server for mail from outside: `smtp://HOST[:PORT][?tls=required]` or `smtps://…`.
    pub smtp: Option<&'a Url>,
    /// The submission server: the same form.
    pub submission: Option<&'a Url>,
    /// The IMAP server: `imap://HOST[:PORT]` or `imaps://…`.
    pub imap: Option<&'a Url>,
    /// The password of the canaries.
    pub password: Option<SecretString>,
    /// A certificate authority in PEM besides the system's own.
    pub root: Option<&'a [u8]>,
    /// The timeout of a probe.
    pub timeout: Duration,
}

/// The servers of a mail platform. No form of it shows the password.
#[derive(Clone)]
pub struct ProbeEndpoints {
    servers: Vec<(Protocol, ServerAddress)>,
    password: SecretString,
    timeout: Duration,
}

/// A mailbox of our own, as the mail servers know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Its address.
    pub address: String,
    /// The recipient of its mail, which is never sent.
    pub recipient: String,
}

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// What was found for each capability, and at which server.
    pub found: Vec<(Capability, Protocol, ProbeAnswer)>,
    /// The transcripts.
    pub transcripts: Vec<Transcript>,
}

impl fmt::Debug for ProbeEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProbeEndpoints")
    }
}

/// A server and how to connect to it.
#[derive(Clone)]
pub struct ServerAddress {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) config: Arc<ClientConfig>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, or not at all.
    Upgraded,
    /// In clear: where no password is sent, or on this machine.
    None,
}

/// Credentials.
#[derive(Clone, Copy)]
pub(super) struct Login<'a> {
    pub(super) address: &'a str,
    pub(super) password: &'a str,
}

/// Reads the clock.
type Now<'a> = &'a (dyn Fn() -> DateTime<Utc> + Sync);

impl ProbeEndpoints {
    /// Checks the settings; `None` if no server is named.
    pub fn new(settings: ProbeSettings<'_>) -> Result<Option<Self>, String> {
        let ProbeSettings { smtp, submission, imap, password, root, timeout } = settings;
        if smtp.is_none() && submission.is_none() && imap.is_none() {
            return Ok(None);
        }
        let password = match password {
            Some(password) => checked(password)?,
            None if submission.is_some() || imap.is_some() => {
                return Err("canaries have no password; name the file that holds it with \
                            --canary-password-file"
                    .to_owned());
            }
            None => SecretString::default(),
        };
        let config = Arc::new(tls(root)?);
        let named =
            [(Protocol::Smtp, smtp), (Protocol::Submission, submission), (Protocol::Imap, imap)];
        let mut servers = Vec::new();
        for (protocol, url) in named {
            if let Some(url) = url {
                servers.push((protocol, ServerAddress::read(url, protocol, Arc::clone(&config))?));
            }
        }
        Ok(Some(Self { servers, password, timeout }))
    }

    /// Probes a canary at every server concurrently. It ends within the timeout, whatever the
    /// servers do.
    pub async fn probe(&self, canary: &Canary, refusals: &Refusals, now: Now<'_>) -> ProbeResult {
        let until = Instant::now() + self.timeout;
        let probes = self.servers.iter().map(async |(protocol, server)| {
            let mut session = Session::new(self.mask(canary), until);
            let found = self.found(*protocol, server, &mut session, canary, refusals).await;
            (found, session.transcript(*protocol, now()))
        });
        let (mut found, mut transcripts) = (Vec::new(), Vec::new());
        for (these, transcript) in join_all(probes).await {
            found.extend(
                these.into_iter().map(|(capability, is)| (capability, transcript.protocol, is)),
            );
            transcripts.push(transcript);
        }
        ProbeResult { found, transcripts }
    }

    /// What a session at a server finds, for each capability that the server enforces.
    async fn found(
        &self,
        protocol: Protocol,
        server: &ServerAddress,
        session: &mut Session,
        canary: &Canary,
        refusals: &Refusals,
    ) -> Vec<(Capability, ProbeAnswer)> {
        let Canary { address, recipient } = canary;
        let login = Login { address, password: self.password.expose_secret() };
        let (capabilities, found): (&[Capability], _) = match protocol {
            Protocol::Smtp => {
                let found = smtp::receive(session, server, address, refusals).await;
                (&[Capability::Receive], found.map(|found| vec![found]))
            }
            Protocol::Submission => {
                let found = smtp::send(session, server, login, recipient, refusals).await;
                (&[Capability::Send], found.map(|found| vec![found]))
            }
            Protocol::Imap => {
                let found = imap::read(session, server, login, refusals).await;
                let found = found.map(|(access, modify)| vec![access, modify]);
                (&[Capability::Access, Capability::Modify], found)
            }
        };
        let found = found.unwrap_or_else(|cause| {
            session.note(&cause);
            vec![ProbeAnswer::Unknown(cause); capabilities.len()]
        });
        capabilities.iter().copied().zip(found).collect()
    }

    fn mask(&self, canary: &Canary) -> Mask {
        let mut mask = Mask::default();
        mask.hide(self.password.expose_secret(), "(hidden)");
        mask.hide(&canary.address, "canary");
        mask.hide(&canary.recipient, "recipient");
        mask
    }
}

impl ServerAddress {
    fn read(url: &Url, protocol: Protocol, config: Arc<ClientConfig>) -> Result<Self, String> {
        let (clear, secure, usual, usual_secure) = match protocol {
            Protocol::Smtp => ("smtp", "smtps", 25, 465),
            Protocol::Submission => ("smtp", "smtps", 587, 465),
            Protocol::Imap => ("imap", "imaps", 143, 993),
        };
        let name = protocol.name();
        let malformed =
            || format!("--canary-{name}: expected {clear}://HOST[:PORT] or {secure}://HOST");
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Domain(_)) | None => return Err(malformed()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "--canary-{name} has a user; canaries are named in the plan and their password in \
                 --canary-password-file"
            ));
        }
        let here = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let (tls, port) = match (url.scheme(), url.query()) {
            (scheme, None) if scheme == secure => (Tls::Implicit, usual_secure),
            (scheme, Some("tls=required")) if scheme == clear => (Tls::Upgraded, usual),
            // Mail from outside may come in clear, and needs no password.
            (scheme, None) if scheme == clear && (here || protocol == Protocol::Smtp) => {
                (Tls::None, usual)
            }
            (scheme, None) if scheme == clear => (Tls::Upgraded, usual),
            _ => return Err(malformed()),
        };
        Ok(Self { host, port: url.port().unwrap_or(port), tls, config })
    }
}

/// IMAP quotes printable ASCII only.
fn checked(password: SecretString) -> Result<SecretString, String> {
    let text = password.expose_secret();
    if text.len() >= SHORTEST_PASSWORD && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(password);
    }
    Err(format!(
        "canary password must have at least {SHORTEST_PASSWORD} characters of printable ASCII; \
         choose another"
    ))
}

fn tls(root: Option<&[u8]>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in root.into_iter().flat_map(CertificateDer::pem_slice_iter) {
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        if added.is_none() {
            return Err("certificate authority of the canary servers is not a certificate in PEM"
                .to_owned());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set up TLS: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
