//! `tramonto service check`: whether a service is ready, for containers without another client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::Error;
use crate::cli::Listen;

/// The longest wait for the answer.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;

pub(super) async fn execute(url: Option<&Url>, listen: Listen) -> Result<(), Error> {
    let (host, path) = place(url, listen)?;
    let asked = tokio::time::timeout(TIME_LIMIT, ask(&host, &path)).await;
    let answer = asked.unwrap_or_else(|_late| Err(std::io::ErrorKind::TimedOut.into()));
    let answer = answer.map_err(|problem| {
        Error::Unavailable(format!(
            "no answer from {host} ({problem}); check that the service runs"
        ))
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some("503") => {
            Err(Error::Unavailable(format!("the service at {host} is not ready: {body}")))
        }
        _ => Err(Error::Invalid(format!("{host} is not a tramonto service; check the address"))),
    }
}

/// The host and the path to request.
fn place(url: Option<&Url>, listen: Listen) -> Result<(String, String), Error> {
    let Some(url) = url else {
        let Some(address) = listen.0 else {
            return Err(Error::Invalid(
                "the service has no probe endpoints (--listen off); give the URL of one that has"
                    .to_owned(),
            ));
        };
        return Ok((reachable(address).to_string(), "/readyz".to_owned()));
    };
    let host = Some(url).filter(|url| url.scheme() == "http").and_then(Url::host_str);
    let Some(host) = host else {
        return Err(Error::Invalid("write the URL as http://HOST:9464".to_owned()));
    };
    let path = if url.path() == "/" { "/readyz" } else { url.path() };
    Ok((format!("{host}:{}", url.port().unwrap_or(80)), path.to_owned()))
}

/// A service that listens everywhere listens on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

async fn ask(host: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(host).await?;
    let question = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
