//! One conversation with the relay, stage by stage.

use std::error::Error as _;
use std::fmt::Display;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::transport::smtp::{self};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use url::{Host, Url};

use super::super::letter::Letter;
use super::super::mailer::Answer;

/// How long a connection, and its TLS, may take to come about.
const CONNECT: Duration = Duration::from_secs(15);
/// How long the relay may take to answer a command.
const COMMAND: Duration = Duration::from_secs(30);
/// How long it may take to answer for a whole letter. A standing relay is waited for, since not to wait
/// leaves a doubt; the claim outlives it all.
const LETTER: Duration = Duration::from_mins(2);

/// Where the relay is and how it is spoken to. No form of it shows a password.
#[derive(Clone)]
pub struct Relay {
    host: String,
    port: u16,
    tls: Tls,
    hello: String,
    credentials: Option<(String, SecretString)>,
    roots: Vec<Certificate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, or not at all.
    Required,
    /// By STARTTLS where the relay offers it. A password is never sent without it, but on this machine.
    WhereOffered,
}

impl Relay {
    /// Reads `smtp://[USER@]HOST[:PORT][?tls=required]` or `smtps://…`. `hello` is how this machine calls
    /// itself, `root` a certificate authority in PEM besides the system's own.
    pub fn new(
        url: &Url,
        password: Option<SecretString>,
        root: Option<&[u8]>,
        hello: &str,
    ) -> Result<Self, String> {
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err("the relay has no host; write smtp://HOST:PORT".to_owned()),
        };
        let required = match url.query() {
            None => false,
            Some("tls=required") => true,
            Some(_) => return Err("after the relay's ? only tls=required may stand".to_owned()),
        };
        let (tls, usual) = match (url.scheme(), required) {
            ("smtps", _) => (Tls::Implicit, 465),
            ("smtp", true) => (Tls::Required, 25),
            ("smtp", false) => (Tls::WhereOffered, 25),
            _ => return Err("a relay is written as smtp://HOST:PORT or smtps://HOST".to_owned()),
        };
        let user = Some(url.username()).filter(|user| !user.is_empty());
        let password = password.or_else(|| url.password().map(SecretString::from));
        let credentials = match (user, password) {
            (Some(user), Some(password)) => Some((user.replace("%40", "@"), password)),
            (Some(_), None) => {
                return Err(
                    "the relay's user has no password; name the file that holds it".to_owned()
                );
            }
            (None, Some(_)) => {
                return Err("the relay's password has no user; write smtp://USER@HOST".to_owned());
            }
            (None, None) => None,
        };
        let roots = root.map(Certificate::from_pem).transpose();
        let roots = roots.map_err(|_form| {
            "the relay's certificate authority is no certificate in PEM".to_owned()
        })?;
        let (roots, hello) = (roots.into_iter().collect(), hello.to_owned());
        Ok(Self { host, port: url.port().unwrap_or(usual), tls, hello, credentials, roots })
    }

    fn parameters(&self) -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(self.host.clone());
        for root in &self.roots {
            builder = builder.add_root_certificate(root.clone());
        }
        builder.build().map_err(|_hidden| "tls-not-available".to_owned())
    }

    fn is_here(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// What came of handing a letter over.
pub(in crate::notices) enum Outcome {
    /// The relay said so.
    Answered(Answer),
    /// The letter was under way and no answer came.
    Unsure(String),
    /// The relay could not be used, and surely did not take the letter.
    Lost(String),
}

/// An open conversation.
pub(in crate::notices) struct Connection {
    smtp: AsyncSmtpConnection,
    broken: bool,
}

impl Connection {
    /// Connects, secures the line and logs in. The error is a short code.
    pub(in crate::notices) async fn open(relay: &Relay) -> Result<Self, String> {
        let opened = timeout(CONNECT, Self::try_open(relay)).await;
        opened.unwrap_or_else(|_late| Err("relay-connect-timeout".to_owned()))
    }

    async fn try_open(relay: &Relay) -> Result<Self, String> {
        let hello = ClientId::Domain(relay.hello.clone());
        let at_once = match relay.tls {
            Tls::Implicit => Some(relay.parameters()?),
            Tls::Required | Tls::WhereOffered => None,
        };
        let place = (relay.host.as_str(), relay.port);
        let connected = AsyncSmtpConnection::connect_tokio1(place, None, &hello, at_once, None);
        let mut smtp = connected.await.map_err(|error| code(&error, "relay-connect"))?;
        if !smtp.is_encrypted() && smtp.can_starttls() {
            let secured = smtp.starttls(relay.parameters()?, &hello).await;
            secured.map_err(|error| code(&error, "relay-tls"))?;
        }
        let secured = smtp.is_encrypted();
        if relay.tls == Tls::Required && !secured {
            return Err("relay-offers-no-tls".to_owned());
        }
        if let Some((user, password)) = &relay.credentials {
            if !secured && !relay.is_here() {
                return Err("relay-offers-no-tls-for-the-password".to_owned());
            }
            let password = password.expose_secret().to_owned();
            let credentials = Credentials::new(user.clone(), password);
            let login = smtp.auth(DEFAULT_MECHANISMS, &credentials).await;
            login.map_err(|error| code(&error, "relay-login"))?;
        }
        Ok(Self { smtp, broken: false })
    }

    /// Would the relay take letters of this sender? Nothing is sent.
    pub(in crate::notices) async fn takes_mail_from(
        &mut self,
        sender: &Address,
    ) -> Result<(), String> {
        let from = Mail::new(Some(sender.clone()), Vec::new());
        match self.command(from).await {
            Ok(_) => self.command(Rset).await.map(|_| ()).map_err(Failure::cause),
            Err(failure) => Err(failure.cause()),
        }
    }

    /// Hands a letter over.
    pub(super) async fn deliver(&mut self, letter: &Letter) -> Outcome {
        self.hand_over(Some(letter.from.clone()), letter.to.clone(), &letter.bytes).await
    }

    /// Hands bytes over; without `from`, nothing comes back of them.
    pub(in crate::notices) async fn hand_over(
        &mut self,
        from: Option<Address>,
        to: Address,
        bytes: &[u8],
    ) -> Outcome {
        // A sender that is refused is no recipient's fault.
        let from = Mail::new(from, Vec::new());
        if let Err(failure) = self.command(from).await {
            return Outcome::Lost(failure.cause());
        }
        if let Err(failure) = self.command(Rcpt::new(to, Vec::new())).await {
            return failure.before_the_letter();
        }
        if let Err(failure) = self.command(Data).await {
            return failure.before_the_letter();
        }
        let sent = timeout(LETTER, self.smtp.message(bytes)).await;
        match sent
            .map_err(|_late| Failure::Silence)
            .and_then(|sent| sent.map_err(|error| Failure::of(&error)))
        {
            Ok(_) => Outcome::Answered(Answer::Accepted),
            Err(Failure::Refusal(answer)) => {
                self.broken = true;
                Outcome::Answered(answer)
            }
            Err(failure) => Outcome::Unsure(failure.cause()),
        }
    }

    /// The connection, if it can carry another letter.
    pub(in crate::notices) async fn reusable(mut self) -> Option<Self> {
        if self.broken && self.command(Rset).await.is_err() {
            self.smtp.abort().await;
            return None;
        }
        self.broken = false;
        Some(self)
    }

    async fn command(&mut self, command: impl Display) -> Result<Response, Failure> {
        let answered = timeout(COMMAND, self.smtp.command(command)).await;
        let answered = answered.map_err(|_late| Failure::Silence);
        let answered = answered.and_then(|answer| answer.map_err(|error| Failure::of(&error)));
        self.broken |= answered.is_err();
        answered
    }
}

/// Why a command did not work.
enum Failure {
    /// The relay answered no.
    Refusal(Answer),
    /// The relay is going away (421).
    Closing,
    /// No answer in time.
    Silence,
    /// The connection is gone, or speaks no SMTP.
    Broken,
}

impl Failure {
    fn of(error: &smtp::Error) -> Self {
        let cause = code(error, "");
        match error.status() {
            Some(_) if cause.starts_with("421") => Self::Closing,
            Some(_) if error.is_permanent() => Self::Refusal(Answer::Refused { cause }),
            Some(_) => Self::Refusal(Answer::Deferred { cause }),
            None => Self::Broken,
        }
    }

    fn cause(self) -> String {
        match self {
            Self::Refusal(Answer::Refused { cause } | Answer::Deferred { cause }) => {
                format!("relay-{cause}")
            }
            Self::Refusal(_) | Self::Broken => "connection-lost".to_owned(),
            Self::Closing => "relay-421".to_owned(),
            Self::Silence => "relay-silent".to_owned(),
        }
    }

    fn before_the_letter(self) -> Outcome {
        match self {
            Self::Refusal(answer) => Outcome::Answered(answer),
            Self::Closing | Self::Silence | Self::Broken => Outcome::Lost(self.cause()),
        }
    }
}

/// The codes of a refusal, e.g. `550-5.1.1`, without the words around them; otherwise what was tried.
fn code(error: &smtp::Error, tried: &str) -> String {
    let Some(status) = error.status() else { return tried.to_owned() };
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    let enhanced = words.split_whitespace().next().filter(|word| is_enhanced(word));
    match (tried, enhanced) {
        ("", Some(enhanced)) => format!("{status}-{enhanced}"),
        ("", None) => status.to_string(),
        (tried, _) => format!("{tried}-{status}"),
    }
}

/// Is it an enhanced status code, e.g. 5.1.1 (RFC 3463)?
pub(in crate::notices) fn is_enhanced(word: &str) -> bool {
    let parts: Vec<_> = word.split('.').collect();
    let number =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    parts.len() == 3
        && parts.iter().all(number)
        && parts.first().is_some_and(|class| matches!(*class, "2" | "4" | "5"))
}
