//! An LMTP session without its socket: bytes in, replies and messages out.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::command::{self, Command, CommandError};
use super::data::{Data, MemoryBudget, MemoryShare, Refusal, STEP};
use super::limiter::RateLimiter;

/// The longest command line, CR LF included: RFC 5321 (4.5.3.1.4) asks for 512, extensions for
/// more.
const LONGEST_LINE: usize = 2_048;
/// Recipients of one message. There is one address; a server that repeats it is misconfigured.
const MOST_RECIPIENTS: usize = 100;
/// Errors after which a connection is closed.
const MOST_ERRORS: u32 = 20;

/// The rules of a session.
#[derive(Debug)]
pub struct Rules {
    /// The server's name in its greeting.
    pub name: String,
    /// The one recipient that is accepted; an amendment of the plan may change it.
    pub intake: watch::Receiver<String>,
    /// The size limit of a message, in bytes.
    pub largest: usize,
    /// The rate limits.
    pub limiter: RateLimiter,
    pub(super) budget: MemoryBudget,
}

impl Rules {
    /// Rules with a memory budget, in bytes, for messages in flight over all connections.
    pub fn new(
        name: String,
        intake: watch::Receiver<String>,
        largest: usize,
        limiter: RateLimiter,
        memory: usize,
    ) -> Self {
        let budget = Arc::new(Semaphore::new(memory / STEP));
        Self { name, intake, largest, limiter, budget }
    }
}

/// A complete message; a reply is due for each of its recipients. Its `Debug` form shows no
/// content.
pub struct Incoming {
    /// The envelope sender; empty for a bounce.
    pub sender: String,
    bytes: Vec<u8>,
    share: MemoryShare,
}

impl Incoming {
    /// The message.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The sender, the message, and its share of the memory budget, held until dropped.
    pub(crate) fn into_parts(self) -> (String, Vec<u8>, MemoryShare) {
        (self.sender, self.bytes, self.share)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} bytes)", self.bytes.len())
    }
}

/// The handling of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is on disk.
    Stored,
    /// It could not be stored; the mail server retries later.
    Retry,
}

/// What a session needs next.
#[derive(Debug)]
pub enum Step {
    /// More bytes.
    More,
    /// [`Session::reply`] for this message, before anything else.
    Message(Incoming),
    /// The session ends after the replies are sent.
    End,
}

/// A session.
#[derive(Debug, Default)]
pub struct Session {
    /// An incomplete line.
    line: Vec<u8>,
    greeted: bool,
    sender: Option<String>,
    recipients: usize,
    data: Option<Data>,
    errors: u32,
    ended: bool,
}

impl Session {
    /// The greeting.
    pub fn greeting(rules: &Rules, replies: &mut Vec<u8>) {
        write_line(replies, format_args!("220 {} LMTP Tramonto", rules.name));
    }

    /// Consumes bytes until a step is needed; the rest belongs to what follows.
    pub fn feed(
        &mut self,
        bytes: &mut &[u8],
        rules: &Rules,
        now: Instant,
        replies: &mut Vec<u8>,
    ) -> Step {
        while !self.ended && !bytes.is_empty() {
            if let Some(data) = &mut self.data {
                if data.take(bytes)
                    && let Some(incoming) = self.end_of_data(replies)
                {
                    return Step::Message(incoming);
                }
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                *bytes = &[];
                if self.line.len() >= LONGEST_LINE {
                    self.end(replies, "500 5.5.2 line too long");
                }
                continue;
            };
            let (line, rest) = bytes.split_at(end);
            *bytes = rest.get(1..).unwrap_or_default();
            let mut whole = std::mem::take(&mut self.line);
            whole.extend_from_slice(line);
            if whole.len() >= LONGEST_LINE {
                self.end(replies, "500 5.5.2 line too long");
            } else if let Some(line) = whole.strip_suffix(b"\r") {
                self.command(line, rules, now, replies);
            } else {
                self.end(replies, "500 5.5.2 line must end with CR LF");
            }
        }
        if self.ended { Step::End } else { Step::More }
    }

    /// Replies for the message that [`Session::feed`] returned, once per recipient (RFC 2033, 4.2).
    pub fn reply(&mut self, verdict: Verdict, replies: &mut Vec<u8>) {
        let reply = match verdict {
            Verdict::Stored => "250 2.0.0 stored",
            Verdict::Retry => "451 4.3.0 cannot store the message, try again later",
        };
        self.each(replies, reply);
    }

    /// Is neither a line nor a message in flight?
    pub fn is_idle(&self) -> bool {
        self.line.is_empty() && self.data.is_none()
    }

    fn each(&mut self, replies: &mut Vec<u8>, reply: &str) {
        for _ in 0..self.recipients {
            write_line(replies, reply);
        }
        self.reset();
    }

