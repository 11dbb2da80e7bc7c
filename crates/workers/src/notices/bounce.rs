//! What comes back: a delivery status notification (RFC 3464), read for whose notice it speaks of and why.

use domain::{PhaseId, ProgrammeId};
use mail_parser::{Message, MessageParser, MimeHeaders};

use super::letter::{ReturnPath, read_message_id};
use super::smtp::is_enhanced;

/// A notice that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// The notice.
    pub notice: PhaseId,
    /// The mailbox's number.
    pub number: u32,
    /// Why: the report's enhanced status code, e.g. `5.1.1`.
    pub cause: String,
}

/// Why a message is no bounce of a notice; a sentence without anything from the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBounce {
    /// It can't be read at all.
    #[error("this is no e-mail; give the whole message with its headers")]
    NotMail,
    /// It is an ordinary message, or an answer by machine.
    #[error("this message reports no delivery (RFC 3464); nothing is recorded")]
    NoReport,
    /// It says that the notice was delivered, or is only late.
    #[error(
        "this report says that the notice was delivered or is late, not that it failed; nothing is recorded"
    )]
    NotFailed,
    /// Neither its address nor what it returns names a notice of the programme.
    #[error("this report is about no notice of this programme; nothing is recorded")]
    NotOurs,
}

/// Reads a bounce.
pub fn read_bounce(bytes: &[u8], programme: &ProgrammeId) -> Result<Bounce, NoBounce> {
    let message = MessageParser::default().parse(bytes).ok_or(NoBounce::NotMail)?;
    let report = message.parts.iter().find(|part| {
        part.is_content_type("message", "delivery-status")
            || part.is_content_type("message", "global-delivery-status")
    });
    let report = report.and_then(|part| part.text_contents()).ok_or(NoBounce::NoReport)?;
    let cause = failure(report)?;
    let (notice, number) =
        returned_to(&message).or_else(|| returned(&message, programme)).ok_or(NoBounce::NotOurs)?;
    Ok(Bounce { notice, number, cause })
}

/// The status of the first recipient that failed: fields in groups, one for each recipient.
fn failure(report: &str) -> Result<String, NoBounce> {
    let (mut action, mut status, mut reported) = (None, None, false);
    for line in report.lines().chain([""]) {
        if line.trim().is_empty() {
            if action.as_deref() == Some("failed") {
                let status = status.filter(|status: &String| is_enhanced(status));
                return Ok(status.unwrap_or_else(|| "5.0.0".to_owned()));
            }
            reported |= action.is_some();
            (action, status) = (None, None);
        } else if let Some((name, value)) = line.split_once(':') {
            let word = value.split_whitespace().next().unwrap_or_default();
            if name.eq_ignore_ascii_case("action") {
                action = Some(word.to_ascii_lowercase());
            } else if name.eq_ignore_ascii_case("status") {
                status = Some(word.to_owned());
            }
        }
    }
    Err(if reported { NoBounce::NotFailed } else { NoBounce::NoReport })
}

/// By the address that the report was sent to.
fn returned_to(message: &Message<'_>) -> Option<(PhaseId, u32)> {
    let to = message.all_to().flat_map(|to| to.iter()).filter_map(|address| address.address());
    let stamped = ["Delivered-To", "X-Original-To", "Envelope-To"];
    let stamped = stamped.iter().filter_map(|name| message.header_raw(*name));
    to.chain(stamped).find_map(|address| ReturnPath::read(address.trim().trim_matches(['<', '>'])))
}

/// By the Message-ID of the letter that it gives back, whole or its headers alone.
fn returned(message: &Message<'_>, programme: &ProgrammeId) -> Option<(PhaseId, u32)> {
    message.parts.iter().find_map(|part| {
        if let Some(letter) = part.message() {
            return read_message_id(letter.message_id()?, programme);
        }
        let headers = part.is_content_type("text", "rfc822-headers")
            || part.is_content_type("message", "global-headers");
        let headers = part.text_contents().filter(|_| headers)?;
        let letter = MessageParser::default().parse_headers(headers.as_bytes())?;
        read_message_id(letter.message_id()?, programme)
    })
}
