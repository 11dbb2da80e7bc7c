//! Texts that may be recorded in the log: reasons, actors and causes.
//!
//! Invariant: the log is kept forever and holders have a right to erasure, so nothing written to it
//! by hand holds an e-mail address or a codice fiscale. Deliberately absent: names of persons,
//! which cannot be distinguished from other words; the help texts ask to leave them out.

mod private;

use std::str::FromStr;

use serde::Deserialize;

const LONGEST_REASON: usize = 500;
const LONGEST_ACTOR: usize = 80;
const LONGEST_CAUSE: usize = 40;

/// Why somebody does something, without personal data that has a recognisable form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Reason(String);

impl Reason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        recordable("a reason", text, LONGEST_REASON).map(Self)
    }
}

impl TryFrom<String> for Reason {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Who acts, as it is recorded.
pub fn actor(text: &str) -> Result<String, String> {
    recordable("an actor", text, LONGEST_ACTOR)
}

/// A short code for a cause, which is counted.
pub fn cause(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=LONGEST_CAUSE).contains(&text.len()) && text.bytes().all(plain) {
        return recordable("a cause", text, LONGEST_CAUSE);
    }
    Err("write 1 to 40 lower-case letters, digits and hyphens, such as not-the-holder".to_owned())
}

fn recordable(what: &str, text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{what} cannot be empty; write a few words"));
    }
    if text.chars().count() > longest {
        return Err(format!("{what} has at most {longest} characters; write a shorter one"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} is one line of plain text; leave control characters out"));
    }
    if let Some(found) = private::found_in(text) {
        return Err(format!(
            "{what} is kept in the log forever and cannot hold {found}; write a file number instead"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_names_a_person_by_address_or_codice_fiscale_is_refused() {
        for (text, found) in [
            ("asked by mario.rossi@posta.example", "e-mail"),
            ("mario@localhost wrote", "e-mail"),
            ("RSSMRA85T10A562S asked", "codice fiscale"),
            ("holder rssmra85t10a562s", "codice fiscale"),
            ("(RSSMRA85T10A562S)", "codice fiscale"),
            ("RSSMRA 85T10 A562S", "codice fiscale"),
            ("with a wrong check character: RSSMRA85T10A562X", "codice fiscale"),
            ("omocodia RSSMRAURTMLARSNL", "codice fiscale"),
        ] {
            let refused = text.parse::<Reason>().expect_err(text);
            assert!(refused.contains(found), "{text}: {refused}");
            assert!(!refused.contains("RSSMRA"), "the refusal repeats it: {refused}");
        }
    }

    #[test]
    fn a_reason_may_speak_of_orders_files_and_times() {
        for text in [
            "court order 77/2015, section 3",
            "the responsible office asked, protocol 2015/03/18-000123",
            "at 9 @ the office",
            "platform restored on 2015-03-18 at 09:00, ticket ABCDEF-123456",
        ] {
            assert_eq!(text.parse::<Reason>().as_ref().map(Reason::as_str), Ok(text));
        }
    }

    #[test]
    fn an_empty_long_or_broken_reason_is_refused() {
        assert!("  ".parse::<Reason>().is_err());
        assert!("x".repeat(501).parse::<Reason>().is_err());
        assert!("two\nlines".parse::<Reason>().is_err());
    }
}
