use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;
use domain::ProgrammeId;
use secrecy::{ExposeSecret, SecretString};

use crate::Error;
use crate::cloud_event::decoded;

/// The servers of the bus, the credentials and the limits.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The servers, e.g. `nats://n1:4222` or `tls://n1:4222`; any one of a cluster is enough to
    /// start. The first one may contain a user and a password (`nats://USER:PASSWORD@n1:4222`),
    /// which are never shown.
    pub urls: Vec<SecretString>,
    /// The credentials.
    pub login: Login,
    /// The trusted certificate authorities (PEM); by default those of the system. With it, the
    /// connection is always encrypted.
    pub tls_root: Option<PathBuf>,
    /// The programme whose subjects and streams are used.
    pub programme: ProgrammeId,
    /// Replicas of each stream: 1, or 3 in a cluster.
    pub replicas: usize,
    /// The timeout of one request.
    pub timeout: Duration,
    /// The timeout of the first connection.
    pub connect_within: Duration,
}

/// How to authenticate.
#[derive(Debug, Clone, Default)]
pub enum Login {
    /// By the user of the first URL, or anonymously.
    #[default]
    Open,
    /// By a credentials file, as `nsc` writes it.
    CredentialsFile(PathBuf),
    /// By a user and a password.
    User {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// By a token.
    Token(SecretString),
}

impl NatsOptions {
    /// One server, anonymous, no replicas: for trying things out.
    pub fn new(url: &str, programme: ProgrammeId) -> Self {
        Self {
            urls: vec![SecretString::from(url)],
            login: Login::Open,
            tls_root: None,
            programme,
            replicas: 1,
            timeout: Duration::from_secs(5),
            connect_within: Duration::from_secs(10),
        }
    }

    /// The user and the password of the first URL.
    pub(super) fn user(addresses: &[ServerAddr]) -> Option<(String, Option<String>)> {
        let plain = |text: &str| decoded(text).unwrap_or_else(|_| text.to_owned());
        let first = addresses.first()?;
        Some((plain(first.username()?), first.password().map(plain)))
    }

    /// The addresses, and their form in messages: hosts and ports alone.
    pub(super) fn addresses(&self) -> Result<(Vec<ServerAddr>, String), Error> {
        let mut addresses = Vec::new();
        for (number, url) in self.urls.iter().enumerate() {
            let address: ServerAddr =
                url.expose_secret().parse().map_err(|error: std::io::Error| {
                    // The parser's own message may contain the URL, and with it a password; its
                    // kind cannot.
                    let (number, kind) = (number + 1, error.kind());
                    let problem =
                        format!("URL {number} is invalid ({kind}); write nats://HOST:PORT");
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
