//! A small mail server on loopback that answers each protocol as configured.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Protocol, Refusals};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::canary::world::Hands;

/// How it treats clients.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mood {
    /// Everything is allowed.
    Willing,
    /// Everything has ended, with the plan's refusal texts.
    Ended,
    /// Everything fails temporarily.
    Busy,
    /// No password is accepted.
    WrongPassword,
    /// It refuses the client itself.
    Blocking,
    /// It echoes what it receives.
    Echoing,
    /// Lines of no protocol.
    Garbage,
    /// One line without an end.
    EndlessLine,
    /// Lines without an end.
    EndlessLines,
    /// It hangs up at once.
    HangingUp,
    /// It says nothing.
    Silent,
    /// Everything is allowed, and the clock is set to this instant meanwhile.
    Slow(DateTime<Utc>),
}

pub(crate) struct Server {
    pub(crate) smtp: SocketAddr,
    pub(crate) submission: SocketAddr,
    pub(crate) imap: SocketAddr,
    _task: JoinSet<()>,
}

#[derive(Clone)]
struct Manner {
    mood: Mood,
    refusals: Refusals,
    clock: Arc<Hands>,
}

impl Server {
    pub(crate) async fn start(mood: Mood, refusals: Refusals, clock: Arc<Hands>) -> Self {
        let mut task = JoinSet::new();
        let manner = Manner { mood, refusals, clock };
        let mut places = Vec::new();
        for protocol in [Protocol::Smtp, Protocol::Submission, Protocol::Imap] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            places.push(listener.local_addr().unwrap());
            let manner = manner.clone();
            task.spawn(async move {
                let mut conversations = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let manner = manner.clone();
                    conversations.spawn(async move { manner.converse(stream, protocol).await });
                }
            });
        }
        Self { smtp: places[0], submission: places[1], imap: places[2], _task: task }
    }
}

impl Manner {
    /// Ends when either side closes the connection.
    async fn converse(self, stream: TcpStream, protocol: Protocol) -> Option<()> {
        let mut stream = BufReader::new(stream);
        match self.mood {
            Mood::HangingUp => return None,
            Mood::Silent => {
                stream.read_to_end(&mut Vec::new()).await.ok()?;
                return None;
            }
            Mood::Garbage => stream.write_all(b"\x01\x1b[31m\xff nonsense\r\n").await.ok()?,
            Mood::EndlessLine => loop {
                stream.write_all(&[b'x'; 4_096]).await.ok()?;
            },
            Mood::EndlessLines => loop {
                let line: &[u8] =
                    if protocol == Protocol::Imap { b"* OK more\r\n" } else { b"220-more\r\n" };
                stream.write_all(line).await.ok()?;
            },
            Mood::Willing
            | Mood::Ended
            | Mood::Busy
            | Mood::WrongPassword
            | Mood::Blocking
            | Mood::Echoing
            | Mood::Slow(_) => {
                let hello: &[u8] =
                    if protocol == Protocol::Imap { b"* OK hello\r\n" } else { b"220 hello\r\n" };
                stream.write_all(hello).await.ok()?;
            }
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            let answer = if protocol == Protocol::Imap {
                self.by_imap(line)
            } else {
                self.by_smtp(line, protocol)
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        }
    }

    fn by_smtp(&self, line: &str, protocol: Protocol) -> String {
        let verb = line.split(' ').next().unwrap_or_default();
        match (verb, &self.mood) {
            ("EHLO", _) => "250-here\r\n250 AUTH PLAIN".to_owned(),
            ("AUTH", Mood::WrongPassword) => "535 5.7.8 Error: authentication failed".to_owned(),
            ("AUTH", _) => "235 2.7.0 Authentication successful".to_owned(),
            ("RCPT", Mood::Busy) => "451 4.3.5 try later".to_owned(),
            ("RCPT", Mood::Blocking) => "554 5.7.1 your address is on a list".replace(
                "5.7.1",
                // The plan's own refusal code would count.
                if protocol == Protocol::Submission { "5.7.0" } else { "5.7.1" },
            ),
            ("RCPT", Mood::Ended) if protocol == Protocol::Smtp => {
                format!("550 5.2.1 {}: {}", &line[8..], self.refusals.receive.wording.line())
            }
            ("RCPT", Mood::Ended) => {
                format!("550-5.7.1 no\r\n550 {}", self.refusals.send.wording.line())
            }
            ("RCPT", Mood::Echoing) => format!("250 2.1.5 {line} for anna.rossi@elsewhere.example"),
            ("RCPT", Mood::Slow(at)) => {
                self.clock.set(*at);
                "250 2.1.5 Ok".to_owned()
            }
            ("QUIT", _) => "221 bye".to_owned(),
            _ => "250 2.0.0 Ok".to_owned(),
        }
    }

    fn by_imap(&self, line: &str) -> String {
        let (tag, command) = line.split_once(' ').unwrap_or_default();
        let verb = command.split(' ').next().unwrap_or_default();
        let done = match (verb, &self.mood) {
            ("LOGIN", Mood::Busy) => "NO [UNAVAILABLE] later".to_owned(),
            ("LOGIN", Mood::WrongPassword) => {
                "NO [AUTHENTICATIONFAILED] Authentication failed.".to_owned()
            }
            ("LOGIN", Mood::Blocking) => "NO [LIMIT] not from there".to_owned(),
            ("LOGIN", Mood::Ended) => {
                format!("NO [AUTHENTICATIONFAILED] {}", self.refusals.access.line())
            }
            ("LOGIN", Mood::Echoing) => format!("OK {command}"),
            ("SELECT", _) => "OK [READ-WRITE] done".to_owned(),
            _ => "OK done".to_owned(),
        };
        format!("* 1 EXISTS\r\n{tag} {done}")
    }
}
