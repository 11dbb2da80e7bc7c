//! One SMTP session with the relay, stage by stage.
//!
//! Before the last line of a letter is sent, the relay has not accepted it, whatever breaks; after
//! that, and without a reply, it is in doubt.

use std::error::Error as _;
use std::fmt::Display;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::transport::smtp::{self};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::relay::Tls;
use crate::status::is_enhanced;
use crate::{Letter, Outcome, Relay};

/// How long it may take to connect and negotiate TLS.
const CONNECT: Duration = Duration::from_secs(15);
/// How long the relay may take to reply to a command.
const COMMAND: Duration = Duration::from_secs(30);
/// How long it may take to reply to a whole letter. Giving up sooner would leave letters in doubt;
/// a claim outlives all these timeouts.
const LETTER: Duration = Duration::from_mins(2);

/// An open session.
pub(crate) struct Connection {
    smtp: AsyncSmtpConnection,
    /// A command failed: the session needs RSET before the next letter.
    failed: bool,
}

/// The relay could not be used and has not accepted the letter; the cause is a short code.
pub(crate) struct Lost(pub(crate) String);

impl Connection {
    /// Connects, negotiates TLS and logs in. The error is a short code.
    pub(crate) async fn open(relay: &Relay) -> Result<Self, String> {
        let opened = timeout(CONNECT, Self::try_open(relay)).await;
        opened.unwrap_or_else(|_late| Err("relay-connect-timeout".to_owned()))
    }

    async fn try_open(relay: &Relay) -> Result<Self, String> {
        let hello = ClientId::Domain(relay.hello.clone());
        let implicit = match relay.tls {
            Tls::Implicit => Some(relay.tls_parameters()?),
            Tls::Required | Tls::Opportunistic => None,
        };
        let server = (relay.host.as_str(), relay.port);
        let connected = AsyncSmtpConnection::connect_tokio1(server, None, &hello, implicit, None);
        let mut smtp = connected.await.map_err(|error| code(&error, "relay-connect"))?;
        if !smtp.is_encrypted() && smtp.can_starttls() {
            let secured = smtp.starttls(relay.tls_parameters()?, &hello).await;
            secured.map_err(|error| code(&error, "relay-tls"))?;
        }
        let secured = smtp.is_encrypted();
        if relay.tls == Tls::Required && !secured {
            return Err("relay-offers-no-tls".to_owned());
        }
        if let Some((user, password)) = &relay.credentials {
            if !secured && !relay.is_loopback() {
                return Err("relay-offers-no-tls-for-the-password".to_owned());
            }
            let password = password.expose_secret().to_owned();
            let credentials = Credentials::new(user.clone(), password);
            let login = smtp.auth(DEFAULT_MECHANISMS, &credentials).await;
            login.map_err(|error| code(&error, "relay-login"))?;
        }
        Ok(Self { smtp, failed: false })
    }

    /// Checks that the relay accepts mail from this sender. Nothing is sent.
    pub(crate) async fn check_sender(&mut self, sender: &Address) -> Result<(), String> {
        let from = Mail::new(Some(sender.clone()), Vec::new());
        match self.command(from).await {
            Ok(_) => self.command(Rset).await.map(|_| ()).map_err(Failure::cause),
            Err(failure) => Err(failure.cause()),
        }
    }

    /// Delivers a letter.
    pub(crate) async fn deliver(&mut self, letter: &Letter) -> Result<Outcome, Lost> {
        // A refused sender is our configuration, not the recipient's address.
        let from = Mail::new(letter.return_path.clone(), Vec::new());
        self.command(from).await.map_err(|failure| Lost(failure.cause()))?;
        let recipient = Rcpt::new(letter.to.clone(), Vec::new());
        if let Err(failure) = self.command(recipient).await {
            return failure.before_the_letter();
        }
        if let Err(failure) = self.command(Data).await {
            return failure.before_the_letter();
        }
        let sent = replied(LETTER, self.smtp.message(&letter.bytes)).await;
        self.failed |= sent.is_err();
        Ok(match sent {
            Ok(_) => Outcome::Accepted,
            Err(Failure::Refusal(outcome)) => outcome,
            Err(failure) => Outcome::InDoubt { cause: failure.cause() },
        })
    }

    /// The session, if it can carry another letter.
    pub(crate) async fn reusable(mut self) -> Option<Self> {
        if self.failed && self.command(Rset).await.is_err() {
            self.smtp.abort().await;
            return None;
        }
        self.failed = false;
        Some(self)
    }

    async fn command(&mut self, command: impl Display) -> Result<Response, Failure> {
        let replied = replied(COMMAND, self.smtp.command(command)).await;
        self.failed |= replied.is_err();
        replied
    }
}

/// The relay's reply within a time limit.
async fn replied(
    limit: Duration,
    reply: impl Future<Output = Result<Response, smtp::Error>>,
) -> Result<Response, Failure> {
    let replied = timeout(limit, reply).await.map_err(|_late| Failure::Silence)?;
    replied.map_err(|error| Failure::of(&error))
}

/// Why a command failed.
enum Failure {
    /// The relay refused it.
    Refusal(Outcome),
    /// The relay is shutting down (421).
    Closing,
    /// No reply in time.
    Silence,
    /// The connection is lost, or the server does not speak SMTP.
    Broken,
}

impl Failure {
    fn of(error: &smtp::Error) -> Self {
        let cause = code(error, "");
        match error.status() {
            Some(_) if cause.starts_with("421") => Self::Closing,
            Some(_) if error.is_permanent() => Self::Refusal(Outcome::Refused { cause }),
            Some(_) => Self::Refusal(Outcome::Deferred { cause }),
            None => Self::Broken,
        }
    }

    fn cause(self) -> String {
        match self {
            Self::Refusal(Outcome::Refused { cause } | Outcome::Deferred { cause }) => {
                format!("relay-{cause}")
            }
            Self::Refusal(_) | Self::Broken => "connection-lost".to_owned(),
            Self::Closing => "relay-421".to_owned(),
            Self::Silence => "relay-silent".to_owned(),
        }
    }

    fn before_the_letter(self) -> Result<Outcome, Lost> {
        match self {
            Self::Refusal(outcome) => Ok(outcome),
            Self::Closing | Self::Silence | Self::Broken => Err(Lost(self.cause())),
        }
    }
}

/// The codes of a refusal, e.g. `550-5.1.1`, without the server's text; otherwise the step that
/// failed.
fn code(error: &smtp::Error, step: &str) -> String {
    let Some(status) = error.status() else { return step.to_owned() };
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    let enhanced = text.split_whitespace().next().filter(|word| is_enhanced(word));
    match (step, enhanced) {
        ("", Some(enhanced)) => format!("{status}-{enhanced}"),
        ("", None) => status.to_string(),
        (step, _) => format!("{step}-{status}"),
    }
}
