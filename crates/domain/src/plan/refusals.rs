//! The wording of mail servers' refusals once a capability has ended.
//!
//! Invariant: a refusal is one line of printable ASCII that fits an SMTP reply beside the longest
//! address. Mail servers answer in ASCII (RFC 5321, 4.2; RFC 3501, 9), and the sender's provider
//! copies the line into a delivery report, where other characters would be lost. Deliberately
//! absent: dates and names, which an amendment or another mailbox would make wrong.

use serde::{Deserialize, Serialize};

/// A reply has at most 512 bytes (RFC 5321, 4.5.3.1.5). An address may take 254 of them; the
/// server's own words, the codes and the line end take the rest.
pub(super) const LONGEST_LINE: usize = 200;

/// The separator between two languages.
const BETWEEN: &str = " / ";

/// The refusals of mail servers once a capability has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// For the mailbox as sender.
    pub send: Refusal,
    /// For the mailbox as recipient.
    pub receive: Refusal,
    /// For a login with the correct password. IMAP and POP3 have no status codes, so there is only
    /// text.
    pub access: Wording,
}

/// The answer of an SMTP server after the reply code 550.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The enhanced status code.
    pub status: EnhancedStatus,
    /// The text.
    pub wording: Wording,
}

/// One sentence in one or more languages, in the order of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording(pub Vec<Sentence>);

/// A sentence and its language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// Two lower-case letters of ISO 639-1, e.g. `it`.
    pub language: String,
    /// One line of printable ASCII.
    pub text: String,
}

/// An enhanced status code of a permanent failure, e.g. `5.7.1` (RFC 3463).
///
/// Transient codes are invalid: the sender's provider would retry for days without a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnhancedStatus(String);

impl Default for Refusals {
    /// The refusals of a plan without a section `[refusals]`.
    fn default() -> Self {
        let wording = |text: &str| {
            Wording(vec![Sentence { language: "en".to_owned(), text: text.to_owned() }])
        };
        let refusal = |status: &str, text: &str| Refusal {
            status: EnhancedStatus(status.to_owned()),
            wording: wording(text),
        };
        Self {
            send: refusal("5.7.1", "this mailbox can no longer send"),
            receive: refusal("5.2.1", "this mailbox can no longer receive"),
            access: wording("this mailbox is closed"),
        }
    }
}

impl Refusals {
    /// Are they the defaults?
    pub(super) fn are_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Wording {
    /// All languages on one line.
    pub fn line(&self) -> String {
        let texts: Vec<&str> = self.0.iter().map(|sentence| sentence.text.as_str()).collect();
        texts.join(BETWEEN)
    }
}

text_type!(EnhancedStatus, |text| {
    let number = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_digit());
        let short = matches!(part.len(), 1..=3) && (part.len() == 1 || !part.starts_with('0'));
        plain && short
    };
    let parts: Vec<&str> = text.split('.').collect();
    match parts.as_slice() {
        ["5", subject, detail] if number(subject) && number(detail) => Ok(text),
        ["2" | "4", _, _] => Err(format!(
            "status = {text:?} is not permanent, so senders would retry; write a code that \
             starts with 5, for example \"5.7.1\""
        )),
        _ => Err(format!(
            "invalid status {:?}; write an enhanced status code such as \"5.7.1\" (RFC 3463)",
            text.chars().take(20).collect::<String>()
        )),
    }
});

/// Rejects characters that mail servers cannot send.
pub(super) fn check_ascii(language: &str, text: &str) -> Result<(), String> {
    let Some(strange) = text.chars().find(|letter| !matches!(letter, ' '..='~')) else {
        return Ok(());
    };
    Err(format!(
        "{language} contains {strange:?}, but mail servers answer in ASCII; write for example e' \
         for \u{e8}"
    ))
}
