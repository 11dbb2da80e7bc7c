//! Where the doors of the mail platform are, and what is asked at each of them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Capability, Door, Found, Refusals, Transcript};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::{Host, Url};

use super::dialogue::Dialogue;
use super::mask::Mask;
use super::{imap, smtp};

/// A shorter password could stand in an answer by chance, and would be hidden there.
const SHORTEST_PASSWORD: usize = 8;

/// Where the doors are, as an operator writes it. A door that is not named is not tried.
#[derive(Default)]
pub struct DoorsSettings<'a> {
    /// Where mail from outside comes in: `smtp://HOST[:PORT][?tls=required]` or `smtps://…`.
    pub smtp: Option<&'a Url>,
    /// Where who is logged in sends: the same.
    pub submission: Option<&'a Url>,
    /// Where mail is read: `imap://HOST[:PORT]` or `imaps://…`.
    pub imap: Option<&'a Url>,
    /// The password of the canaries.
    pub password: Option<SecretString>,
    /// A certificate authority in PEM besides the system's own.
    pub root: Option<&'a [u8]>,
    /// How long a probe may take.
    pub patience: Duration,
}

/// The doors of a mail platform. No form of it shows the password.
#[derive(Clone)]
pub struct Doors {
    smtp: Option<DoorPlace>,
    submission: Option<DoorPlace>,
    imap: Option<DoorPlace>,
    password: SecretString,
    patience: Duration,
}

/// A mailbox of our own, as the mail servers know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Its address.
    pub address: String,
    /// Whom it would write to.
    pub recipient: String,
}

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What was found, and through which door.
    pub found: Vec<(Capability, Door, Found)>,
    /// What was said.
    pub transcripts: Vec<Transcript>,
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doors")
    }
}

/// One door.
#[derive(Clone)]
pub struct DoorPlace {
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
    /// In clear: where no password is said, or on this machine.
    None,
}

/// Who logs in.
#[derive(Clone, Copy)]
pub(super) struct Login<'a> {
    pub(super) address: &'a str,
    pub(super) password: &'a str,
}

/// Reads the instant it is.
type Now<'a> = &'a (dyn Fn() -> DateTime<Utc> + Sync);

impl Doors {
    /// Checks the settings; `None` where no door is named.
    pub fn new(settings: DoorsSettings<'_>) -> Result<Option<Self>, String> {
        let DoorsSettings { smtp, submission, imap, password, root, patience } = settings;
        if smtp.is_none() && submission.is_none() && imap.is_none() {
            return Ok(None);
        }
        let password = match password {
            Some(password) => checked(password)?,
            None if submission.is_some() || imap.is_some() => {
                return Err("the canaries have no password; name the file that holds it with \
                            --canary-password-file"
                    .to_owned());
            }
            None => SecretString::default(),
        };
        let config = Arc::new(tls(root)?);
        let place = |url: Option<&Url>, door| {
            url.map(|url| DoorPlace::read(url, door, Arc::clone(&config))).transpose()
        };
        Ok(Some(Self {
            smtp: place(smtp, Door::Smtp)?,
            submission: place(submission, Door::Submission)?,
            imap: place(imap, Door::Imap)?,
            password,
            patience,
        }))
    }

    /// Tries every door for a canary, all at once. It ends within the patience, whatever the servers do.
    pub async fn probe(&self, canary: &Canary, refusals: &Refusals, now: Now<'_>) -> Seen {
        let until = Instant::now() + self.patience;
        let (smtp, submission, imap) = futures::join!(
            self.receive(canary, refusals, until, now),
            self.send(canary, refusals, until, now),
            self.read(canary, refusals, until, now)
        );
        let (mut found, mut transcripts) = (Vec::new(), Vec::new());
        for (these, transcript) in [smtp, submission, imap].into_iter().flatten() {
            found.extend(
                these.into_iter().map(|(capability, is)| (capability, transcript.door, is)),
            );
            transcripts.push(transcript);
        }
        Seen { found, transcripts }
    }

