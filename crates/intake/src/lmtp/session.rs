//! One conversation, without its socket: bytes go in, answers and messages come out.

use std::fmt;

use tokio::sync::watch;
use tokio::time::Instant;

use super::command::{self, Command, Wrong};
use super::data::{Data, Room, Share, Spoilt, Whole};
use super::gate::Gate;

/// The longest line of a command, its end included: RFC 5321 (4.5.3.1.4) asks for 512, and extensions for more.
const LONGEST_LINE: usize = 2_048;
/// Recipients of one message. The intake has one address; a server that repeats it is mistaken.
const MOST_RECIPIENTS: usize = 100;
/// Mistakes after which a connection is closed.
const MOST_MISTAKES: u32 = 20;

/// What a conversation goes by.
#[derive(Debug)]
pub struct Rules {
    /// How this server calls itself.
    pub name: String,
    /// The one address that is taken, as it is at the moment: an amendment may move it.
    pub intake: watch::Receiver<String>,
    /// The largest message, in bytes.
    pub largest: usize,
    /// Who comes in when.
    pub gate: Gate,
    pub(super) room: Room,
}

impl Rules {
    /// Rules by which all connections together hold at most `room` bytes of messages under way.
    pub fn new(
        name: String,
        intake: watch::Receiver<String>,
        largest: usize,
        gate: Gate,
        room: usize,
    ) -> Self {
        Self { name, intake, largest, gate, room: Room::new(room) }
    }
}

/// A message that came whole, for each of whose recipients an answer is owed. No `Debug` form of what is in it.
pub struct Incoming {
    /// Who sent it, by the envelope; empty for a bounce.
    pub sender: String,
    whole: Whole,
}

impl Incoming {
    /// The message.
    pub fn bytes(&self) -> &[u8] {
        &self.whole.bytes
    }

    /// Who sent it, the message, and its part of the room, which is taken until the last is dropped.
    pub(crate) fn apart(self) -> (String, Vec<u8>, Share) {
        let Whole { bytes, share } = self.whole;
        (self.sender, bytes, share)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} bytes)", self.whole.bytes.len())
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is on the disk.
    Kept,
    /// It could not be kept now; it is to come again.
    Later,
}

/// What a conversation needs next.
#[derive(Debug)]
pub enum Step {
    /// More bytes.
    More,
    /// [`Session::answer`] about this message, before anything else.
    Message(Incoming),
    /// It is over; the answers are still to be sent.
    End,
}

/// A conversation.
#[derive(Debug, Default)]
pub struct Session {
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    greeted: bool,
    sender: Option<String>,
    recipients: usize,
    data: Option<Data>,
    mistakes: u32,
    over: bool,
}

impl Session {
    /// What is said first.
    pub fn greeting(rules: &Rules, answers: &mut Vec<u8>) {
        say(answers, format_args!("220 {} LMTP Tramonto", rules.name));
    }

    /// Takes bytes until something is needed; those that are left belong to what follows.
    pub fn take(
        &mut self,
        bytes: &mut &[u8],
        rules: &Rules,
        now: Instant,
        answers: &mut Vec<u8>,
    ) -> Step {
        while !self.over && !bytes.is_empty() {
            if let Some(data) = &mut self.data {
                if data.take(bytes)
                    && let Some(incoming) = self.end_of_data(answers)
                {
                    return Step::Message(incoming);
                }
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                *bytes = &[];
                if self.line.len() >= LONGEST_LINE {
                    self.end(answers, "500 5.5.2 the line is too long");
                }
                continue;
            };
            let (line, rest) = bytes.split_at(end);
            *bytes = rest.get(1..).unwrap_or_default();
            let mut whole = std::mem::take(&mut self.line);
            whole.extend_from_slice(line);
            if whole.len() >= LONGEST_LINE {
                self.end(answers, "500 5.5.2 the line is too long");
            } else if let Some(line) = whole.strip_suffix(b"\r") {
                self.command(line, rules, now, answers);
            } else {
                self.end(answers, "500 5.5.2 a line must end with CR LF");
            }
        }
        if self.over { Step::End } else { Step::More }
    }

    /// Answers for the message that [`Session::take`] gave, once for each recipient (RFC 2033, 4.2).
    pub fn answer(&mut self, verdict: Verdict, answers: &mut Vec<u8>) {
        let answer = match verdict {
            Verdict::Kept => "250 2.0.0 kept",
            Verdict::Later => "451 4.3.0 it can't be kept now, try again later",
        };
        self.each(answers, answer);
    }

    /// Is nothing under way: neither a line, nor a message?
    pub fn is_between(&self) -> bool {
        self.line.is_empty() && self.data.is_none()
    }

    fn each(&mut self, answers: &mut Vec<u8>, answer: &str) {
        for _ in 0..self.recipients {
            say(answers, format_args!("{answer}"));
        }
        self.reset();
    }

