use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;
use domain::ProgrammeId;

use crate::Error;
use crate::cloud_event::decoded;

/// Where the bus is and who comes.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The servers, e.g. `nats://n1:4222` or `tls://n1:4222`; any one of a cluster is enough to
    /// start. The first one may carry a user and a password (`nats://USER:PASSWORD@n1:4222`); they
    /// are never shown.
    pub urls: Vec<Secret>,
    /// Who comes.
    pub login: Login,
    /// The certificates (PEM) of those whom a server's certificate may come from; the system's
    /// without. With it, the connection is encrypted or not made at all.
    pub tls_root: Option<PathBuf>,
    /// The certificate and the key (PEM) by which this program shows who it is.
    pub tls_client: Option<(PathBuf, PathBuf)>,
    /// The programme whose subjects and streams they are.
    pub programme: ProgrammeId,
    /// On how many servers each stream is kept: 1, or 3 in a cluster.
    pub replicas: usize,
    /// How long one request may take before the bus counts as out of reach.
    pub timeout: Duration,
    /// How long the first connection may take.
    pub connect_within: Duration,
}

/// Who comes to the bus.
#[derive(Debug, Clone, Default)]
pub enum Login {
    /// Whom the first URL names, or nobody in particular.
    #[default]
    Open,
    /// The user whom the first URL names, with this password.
    Password(Secret),
    /// A credentials file, as `nsc` writes it.
    CredentialsFile(PathBuf),
    /// A user and a password.
    User {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl NatsOptions {
    /// One server, nobody in particular, no replicas: for trying.
    pub fn new(url: &str, programme: ProgrammeId) -> Self {
        Self {
            urls: vec![Secret::new(url)],
            login: Login::Open,
            tls_root: None,
            tls_client: None,
            programme,
            replicas: 1,
            timeout: Duration::from_secs(5),
            connect_within: Duration::from_secs(10),
        }
    }

    /// The user and the password that come in the first URL.
    pub(super) fn user(addresses: &[ServerAddr]) -> Option<(String, Option<String>)> {
        let plain = |text: &str| decoded(text).unwrap_or_else(|_| text.to_owned());
        let first = addresses.first()?;
        Some((plain(first.username()?), first.password().map(plain)))
    }

    /// The addresses, and how they are shown: hosts and ports alone.
    pub(super) fn addresses(&self) -> Result<(Vec<ServerAddr>, String), Error> {
        let mut addresses = Vec::new();
        for (number, url) in self.urls.iter().enumerate() {
            let address: ServerAddr = url.reveal().parse().map_err(|error: std::io::Error| {
                // Its own words can hold the URL, and with it a password; its kind can't.
                let (number, kind) = (number + 1, error.kind());
                let problem = format!("URL {number} is none ({kind}); write nats://HOST:PORT");
                Error::Refused { place: "its URL".to_owned(), problem }
            })?;
            addresses.push(address);
        }
        let shown: Vec<_> =
            addresses.iter().map(|each| format!("{}:{}", each.host(), each.port())).collect();
        if addresses.is_empty() {
            let problem = "no URL was given; write nats://HOST:PORT".to_owned();
            return Err(Error::Refused { place: "its URL".to_owned(), problem });
        }
        Ok((addresses, shown.join(", ")))
    }
}
