//! What a mail server says to whoever may no longer do something.
//!
//! Invariant: a refusal is one line of printable ASCII that fits an SMTP reply beside the longest address. Mail
//! servers answer in ASCII (RFC 5321, 4.2; RFC 3501, 9) and a sender's provider copies the line into the receipt
//! that it owes its user, so an accent would arrive as a question mark, or not at all.
//! Deliberately absent: dates and names, which an amendment or a mailbox would make wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reply is 512 bytes at most (RFC 5321, 4.5.3.1.5), and an address 254 of them; a mail server's own words, the codes
/// and the line's end take the rest.
pub(super) const LONGEST_LINE: usize = 200;

/// What stands between the same text in two languages.
const BETWEEN: &str = " / ";

/// What mail servers say where a right has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// To one who sends.
    pub send: Refusal,
    /// To one who writes to a mailbox.
    pub receive: Refusal,
    /// To one who logs in, with the right password. IMAP and POP3 know no status, so there is only the text.
    pub access: Wording,
}

/// What an SMTP server answers, behind a 550.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, in a code that programs understand.
    pub status: EnhancedStatus,
    /// Why, in words.
    pub wording: Wording,
}

/// The same sentence in one language or several, in the order of the plan.
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
/// Never one of a transient failure: the sender's provider would try for days and tell nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnhancedStatus(String);

impl Default for Refusals {
    /// What is said where the plan says nothing.
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
    /// Does the plan say nothing of its own?
    pub(super) fn are_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Wording {
    /// All languages on one line, as a mail server says it.
    pub fn line(&self) -> String {
        let texts: Vec<&str> = self.0.iter().map(|sentence| sentence.text.as_str()).collect();
        texts.join(BETWEEN)
    }
}

impl EnhancedStatus {
    /// The code as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<EnhancedStatus> for String {
    fn from(status: EnhancedStatus) -> Self {
        status.0
    }
}

impl TryFrom<String> for EnhancedStatus {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |part: &str| {
            let plain = part.bytes().all(|byte| byte.is_ascii_digit());
            let short = matches!(part.len(), 1..=3) && (part.len() == 1 || !part.starts_with('0'));
            plain && short
        };
        let parts: Vec<&str> = text.split('.').collect();
        match parts.as_slice() {
            ["5", subject, detail] if number(subject) && number(detail) => Ok(Self(text)),
            ["2" | "4", _, _] => Err(format!(
                "status = {text:?} is not final, and the sender would be tried again instead of told; write \
                 one that starts with 5, for example \"5.7.1\""
            )),
            _ => Err(format!(
                "status can't be {:?}; write an enhanced status code such as \"5.7.1\" (RFC 3463)",
                text.chars().take(20).collect::<String>()
            )),
        }
    }
}

/// A sentence as mail servers can say it, or what would be right.
pub(super) fn sayable(language: &str, text: &str) -> Result<(), String> {
    let Some(strange) = text.chars().find(|letter| !matches!(letter, ' '..='~')) else {
        return Ok(());
    };
    Err(format!(
        "{language} holds {strange:?}, and mail servers answer in plain ASCII; write for example e' for \u{e8}"
    ))
}
