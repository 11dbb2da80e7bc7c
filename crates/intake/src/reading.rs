//! What a message is: from its bytes to what can be made of it.
//!
//! Invariants: any bytes are read in bounded time and memory, and never end in a panic; who asks for something
//! is never believed, only noted. Parts are walked through here and not by `mail-parser`, which has no bound on
//! nesting; it reads headers, words, character sets and encodings. Deliberately absent: I/O, and whether a
//! person exists.

mod authentication;
mod digest;
mod finds;
mod machine;
mod report;
mod walk;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::CodiceFiscale;
use mail_parser::{Message, MessageParser};

pub use authentication::Evidence;
pub(crate) use digest::digest;
pub use machine::Machine;
use walk::{Texts, Walked};

/// The header that our own letters carry, by which one that comes back is known.
pub const MARK: &str = "X-Tramonto-Letter";

/// How much of a message is looked at. What is beyond is unreadable, and kept as such.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The whole message, in bytes.
    pub size: usize,
    /// Parts inside parts, and messages inside messages.
    pub depth: usize,
    /// Parts altogether.
    pub parts: usize,
    /// Text altogether, in bytes of UTF-8; what follows is not looked at.
    pub text: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { size: 25 * 1024 * 1024, depth: 20, parts: 200, text: 256 * 1024 }
    }
}

/// How messages are read.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// How much is looked at.
    pub bounds: Bounds,
    /// The name under which our own mail servers write down what they found out about a sender
    /// (RFC 8601, 2.5); of any other name nothing is believed.
    pub authserv_id: Option<String>,
}

/// A message that was read. It has no `Debug` form: it is somebody's.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it is.
    pub kind: Kind,
    /// Its Message-ID, without brackets.
    pub message_id: Option<String>,
    /// The language that an answer begins with.
    pub language: Language,
    /// What our mail servers found out about its sender.
    pub evidence: Evidence,
    /// Did a certified-mail provider wrap it up, by its own word?
    pub certified: bool,
    /// The Message-ID of what could not be delivered, without brackets, where this is a report that says so (RFC 3464).
    pub undelivered: Option<String>,
}

/// What a message is.
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    /// Somebody writes and names these.
    Request(Named),
    /// Somebody writes, and names nobody who could be looked up.
    NamesNobody,
    /// A machine wrote it: it is not answered.
    Machine(Machine),
    /// The receipt of a certified-mail provider, by its kind.
    Receipt(Receipt),
    /// It can't be read.
    Unreadable(Unreadable),
}

/// Who is named in a request. No `Debug` form.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Codici fiscali with a right check character, each once.
    pub codes: Vec<CodiceFiscale>,
    /// E-mail addresses in small letters, each once.
    pub addresses: Vec<String>,
}

/// What a certified-mail provider's receipt says (DM 2 November 2005, annex, 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// *Accettazione*: the provider took a message over.
    Acceptance,
    /// *Avvenuta consegna*.
    Delivery,
    /// *Mancata consegna*, *non accettazione*, and notices of a virus.
    Failure,
    /// Any other.
    Other,
}

/// Why a message can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is larger than is read.
    TooLarge,
    /// It has no headers.
    NoMail,
    /// Parts inside parts, deeper than is read.
    TooDeep,
    /// More parts than are read.
    TooManyParts,
    /// What was written lies in a `winmail.dat` (TNEF).
    WinmailDat,
    /// An encoding or an envelope is broken, and what was read names nobody.
    Broken,
    /// The library that reads it gave up.
    Defeated,
}

/// A language that is answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Italian.
    #[default]
    Italian,
    /// English.
    English,
}

impl Kind {
    /// A short code for lists and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::NamesNobody => "names-nobody",
            Self::Machine(machine) => machine.code(),
            Self::Receipt(_) => "receipt",
            Self::Unreadable(why) => why.code(),
        }
    }
}

impl Unreadable {
    /// A short code.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NoMail => "no-mail",
            Self::TooDeep => "nested-too-deep",
            Self::TooManyParts => "too-many-parts",
            Self::WinmailDat => "winmail-dat",
            Self::Broken => "broken",
            Self::Defeated => "not-readable",
        }
    }
}

impl Reader {
    /// Reads a message. `sender` is the envelope's; `""` is the null sender of bounces, `None` an envelope
    /// that is not known.
    pub fn read(&self, sender: Option<&str>, bytes: &[u8]) -> Reading {
        // The library promises not to panic; no message is worth the process where it does.
        let read = catch_unwind(AssertUnwindSafe(|| self.try_read(sender, bytes)));
        read.unwrap_or_else(|_panic| unreadable(Unreadable::Defeated))
    }

