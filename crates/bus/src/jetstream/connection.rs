use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event};
use domain::ProgrammeId;
use futures::future::BoxFuture;
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::denied::Denied;
use super::options::{Login, NatsOptions};
use super::topology::Topology;
use crate::Error;

/// The longest pause between two reconnection attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A connection to the bus, shared by a whole process.
///
/// Once established it is kept: it reconnects until the server is back, and calls in the meantime
/// fail with [`Error::Unavailable`] after a bounded time.
#[derive(Clone)]
pub struct Connection {
    pub(super) client: Client,
    pub(super) place: Arc<str>,
    pub(super) topology: Arc<Topology>,
    pub(super) timeout: Duration,
    pub(super) denied: Denied,
}

impl Connection {
    /// Connects, or fails within a bounded time.
    pub fn open(options: &NatsOptions) -> BoxFuture<'_, Result<Self, Error>> {
        Box::pin(async move {
            let (addresses, place) = options.addresses()?;
            let name = format!("tramonto {}", options.programme);
            let shown = place.clone();
            let denied = Denied::default();
            let noted = denied.clone();
            let connect = login(options, &place, NatsOptions::user(&addresses))
                .await?
                .name(name)
                .max_reconnects(None)
                .request_timeout(Some(options.timeout))
                .connection_timeout(options.connect_within)
                .reconnect_delay_callback(pause)
                .event_callback(move |event| {
                    tell(&shown, &event);
                    noted.note(&event);
                    std::future::ready(())
                });
            let client = timeout(options.connect_within, connect.connect(addresses)).await;
            let within = options.connect_within;
            let client = match client {
                Ok(Ok(client)) => client,
                Ok(Err(error)) => {
                    return Err(distrusted(&place, &error)
                        .unwrap_or_else(|| not_connected(&place, error.kind(), within)));
                }
                Err(_) => return Err(not_connected(&place, ConnectErrorKind::TimedOut, within)),
            };
            let topology = Topology::new(options.programme.clone(), options.replicas);
            Ok(Self {
                client,
                place: place.into(),
                topology: Arc::new(topology),
                timeout: options.timeout,
                denied,
            })
        })
    }

    /// Is a server connected at this moment?
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The address of the bus, without credentials.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The programme of the bus.
    pub fn programme(&self) -> &ProgrammeId {
        self.topology.programme()
    }

    pub(super) fn unavailable(&self, problem: impl Into<String>) -> Error {
        Error::Unavailable { place: self.place.to_string(), problem: problem.into() }
    }

    pub(super) fn refused(&self, problem: impl Into<String>) -> Error {
        Error::Refused { place: self.place.to_string(), problem: problem.into() }
    }
}

async fn login(
    options: &NatsOptions,
    place: &str,
    in_url: Option<(String, Option<String>)>,
) -> Result<ConnectOptions, Error> {
    let connect = ConnectOptions::new();
    // The client ignores the user of a URL.
    let mut connect = match (&options.login, in_url) {
        (Login::Open, None) => connect,
        (Login::Open, Some((user, password))) => {
            connect.user_and_password(user, password.unwrap_or_default())
        }
        (Login::CredentialsFile(file), _) => {
            connect.credentials_file(file).await.map_err(|error| Error::Refused {
                place: place.to_owned(),
                problem: format!(
                    "the credentials file {} cannot be read: {}",
                    file.display(),
                    error.kind()
                ),
            })?
        }
        (Login::User { user, password }, _) => {
            connect.user_and_password(user.clone(), password.expose_secret().to_owned())
        }
        (Login::Token(token), _) => connect.token(token.expose_secret().to_owned()),
    };
    if let Some(root) = &options.tls_root {
        connect = connect.add_root_certificates(root.clone()).require_tls(true);
    }
    Ok(connect)
}

fn pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).min(8)).unwrap_or(8);
    Duration::from_millis(20).saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_PAUSE)
}

fn tell(place: &str, event: &Event) {
    match event {
        Event::Connected => tracing::info!(place, "connected to the bus"),
        Event::Disconnected => tracing::warn!(place, "disconnected from the bus; reconnecting"),
        Event::SlowConsumer(_) | Event::ServerError(_) | Event::ClientError(_) => {
            tracing::warn!(place, %event, "bus reported an error");
        }
        Event::LameDuckMode | Event::Draining | Event::Closed => {
            tracing::debug!(place, %event, "bus connection changed");
        }
    }
}

/// The rejection of the server's certificate, which the client reports as a read error.
fn distrusted(place: &str, error: &ConnectError) -> Option<Error> {
    let mut beneath = error.source();
    while let Some(error) = beneath {
        let failed = error.downcast_ref::<std::io::Error>();
        let said = failed.filter(|failed| failed.kind() == std::io::ErrorKind::InvalidData);
        if let Some(said) =
            said.map(ToString::to_string).filter(|said| said.contains("certificate"))
        {
            let problem = format!(
                "its certificate is not trusted ({said}); name the authority that issued it with \
                 --bus-root-certificate, and the host as in the certificate"
            );
            return Some(Error::Refused { place: place.to_owned(), problem });
        }
        beneath = error.source();
    }
    None
}

/// The client's own error is not shown: it may contain the URL, and with it a password.
fn not_connected(place: &str, kind: ConnectErrorKind, within: Duration) -> Error {
    let refused =
        |problem: &str| Error::Refused { place: place.to_owned(), problem: problem.to_owned() };
    let unavailable = |problem: String| Error::Unavailable { place: place.to_owned(), problem };
    match kind {
        ConnectErrorKind::ServerParse => refused("the URL is invalid; write nats://HOST:PORT"),
        ConnectErrorKind::Authentication => {
            refused("the credentials cannot be used to sign in; check the credentials file")
        }
        ConnectErrorKind::AuthorizationViolation => {
            refused("the credentials are wrong or missing; check the user, token or file")
        }
        ConnectErrorKind::Tls => {
            refused("no encrypted connection can be made; check the root certificates")
        }
        ConnectErrorKind::Dns => {
            unavailable("its name cannot be resolved; check the URL and the name server".into())
        }
        ConnectErrorKind::TimedOut => unavailable(format!(
            "it did not answer within {} s; start nats-server or check the URL",
            within.as_secs_f32()
        )),
        ConnectErrorKind::Io | ConnectErrorKind::MaxReconnects => {
            unavailable("connection refused; start nats-server or check the URL".into())
        }
    }
}