    fn end_of_data(&mut self, answers: &mut Vec<u8>) -> Option<Incoming> {
        let sender = self.sender.take().unwrap_or_default();
        match self.data.take()?.end() {
            Ok(whole) => return Some(Incoming { sender, whole }),
            Err(Spoilt::NoRoom) => self.each(answers, "451 4.3.1 no room now, try again later"),
            Err(Spoilt::TooLarge) => self.each(answers, "552 5.3.4 the message is too large"),
            Err(Spoilt::BareLineFeed) => {
                self.each(answers, "550 5.6.0 a line of the message ends without CR");
                // What follows may be part of the message for one of us and not for the other.
                self.over = true;
            }
        }
        None
    }

    fn command(&mut self, line: &[u8], rules: &Rules, now: Instant, answers: &mut Vec<u8>) {
        let command = match command::read(line) {
            Ok(command) => command,
            Err(wrong) => {
                return self.mistake(
                    answers,
                    match wrong {
                        Wrong::Unknown => "500 5.5.1 no such command",
                        Wrong::Arguments => "501 5.5.4 the arguments are not of the right form",
                        Wrong::Parameter => "555 5.5.4 that parameter is not offered",
                    },
                );
            }
        };
        match command {
            Command::Lhlo => {
                self.reset();
                self.greeted = true;
                say(answers, format_args!("250-{}", rules.name));
                for offered in ["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"] {
                    say(answers, format_args!("250-{offered}"));
                }
                say(answers, format_args!("250 SIZE {}", rules.largest));
            }
            Command::Smtp => self.mistake(answers, "500 5.5.1 this is LMTP: begin with LHLO"),
            Command::Noop => say(answers, format_args!("250 2.0.0 so be it")),
            Command::Vrfy => say(answers, format_args!("252 2.5.0 send it and see")),
            Command::Rset => {
                self.reset();
                say(answers, format_args!("250 2.0.0 forgotten"));
            }
            Command::Quit => self.end(answers, "221 2.0.0 good bye"),
            Command::Mail { sender, size } => self.mail(sender, size, rules, answers),
            Command::Rcpt { recipient } => self.rcpt(&recipient, rules, now, answers),
            Command::Data if self.recipients == 0 => {
                // RFC 2033, 4.2: 503 without a recipient that was taken.
                self.mistake(answers, "503 5.5.1 no recipient was taken");
            }
            Command::Data => {
                self.data = Some(Data::new(rules.largest, &rules.room));
                say(answers, format_args!("354 go on, end with a dot alone"));
            }
        }
    }

    fn mail(&mut self, sender: String, size: Option<u64>, rules: &Rules, answers: &mut Vec<u8>) {
        let largest = u64::try_from(rules.largest).unwrap_or(u64::MAX);
        if !self.greeted {
            self.mistake(answers, "503 5.5.1 begin with LHLO");
        } else if self.sender.is_some() {
            self.mistake(answers, "503 5.5.1 a message is under way already");
        } else if size.is_some_and(|size| size > largest) {
            say(answers, format_args!("552 5.3.4 the message is too large"));
        } else {
            self.sender = Some(sender);
            say(answers, format_args!("250 2.1.0 go on"));
        }
    }

    fn rcpt(&mut self, recipient: &str, rules: &Rules, now: Instant, answers: &mut Vec<u8>) {
        let Some(sender) = &self.sender else {
            return self.mistake(answers, "503 5.5.1 say who sends it first");
        };
        if !recipient.eq_ignore_ascii_case(&rules.intake.borrow()) {
            say(answers, format_args!("550 5.1.1 nobody here has this address"));
        } else if self.recipients >= MOST_RECIPIENTS {
            say(answers, format_args!("452 4.5.3 too many recipients"));
        } else if self.recipients == 0 && !rules.gate.admits(sender, now) {
            say(answers, format_args!("451 4.7.1 too many messages, try again later"));
        } else {
            self.recipients += 1;
            say(answers, format_args!("250 2.1.5 go on"));
        }
    }

    fn mistake(&mut self, answers: &mut Vec<u8>, answer: &str) {
        self.mistakes += 1;
        if self.mistakes >= MOST_MISTAKES {
            self.end(answers, "421 4.7.0 too many mistakes");
        } else {
            say(answers, format_args!("{answer}"));
        }
    }

    fn end(&mut self, answers: &mut Vec<u8>, answer: &str) {
        say(answers, format_args!("{answer}"));
        self.over = true;
    }

    fn reset(&mut self) {
        (self.sender, self.recipients, self.data) = (None, 0, None);
    }
}

fn say(answers: &mut Vec<u8>, line: fmt::Arguments<'_>) {
    answers.extend_from_slice(line.to_string().as_bytes());
    answers.extend_from_slice(b"\r\n");
}