    /// Reads a message of which somebody says that a person wrote it, whatever it looks like.
    pub fn read_as_a_persons(&self, bytes: &[u8]) -> Reading {
        let read = catch_unwind(AssertUnwindSafe(|| {
            let mut reading = self.try_read(None, bytes);
            if let (Kind::Machine(_) | Kind::Receipt(_), Some(message)) =
                (&reading.kind, headers_of(bytes))
            {
                reading.kind = of_person(&message, walk::walk(bytes, &self.bounds).as_ref());
            }
            // Whoever looked at it has seen where it came from, too.
            reading.evidence = Evidence::None;
            reading
        }));
        read.unwrap_or_else(|_panic| unreadable(Unreadable::Defeated))
    }

    /// Does one of these words, in small letters, stand anywhere in a message: as it came, or decoded?
    pub fn speaks_of(&self, bytes: &[u8], needles: &[String]) -> bool {
        let found =
            catch_unwind(AssertUnwindSafe(|| finds::speaks_of(bytes, &self.bounds, needles)));
        // What can't be read is found where it stands openly.
        found.unwrap_or_else(|_panic| finds::stands_in(&String::from_utf8_lossy(bytes), needles))
    }

    fn try_read(&self, sender: Option<&str>, bytes: &[u8]) -> Reading {
        if bytes.len() > self.bounds.size {
            return unreadable(Unreadable::TooLarge);
        }
        let Some(message) = headers_of(bytes) else { return unreadable(Unreadable::NoMail) };
        let walked = walk::walk(bytes, &self.bounds);
        let mut reading = unreadable(Unreadable::Broken);
        reading.message_id = message.message_id().map(str::to_owned);
        reading.evidence = authentication::read(&message, self.authserv_id.as_deref());
        reading.certified = walk::is_envelope(&message);
        reading.kind = machine::receipt(&message)
            .map(Kind::Receipt)
            .or_else(|| machine::machine(&message, sender).map(Kind::Machine))
            .or_else(|| walked.as_ref().ok()?.machine.map(Kind::Machine))
            .unwrap_or_else(|| of_person(&message, walked.as_ref()));
        if reading.kind == Kind::Machine(Machine::Bounce) {
            reading.undelivered = report::undelivered(bytes, self.bounds.parts);
        }
        if let Ok(walked) = &walked {
            reading.language = finds::language(&walked.texts);
        }
        reading
    }
}

fn of_person(message: &Message<'_>, walked: Result<&Walked, &Unreadable>) -> Kind {
    let walked = match walked {
        Ok(walked) => walked,
        Err(why) => return Kind::Unreadable(*why),
    };
    let mut texts = Texts::default();
    texts.extend(message.subject().unwrap_or_default());
    let named = finds::named([&texts, &walked.texts]);
    if !named.codes.is_empty() || !named.addresses.is_empty() {
        Kind::Request(named)
    } else if walked.winmail {
        Kind::Unreadable(Unreadable::WinmailDat)
    } else if walked.broken {
        Kind::Unreadable(Unreadable::Broken)
    } else {
        Kind::NamesNobody
    }
}

fn headers_of(bytes: &[u8]) -> Option<Message<'_>> {
    // Any line is a header to the library.
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut lines = lines.take_while(|line| !line.is_empty());
    lines.find(|line| is_header(line)).and_then(|_| MessageParser::default().parse_headers(bytes))
}

/// Who sent a message, by the header that the last server on its way has written from the envelope; empty for a
/// bounce, `None` where there is no such header.
pub fn return_path(bytes: &[u8]) -> Option<String> {
    let message = headers_of(bytes)?;
    let path = message.header_raw("Return-Path")?.trim();
    path.strip_prefix('<')?.strip_suffix('>').map(str::to_owned)
}

/// Does a line begin with a header's name (RFC 5322, 2.2)?
fn is_header(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let named = name.len() < line.len() && !name.is_empty();
    named && name.iter().all(u8::is_ascii_graphic)
}

fn unreadable(why: Unreadable) -> Reading {
    Reading {
        kind: Kind::Unreadable(why),
        message_id: None,
        language: Language::default(),
        evidence: Evidence::default(),
        certified: false,
        undelivered: None,
    }
}
