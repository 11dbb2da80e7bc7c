//! Values of the services: where servers are, where a service listens, how long something may take.

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use domain::{Capabilities, Capability};
use engine::ProcessSettings;
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

/// The URL of a server. No form of it shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(pub Url);

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

/// A server of the message bus.
pub(in crate::cli) fn bus(text: &str) -> Result<ServerUrl, String> {
    server(text, &["nats", "tls"], "nats://HOST:4222 or tls://HOST:4222")
}

/// A mail relay.
pub(in crate::cli) fn relay(text: &str) -> Result<ServerUrl, String> {
    server(text, &["smtp", "smtps"], "smtp://HOST:PORT or smtps://HOST")
}

/// A server that canaries probe.
pub(in crate::cli) fn probed(text: &str) -> Result<ServerUrl, String> {
    let form = "smtp://HOST:PORT, smtps://HOST, imap://HOST:PORT or imaps://HOST";
    server(text, &["smtp", "smtps", "imap", "imaps"], form)
}

/// A server by its URL. The error does not repeat the text: there may be a password in it.
fn server(text: &str, schemes: &[&str], form: &str) -> Result<ServerUrl, String> {
    let url = Url::parse(text.trim())
        .map_err(|problem| format!("not a URL ({problem}); write {form}"))?;
    if schemes.contains(&url.scheme()) && url.has_host() {
        return Ok(ServerUrl(url));
    }
    Err(format!("unsupported URL scheme; write {form}"))
}

/// The address of a service's probe endpoints; `None` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl Default for Listen {
    fn default() -> Self {
        Self(Some(ProcessSettings::LISTEN))
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|_unclear: AddrParseError| {
            "write an address and a port, such as 127.0.0.1:9464 or [::]:9464, or off".to_owned()
        })
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

/// Effects that a worker carries out, separated by commas.
pub(in crate::cli) fn effects(text: &str) -> Result<Capabilities, String> {
    let known = Capabilities::OF_WORKERS;
    text.split(',').try_fold(Capabilities::NONE, |all, part| {
        let capability: Capability = part.trim().parse()?;
        if known.contains(capability) {
            return Ok(all.with(capability));
        }
        Err(format!("{capability} is not an effect of a worker; write one or more of {known}"))
    })
}
