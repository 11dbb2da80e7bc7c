//! One notice as a letter: whom it goes to, what its envelope and headers say.
//!
//! Invariant: programme, notice and mailbox alone make the Message-ID and the return path, so that a letter
//! that is handed over again is the same letter, and what comes back of it says whose it was.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use domain::{MAILBOX, MailboxId, PhaseId, ProgrammeId};
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};

use super::mailer::{Contact, Errand};

/// The address that notices come from, and from which the address for returns is made: what comes back of a
/// notice goes to `NAME+NOTICE.NUMBER@DOMAIN`, which says of whom it speaks.
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnPath(Address);

/// The longest local part of an address (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL_PART: usize = 64;

impl ReturnPath {
    /// The address as it is written.
    pub fn address(&self) -> &Address {
        &self.0
    }

    /// Where what comes back of this mailbox's notice goes.
    pub(super) fn of(&self, notice: &PhaseId, number: u32) -> Result<Address, String> {
        let local = format!("{}+{notice}.{number}", self.0.user());
        if local.len() > LONGEST_LOCAL_PART {
            return Err("return-path-too-long".to_owned());
        }
        Address::new(local, self.0.domain()).map_err(|_form| "return-path-malformed".to_owned())
    }

    /// The notice and the mailbox's number that an address for returns speaks of, whatever its name is.
    pub(super) fn read(address: &str) -> Option<(PhaseId, u32)> {
        let (local, _) = address.rsplit_once('@')?;
        let (_, tag) = local.split_once('+')?;
        let (notice, number) = tag.rsplit_once('.')?;
        // An address's capitals are lost on the way.
        Some((notice.to_ascii_lowercase().parse().ok()?, number.parse().ok()?))
    }
}

impl FromStr for ReturnPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse::<Address>().ok().filter(|address| address.user().is_ascii());
        let plain = |address: &Address| !address.user().contains('+');
        address.filter(plain).map(Self).ok_or_else(|| {
            "that is no address that returns can be made from; write NAME@DOMAIN, without a +"
                .to_owned()
        })
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReturnPath({self})")
    }
}

/// A letter that is ready to be handed over. No `Debug` form: it is addressed.
pub(super) struct Letter {
    pub(super) number: u32,
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) bytes: Vec<u8>,
}

/// The Message-ID of a mailbox's notice, without its brackets.
pub(super) fn message_id(
    programme: &ProgrammeId,
    notice: &PhaseId,
    number: u32,
    domain: &str,
) -> String {
    format!("{}.{notice}.{programme}@{domain}", MailboxId::new(programme, number))
}

/// The notice and the number that a Message-ID speaks of, if it is one of the programme's.
pub(super) fn read_message_id(id: &str, programme: &ProgrammeId) -> Option<(PhaseId, u32)> {
    let (local, _) = id.trim_matches(['<', '>', ' ']).rsplit_once('@')?;
    let mut parts = local.split('.');
    let (mailbox, notice, theirs) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || theirs != programme.as_str() {
        return None;
    }
    let mailbox: MailboxId = mailbox.parse().ok()?;
    Some((notice.parse().ok()?, mailbox.number(programme)?))
}

/// Writes the letter to one holder. The error is a short code: why there is nobody to write to.
pub(super) fn write(
    errand: &Errand<'_>,
    from: &ReturnPath,
    contact: &Contact,
) -> Result<Letter, String> {
    let number = contact.number;
    // Four in five never opened their mailbox: the address they named for notices is where they read.
    let own = || errand.receiving.contains(number).then_some(contact.address.as_str());
    let to = contact.notify.as_deref().or_else(own).ok_or("no-address")?;
    let to: Address = to.parse().map_err(|_form| "malformed-address".to_owned())?;
    if !to.user().is_ascii() || !to.domain().is_ascii() {
        return Err("address-not-ascii".to_owned());
    }
    let (programme, notice) = (errand.programme, errand.notice);
    let id = message_id(programme, notice, number, from.0.domain());
    let languages: Vec<_> = errand.wording.languages.iter().map(|one| one.tag()).collect();
    let header = |name, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
    };
    let message = Message::builder()
        .from(Mailbox::new(None, from.0.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(errand.wording.subject.replace(MAILBOX, &contact.address))
        .date(SystemTime::from(errand.dated))
        .message_id(Some(format!("<{id}>")))
        // Whoever answers by machine is asked not to (RFC 3834).
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("Precedence", "bulk"))
        .raw_header(header("Content-Language", &languages.join(", ")))
        .header(ContentType::TEXT_PLAIN)
        .body(errand.wording.text.replace(MAILBOX, &contact.address))
        .map_err(|_form| "letter-malformed".to_owned())?;
    Ok(Letter { number, from: from.of(notice, number)?, to, bytes: message.formatted() })
}