    fn end_of_data(&mut self, replies: &mut Vec<u8>) -> Option<Incoming> {
        let sender = self.sender.take().unwrap_or_default();
        match self.data.take()?.end() {
            Ok((bytes, share)) => return Some(Incoming { sender, bytes, share }),
            Err(Refusal::NoMemory) => {
                self.each(replies, "451 4.3.1 out of memory, try again later");
            }
            Err(Refusal::TooLarge) => self.each(replies, "552 5.3.4 message too large"),
            Err(Refusal::BareLineFeed) => {
                self.each(replies, "550 5.6.0 message has a line that ends without CR");
                // The two servers may disagree on where the message ends.
                self.ended = true;
            }
        }
        None
    }

    fn command(&mut self, line: &[u8], rules: &Rules, now: Instant, replies: &mut Vec<u8>) {
        let command = match command::parse(line) {
            Ok(command) => command,
            Err(error) => {
                return self.error(
                    replies,
                    match error {
                        CommandError::Unknown => "500 5.5.1 unknown command",
                        CommandError::Arguments => "501 5.5.4 malformed arguments",
                        CommandError::Parameter => "555 5.5.4 unsupported parameter",
                    },
                );
            }
        };
        match command {
            Command::Lhlo => {
                self.reset();
                self.greeted = true;
                write_line(replies, format_args!("250-{}", rules.name));
                for offered in ["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"] {
                    write_line(replies, format_args!("250-{offered}"));
                }
                write_line(replies, format_args!("250 SIZE {}", rules.largest));
            }
            Command::Smtp => self.error(replies, "500 5.5.1 this is LMTP, send LHLO"),
            Command::Noop => write_line(replies, "250 2.0.0 ok"),
            Command::Vrfy => {
                write_line(replies, "252 2.5.0 cannot verify, send the message");
            }
            Command::Rset => {
                self.reset();
                write_line(replies, "250 2.0.0 reset");
            }
            Command::Quit => self.end(replies, "221 2.0.0 closing connection"),
            Command::Mail { sender, size } => self.mail(sender, size, rules, replies),
            Command::Rcpt { recipient } => self.rcpt(&recipient, rules, now, replies),
            Command::Data if self.recipients == 0 => {
                // RFC 2033, 4.2: 503 without an accepted recipient.
                self.error(replies, "503 5.5.1 no accepted recipient");
            }
            Command::Data => {
                self.data = Some(Data::new(rules.largest, &rules.budget));
                write_line(replies, "354 send the message, end with a single dot");
            }
        }
    }

    fn mail(&mut self, sender: String, size: Option<u64>, rules: &Rules, replies: &mut Vec<u8>) {
        let largest = u64::try_from(rules.largest).unwrap_or(u64::MAX);
        if !self.greeted {
            self.error(replies, "503 5.5.1 send LHLO first");
        } else if self.sender.is_some() {
            self.error(replies, "503 5.5.1 nested MAIL command");
        } else if size.is_some_and(|size| size > largest) {
            write_line(replies, "552 5.3.4 message too large");
        } else {
            self.sender = Some(sender);
            write_line(replies, "250 2.1.0 sender ok");
        }
    }

    fn rcpt(&mut self, recipient: &str, rules: &Rules, now: Instant, replies: &mut Vec<u8>) {
        let Some(sender) = &self.sender else {
            return self.error(replies, "503 5.5.1 send MAIL first");
        };
        if !recipient.eq_ignore_ascii_case(&rules.intake.borrow()) {
            write_line(replies, "550 5.1.1 unknown recipient");
        } else if self.recipients >= MOST_RECIPIENTS {
            write_line(replies, "452 4.5.3 too many recipients");
        } else if self.recipients == 0 && !rules.limiter.admits(sender, now) {
            write_line(replies, "451 4.7.1 too many messages, try again later");
        } else {
            self.recipients += 1;
            write_line(replies, "250 2.1.5 recipient ok");
        }
    }

    fn error(&mut self, replies: &mut Vec<u8>, reply: &str) {
        self.errors += 1;
        if self.errors >= MOST_ERRORS {
            self.end(replies, "421 4.7.0 too many errors");
        } else {
            write_line(replies, reply);
        }
    }

    fn end(&mut self, replies: &mut Vec<u8>, reply: &str) {
        write_line(replies, reply);
        self.ended = true;
    }

    fn reset(&mut self) {
        (self.sender, self.recipients, self.data) = (None, 0, None);
    }
}

fn write_line(replies: &mut Vec<u8>, line: impl fmt::Display) {
    replies.extend_from_slice(line.to_string().as_bytes());
    replies.extend_from_slice(b"\r\n");
}
