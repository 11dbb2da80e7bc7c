//! A line-based session with an untrusted server: bounded in time, in lines and in their length.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Protocol, Transcript};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::endpoints::{ServerAddress, Tls};
use super::mask::Mask;

/// The longest line (RFC 5321 has 512 bytes, RFC 7162 advises 8192 for commands).
const LONGEST_LINE: u64 = 8_192;
/// Lines read in one session; a usual session has some twenty.
const MOST_LINES: usize = 100;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A session and its transcript. Errors are short codes.
pub(super) struct Session {
    wire: Option<BufReader<Box<dyn Wire>>>,
    mask: Mask,
    until: Instant,
    received: usize,
    lines: Vec<String>,
    /// Our name in EHLO: an address literal (RFC 5321, 4.1.3).
    pub(super) hello: String,
}

impl Session {
    /// A session that ends by this instant.
    pub(super) fn new(mask: Mask, until: Instant) -> Self {
        let (lines, hello) = (Vec::new(), String::new());
        Self { wire: None, mask, until, received: 0, lines, hello }
    }

    /// Connects, and negotiates TLS if the server expects it from the first byte.
    pub(super) async fn connect(&mut self, server: &ServerAddress) -> Result<(), String> {
        let connected = TcpStream::connect((server.host.as_str(), server.port));
        let connected = timeout_at(self.until, connected).await;
        let stream = connected.map_err(|_late| "connect-timeout")?.map_err(|_why| "connect")?;
        self.hello = match stream.local_addr() {
            Ok(here) if here.is_ipv6() => format!("[IPv6:{}]", here.ip()),
            Ok(here) => format!("[{}]", here.ip()),
            Err(_) => "[127.0.0.1]".to_owned(),
        };
        self.wire = Some(BufReader::new(Box::new(stream)));
        if server.tls == Tls::Implicit {
            self.secure(server).await?;
        }
        Ok(())
    }

    /// Negotiates TLS. Bytes buffered from before are refused: they would be read as if they were
    /// encrypted.
    pub(super) async fn secure(&mut self, server: &ServerAddress) -> Result<(), String> {
        let wire = self.wire.take().ok_or("connection-lost")?;
        if !wire.buffer().is_empty() {
            return Err("spoke-before-tls".to_owned());
        }
        let name = ServerName::try_from(server.host.clone()).map_err(|_name| "tls-name")?;
        let connector = TlsConnector::from(Arc::clone(&server.config));
        let secured = timeout_at(self.until, connector.connect(name, wire.into_inner())).await;
        let secured = secured.map_err(|_late| "tls-timeout")?.map_err(|_why| "tls")?;
        self.note("TLS");
        self.wire = Some(BufReader::new(Box::new(secured)));
        Ok(())
    }

    /// Sends a line.
    pub(super) async fn send(&mut self, line: &str) -> Result<(), String> {
        self.send_as(line, line).await
    }

    /// Sends a line that the transcript shows differently.
    pub(super) async fn send_as(&mut self, line: &str, shown: &str) -> Result<(), String> {
        let kept = self.mask.clean(shown.as_bytes());
        self.lines.push(format!("> {kept}"));
        let wire = self.wire.as_mut().ok_or("connection-lost")?;
        let text = format!("{line}\r\n");
        let sent = async {
            wire.write_all(text.as_bytes()).await?;
            wire.flush().await
        };
        timeout_at(self.until, sent)
            .await
            .map_err(|_late| "timeout")?
            .map_err(|_why| "connection-lost")?;
        Ok(())
    }

    /// Receives a line, as the transcript shows it.
    pub(super) async fn receive(&mut self) -> Result<String, String> {
        if self.received >= MOST_LINES {
            return Err("too-many-lines".to_owned());
        }
        self.received = self.received.saturating_add(1);
        let wire = self.wire.as_mut().ok_or("connection-lost")?;
        let mut line = Vec::new();
        let mut bounded = wire.take(LONGEST_LINE);
        let read = timeout_at(self.until, bounded.read_until(b'\n', &mut line)).await;
        let full = bounded.limit() == 0;
        let ended = match &read {
            Ok(Ok(_)) if line.ends_with(b"\n") => None,
            Ok(Ok(_)) if full => Some("line-too-long"),
            Ok(_) => Some("connection-lost"),
            Err(_late) => Some("timeout"),
        };
        let kept = self.mask.clean(line.trim_ascii_end());
        if ended.is_none() || !kept.is_empty() {
            self.lines.push(format!("< {kept}"));
        }
        ended.map_or(Ok(kept), |cause| Err(cause.to_owned()))
    }

    /// Adds a note of ours to the transcript.
    pub(super) fn note(&mut self, what: &str) {
        self.lines.push(format!("* {what}"));
    }

    /// The transcript.
    pub(super) fn transcript(self, protocol: Protocol, ended_at: DateTime<Utc>) -> Transcript {
        Transcript { protocol, ended_at, lines: self.lines }
    }
}