    async fn receive(
        &self,
        canary: &Canary,
        refusals: &Refusals,
        until: Instant,
        now: Now<'_>,
    ) -> Option<(Vec<(Capability, Found)>, Transcript)> {
        let place = self.smtp.as_ref()?;
        let mut dialogue = Dialogue::new(self.mask(canary), until);
        let found = smtp::receive(&mut dialogue, place, &canary.address, refusals).await;
        let found = found.unwrap_or_else(|cause| unknown(&mut dialogue, cause));
        Some((vec![(Capability::Receive, found)], dialogue.transcript(Door::Smtp, now())))
    }

    async fn send(
        &self,
        canary: &Canary,
        refusals: &Refusals,
        until: Instant,
        now: Now<'_>,
    ) -> Option<(Vec<(Capability, Found)>, Transcript)> {
        let place = self.submission.as_ref()?;
        let mut dialogue = Dialogue::new(self.mask(canary), until);
        let (login, recipient) = (self.login(canary), &canary.recipient);
        let found = smtp::send(&mut dialogue, place, login, recipient, refusals).await;
        let found = found.unwrap_or_else(|cause| unknown(&mut dialogue, cause));
        Some((vec![(Capability::Send, found)], dialogue.transcript(Door::Submission, now())))
    }

    async fn read(
        &self,
        canary: &Canary,
        refusals: &Refusals,
        until: Instant,
        now: Now<'_>,
    ) -> Option<(Vec<(Capability, Found)>, Transcript)> {
        let place = self.imap.as_ref()?;
        let mut dialogue = Dialogue::new(self.mask(canary), until);
        let found = imap::read(&mut dialogue, place, self.login(canary), refusals).await;
        let (access, modify) = found.unwrap_or_else(|cause| {
            let found = unknown(&mut dialogue, cause);
            (found.clone(), found)
        });
        let found = vec![(Capability::Access, access), (Capability::Modify, modify)];
        Some((found, dialogue.transcript(Door::Imap, now())))
    }

    fn login<'a>(&'a self, canary: &'a Canary) -> Login<'a> {
        Login { address: &canary.address, password: self.password.expose_secret() }
    }

    fn mask(&self, canary: &Canary) -> Mask {
        let mut mask = Mask::default();
        mask.hide(self.password.expose_secret(), "(hidden)");
        mask.hide(&canary.address, "canary");
        mask.hide(&canary.recipient, "recipient");
        mask
    }
}

fn unknown(dialogue: &mut Dialogue, cause: String) -> Found {
    dialogue.note(&cause);
    Found::Unknown(cause)
}

impl DoorPlace {
    fn read(url: &Url, door: Door, config: Arc<ClientConfig>) -> Result<Self, String> {
        let (clear, secure, usual, usual_secure) = match door {
            Door::Smtp => ("smtp", "smtps", 25, 465),
            Door::Submission => ("smtp", "smtps", 587, 465),
            Door::Imap => ("imap", "imaps", 143, 993),
        };
        let name = door.name();
        let written =
            || format!("--canary-{name} is written as {clear}://HOST[:PORT] or {secure}://HOST");
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Domain(_)) | None => return Err(written()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "--canary-{name} takes no user: the canaries stand in the plan, their password in \
                 --canary-password-file"
            ));
        }
        let here = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let (tls, port) = match (url.scheme(), url.query()) {
            (scheme, None) if scheme == secure => (Tls::Implicit, usual_secure),
            (scheme, Some("tls=required")) if scheme == clear => (Tls::Upgraded, usual),
            // Mail from outside is taken in clear too, and no password is said there.
            (scheme, None) if scheme == clear && (here || door == Door::Smtp) => (Tls::None, usual),
            (scheme, None) if scheme == clear => (Tls::Upgraded, usual),
            _ => return Err(written()),
        };
        Ok(Self { host, port: url.port().unwrap_or(port), tls, config })
    }
}

/// IMAP takes printable ASCII in quotes as it is; what else there is, it takes otherwise.
fn checked(password: SecretString) -> Result<SecretString, String> {
    let text = password.expose_secret();
    if text.len() >= SHORTEST_PASSWORD && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(password);
    }
    Err(format!(
        "the canaries' password must have {SHORTEST_PASSWORD} or more characters of printable ASCII; \
         give them another"
    ))
}

fn tls(root: Option<&[u8]>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in root.into_iter().flat_map(CertificateDer::pem_slice_iter) {
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        if added.is_none() {
            return Err("the canaries' certificate authority is no certificate in PEM".to_owned());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS can't be set up: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
