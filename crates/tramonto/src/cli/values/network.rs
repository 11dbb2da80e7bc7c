//! Values of the services: where the bus is, where a service listens, how long something may take.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use domain::{Capabilities, Capability};
use url::Url;

use sql::without_secrets;

/// No time limit of ours is longer than a day.
const LONGEST: u64 = 86_400;

/// A number of seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok();
        let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds));
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| format!("write a number of seconds from 1 to {LONGEST}"))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_secs().fmt(f)
    }
}

/// Where the servers of the bus are. No form of it shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct BusPlace(pub Vec<Url>);

impl FromStr for BusPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = |part: &str| {
            // The text itself is not repeated: there may be a password in it.
            let url = Url::parse(part.trim())
                .map_err(|problem| format!("that is no URL ({problem}); write nats://HOST:4222"))?;
            if matches!(url.scheme(), "nats" | "tls") && url.has_host() {
                return Ok(url);
            }
            Err("a bus is written as nats://HOST:4222, or tls://HOST:4222".to_owned())
        };
        text.split(',').map(one).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for BusPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.0.iter().map(without_secrets).collect();
        f.write_str(&shown.join(","))
    }
}

impl fmt::Debug for BusPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BusPlace({self})")
    }
}

/// Where a service answers questions about itself, unless it is told another place.
pub(in crate::cli) const USUAL_LISTEN: &str = "127.0.0.1:9464";

/// Where the mail relay is. No form of it shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpPlace(pub Url);

impl FromStr for SmtpPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text itself is not repeated: there may be a password in it.
        let url = Url::parse(text.trim())
            .map_err(|problem| format!("that is no URL ({problem}); write smtp://HOST:PORT"))?;
        if matches!(url.scheme(), "smtp" | "smtps") && url.has_host() {
            return Ok(Self(url));
        }
        Err("a mail relay is written as smtp://HOST:PORT, or smtps://HOST".to_owned())
    }
}

impl fmt::Display for SmtpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for SmtpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpPlace({self})")
    }
}

/// A door of a mail server. No form of it shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DoorUrl(pub Url);

impl FromStr for DoorUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text itself is not repeated: there may be a password in it.
        let url = Url::parse(text.trim())
            .map_err(|problem| format!("that is no URL ({problem}); write smtp://HOST:PORT"))?;
        if matches!(url.scheme(), "smtp" | "smtps" | "imap" | "imaps") && url.has_host() {
            return Ok(Self(url));
        }
        Err("a door is written as smtp://HOST:PORT, smtps://HOST, imap://HOST:PORT or imaps://HOST"
            .to_owned())
    }
}

impl fmt::Display for DoorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for DoorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DoorUrl({self})")
    }
}

/// Where a service answers questions about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl Listen {
    /// Is it the place that nobody need have asked for?
    pub fn is_usual(self) -> bool {
        USUAL_LISTEN.parse() == Ok(self)
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(
            |_unclear: std::net::AddrParseError| {
                "write an address and a port, such as 127.0.0.1:9464 or [::]:9464, or off"
                    .to_owned()
            },
        )
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("off"),
        }
    }
}

/// Effects that a worker takes, with commas between them.
pub(in crate::cli) fn effects(text: &str) -> Result<Capabilities, String> {
    let known = Capabilities::OF_WORKERS;
    text.split(',').try_fold(Capabilities::NONE, |all, part| {
        let capability: Capability = part.trim().parse()?;
        if known.contains(capability) {
            return Ok(all.with(capability));
        }
        Err(format!("{capability} is not an effect of a worker; write some of {known}"))
    })
}
