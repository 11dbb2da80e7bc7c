//! What a message is: from its bytes to a request, an automatic message or an error.
//!
//! Invariants: any bytes are read in bounded time and memory, and never cause a panic; identifiers
//! in a message are claims, not proof. Deliberately absent: I/O, and whether a person exists.

mod digest;
mod identifiers;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::CodiceFiscale;
use mail::{Authentication, Automatic, Bounds, DeliveryReport, Headers, TextError, Texts};

pub(crate) use digest::digest;

/// How messages are read.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// How much of a message is read.
    pub bounds: Bounds,
    /// The authserv-id of our own mail servers (RFC 8601, 2.5); authentication results under any
    /// other are ignored.
    pub authserv_id: Option<String>,
}

/// A message that was read. It has no `Debug` form: it is personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it is.
    pub kind: Kind,
    /// Its Message-ID, without brackets.
    pub message_id: Option<String>,
    /// The language of the reply.
    pub language: Language,
    /// The authentication of its sender by our mail servers.
    pub authentication: Authentication,
    /// Is it in a certified-mail envelope? The envelope's signature is not verified.
    pub certified: bool,
    /// The Message-ID, without brackets, of the message that could not be delivered, if this is a
    /// report of a failed delivery (RFC 3464).
    pub undelivered: Option<String>,
}

/// What a message is.
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    /// A request that names these.
    Request(Identifiers),
    /// A person wrote it, without any identifier.
    NoIdentifier,
    /// An automatic message: no reply is sent.
    Automatic(Automatic),
    /// A receipt of a certified-mail provider.
    Receipt,
    /// It can't be read.
    Unreadable(Unreadable),
}

/// Identifiers of holders in a request. No `Debug` form: they are personal data.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Identifiers {
    /// Codici fiscali with a correct check character, each once.
    pub codes: Vec<CodiceFiscale>,
    /// E-mail addresses in lower case, each once.
    pub addresses: Vec<String>,
}

/// Why a message can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Larger than the bound.
    TooLarge,
    /// It has no headers.
    NoMail,
    /// Nested deeper than the bound.
    TooDeep,
    /// More parts than the bound.
    TooManyParts,
    /// Its text is in a `winmail.dat` (TNEF).
    WinmailDat,
    /// An encoding or an envelope is broken, and the rest holds no identifier.
    Broken,
    /// The MIME library panicked.
    Panicked,
}

/// A language of replies.
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
            Self::NoIdentifier => "no-identifier",
            Self::Automatic(automatic) => automatic.code(),
            Self::Receipt => "receipt",
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
            Self::Panicked => "not-readable",
        }
    }
}

impl From<TextError> for Unreadable {
    fn from(error: TextError) -> Self {
        match error {
            TextError::TooDeep => Self::TooDeep,
            TextError::TooManyParts => Self::TooManyParts,
        }
    }
}

impl Reader {
    /// Reads a message. `sender` is the envelope's; `""` is the null sender of bounces, `None` an
    /// unknown one.
    pub fn read(&self, sender: Option<&str>, bytes: &[u8]) -> Reading {
        guarded(|| self.try_read(sender, bytes))
    }

    /// Reads a message that an operator released as written by a person, whatever its headers.
    pub fn read_as_personal(&self, bytes: &[u8]) -> Reading {
        guarded(|| {
            let mut reading = self.try_read(None, bytes);
            if let (Kind::Automatic(_) | Kind::Receipt, Some(headers)) =
                (&reading.kind, Headers::parse(bytes))
            {
                let texts = mail::extract(bytes, &self.bounds);
                reading.kind = personal(&headers, texts.as_ref());
            }
            // The operator has checked where it came from.
            reading.authentication = Authentication::None;
            reading
        })
    }

    /// Does a message contain one of these search terms (in lower case), raw or decoded?
    pub fn contains_any(&self, bytes: &[u8], terms: &[String]) -> bool {
        let found = catch_unwind(AssertUnwindSafe(|| {
            identifiers::contains_any(bytes, &self.bounds, terms)
        }));
        // A message that can't be read is still searched as raw text.
        found.unwrap_or_else(|_panic| {
            identifiers::text_contains(&String::from_utf8_lossy(bytes), terms)
        })
    }

    fn try_read(&self, sender: Option<&str>, bytes: &[u8]) -> Reading {
        if bytes.len() > self.bounds.size {
            return unreadable(Unreadable::TooLarge);
        }
        let Some(headers) = Headers::parse(bytes) else { return unreadable(Unreadable::NoMail) };
        let texts = mail::extract(bytes, &self.bounds);
        let mut reading = unreadable(Unreadable::Broken);
        reading.message_id = headers.message_id().map(str::to_owned);
        reading.authentication = Authentication::of(&headers, self.authserv_id.as_deref());
        reading.certified = mail::is_envelope(&headers);
        reading.kind = mail::is_receipt(&headers)
            .then_some(Kind::Receipt)
            .or_else(|| Automatic::of(&headers, sender).map(Kind::Automatic))
            .or_else(|| texts.as_ref().ok()?.automatic.map(Kind::Automatic))
            .unwrap_or_else(|| personal(&headers, texts.as_ref()));
        if reading.kind == Kind::Automatic(Automatic::Bounce) {
            let report = DeliveryReport::parse(bytes, self.bounds.parts).ok();
            let failed = report.filter(|report| report.failure.is_some());
            reading.undelivered = failed.and_then(|report| report.message_id);
        }
        if let Ok(texts) = &texts {
            reading.language = identifiers::language(&texts.texts);
        }
        reading
    }
}

fn personal(headers: &Headers<'_>, texts: Result<&Texts, &TextError>) -> Kind {
    let texts = match texts {
        Ok(texts) => texts,
        Err(error) => return Kind::Unreadable((*error).into()),
    };
    let all = std::iter::once(headers.subject()).chain(texts.texts.iter().map(String::as_str));
    let found = identifiers::find(all);
    if !found.codes.is_empty() || !found.addresses.is_empty() {
        Kind::Request(found)
    } else if texts.winmail {
        Kind::Unreadable(Unreadable::WinmailDat)
    } else if texts.broken {
        Kind::Unreadable(Unreadable::Broken)
    } else {
        Kind::NoIdentifier
    }
}

/// The library promises not to panic; a message must not end the process if it does.
fn guarded(read: impl FnOnce() -> Reading) -> Reading {
    let read = catch_unwind(AssertUnwindSafe(read));
    read.unwrap_or_else(|_panic| unreadable(Unreadable::Panicked))
}

fn unreadable(why: Unreadable) -> Reading {
    Reading {
        kind: Kind::Unreadable(why),
        message_id: None,
        language: Language::default(),
        authentication: Authentication::default(),
        certified: false,
        undelivered: None,
    }
}
