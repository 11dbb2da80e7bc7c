//! A conversation by lines with a server that is not trusted: bounded in lines, in their length and in time.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Door, Transcript};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::mask::Mask;

/// A longer line is none of these protocols' (RFC 5321 has 512 bytes, RFC 7162 advises 8192 for commands).
const LONGEST_LINE: u64 = 8_192;
/// So many lines are heard in one conversation; a friendly server says some twenty.
const MOST_LINES: usize = 100;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A conversation, written down as it goes. An error is a short cause.
pub(super) struct Dialogue {
    wire: Option<BufReader<Box<dyn Wire>>>,
    mask: Mask,
    until: Instant,
    heard: usize,
    lines: Vec<String>,
    /// How this machine calls itself: by its address, as one without a name does (RFC 5321, 4.1.3).
    pub(super) hello: String,
}

impl Dialogue {
    /// One that has to be over by then.
    pub(super) fn new(mask: Mask, until: Instant) -> Self {
        let (lines, hello) = (Vec::new(), String::new());
        Self { wire: None, mask, until, heard: 0, lines, hello }
    }

    pub(super) async fn connect(&mut self, host: &str, port: u16) -> Result<(), String> {
        let connected = timeout_at(self.until, TcpStream::connect((host, port))).await;
        let stream = connected.map_err(|_late| "connect-timeout")?.map_err(|_why| "connect")?;
        self.hello = match stream.local_addr() {
            Ok(here) if here.is_ipv6() => format!("[IPv6:{}]", here.ip()),
            Ok(here) => format!("[{}]", here.ip()),
            Err(_) => "[127.0.0.1]".to_owned(),
        };
        self.wire = Some(BufReader::new(Box::new(stream)));
        Ok(())
    }

    /// Goes on in TLS. What came before it in clear would be heard as if it came after: it is refused.
    pub(super) async fn secure(
        &mut self,
        host: &str,
        config: &Arc<ClientConfig>,
    ) -> Result<(), String> {
        let wire = self.wire.take().ok_or("connection-lost")?;
        if !wire.buffer().is_empty() {
            return Err("spoke-before-tls".to_owned());
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_name| "tls-name")?;
        let connector = TlsConnector::from(Arc::clone(config));
        let secured = timeout_at(self.until, connector.connect(name, wire.into_inner())).await;
        let secured = secured.map_err(|_late| "tls-timeout")?.map_err(|_why| "tls")?;
        self.note("TLS");
        self.wire = Some(BufReader::new(Box::new(secured)));
        Ok(())
    }

    /// Says a line.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), String> {
        self.say_as(line, line).await
    }

    /// Says a line that is written down otherwise.
    pub(super) async fn say_as(&mut self, line: &str, shown: &str) -> Result<(), String> {
        let kept = self.mask.clean(shown.as_bytes());
        self.lines.push(format!("> {kept}"));
        let wire = self.wire.as_mut().ok_or("connection-lost")?;
        let text = format!("{line}\r\n");
        let said = async {
            wire.write_all(text.as_bytes()).await?;
            wire.flush().await
        };
        timeout_at(self.until, said)
            .await
            .map_err(|_late| "timeout")?
            .map_err(|_why| "connection-lost")?;
        Ok(())
    }

    /// The next line, as it is written down.
    pub(super) async fn hear(&mut self) -> Result<String, String> {
        if self.heard >= MOST_LINES {
            return Err("too-many-lines".to_owned());
        }
        self.heard = self.heard.saturating_add(1);
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

    /// Notes what happened on our side.
    pub(super) fn note(&mut self, what: &str) {
        self.lines.push(format!("* {what}"));
    }

    /// What was said.
    pub(super) fn transcript(self, door: Door, ended_at: DateTime<Utc>) -> Transcript {
        Transcript { door, ended_at, lines: self.lines }
    }
}
