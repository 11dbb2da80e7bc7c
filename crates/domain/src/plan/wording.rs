//! The text of a notice, with every placeholder filled in but the mailbox's address.
//!
//! Dates and rights come from the plan in force when the notice is sent, so an amendment changes
//! the text for holders who were not notified yet. Deliberately absent: personal data. `{mailbox}`
//! stays in the text until a sender addresses one mailbox.

use chrono::{Datelike, NaiveDate};

use crate::{Capabilities, Capability, Language, NoticeRule, NoticeText, PhaseId, Plan};

/// The placeholder for the address of the mailbox.
pub const MAILBOX: &str = "{mailbox}";

/// A part of a template: literal text, or a placeholder in braces.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    /// An unmatched brace.
    Stray(&'t str),
    Placeholder {
        whole: &'t str,
        placeholder: Result<Placeholder, String>,
    },
}

/// A value to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// The first day of the notice's phase, or of the named one.
    FirstDay(Option<PhaseId>),
    /// The day before it.
    LastDay(Option<PhaseId>),
    /// The capabilities that the phase removes.
    Ends,
    /// The capabilities that the phase allows.
    Stays,
    /// The address for voucher requests.
    Intake,
    /// The mailbox's address.
    Mailbox,
}

const KNOWN: &str = "{first-day}, {first-day:PHASE}, {last-day}, {last-day:PHASE}, {ends}, \
                     {stays}, {intake}, {mailbox}";

impl Placeholder {
    fn parse(inner: &str) -> Result<Self, String> {
        let (name, of) = match inner.split_once(':') {
            Some((name, of)) => (name, Some(of.parse::<PhaseId>()?)),
            None => (inner, None),
        };
        match (name, of) {
            ("first-day", of) => Ok(Self::FirstDay(of)),
            ("last-day", of) => Ok(Self::LastDay(of)),
            ("ends", None) => Ok(Self::Ends),
            ("stays", None) => Ok(Self::Stays),
            ("intake", None) => Ok(Self::Intake),
            ("mailbox", None) => Ok(Self::Mailbox),
            _ => {
                let inner: String = inner.chars().take(60).collect();
                Err(format!("unknown placeholder {{{inner}}}; expected one of {KNOWN}"))
            }
        }
    }
}

/// Splits a template into its pieces.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        let end =
            from.char_indices().skip(1).find(|(_, letter)| matches!(letter, '{' | '}' | '\n'));
        match end {
            Some((end, '}')) if from.starts_with('{') => {
                let (whole, after) = from.split_at(end + 1);
                let inner = whole.trim_start_matches('{').trim_end_matches('}');
                let placeholder = Placeholder::parse(inner);
                pieces.push(Piece::Placeholder { whole, placeholder });
                rest = after;
            }
            _ => {
                let (brace, after) = from.split_at(1);
                pieces.push(Piece::Stray(brace));
                rest = after;
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The text of a notice, complete but for the mailbox's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeWords {
    /// The subject, one line.
    pub subject: String,
    /// The body, lines ending in `\n`.
    pub text: String,
    /// Its languages, in order.
    pub languages: Vec<Language>,
}

impl NoticeRule {
    /// The text of the notice under this plan; `None` if the plan lacks its phase.
    pub fn wording(&self, plan: &Plan) -> Option<NoticeWords> {
        let index = plan.phases.iter().position(|phase| phase.id == self.phase)?;
        let fill = |text: &str, language| filled(text, language, plan, index);
        let subjects: Vec<_> =
            self.texts.iter().map(|text| fill(&text.subject, text.language)).collect();
        let part = |NoticeText { language, text, .. }: &NoticeText| {
            let mut text = fill(text, *language);
            text.push('\n');
            text
        };
        let parts: Vec<_> = self.texts.iter().map(part).collect();
        Some(NoticeWords {
            subject: subjects.join(" / "),
            text: parts.join("\n----------\n\n"),
            languages: self.texts.iter().map(|text| text.language).collect(),
        })
    }
}

fn filled(text: &str, language: Language, plan: &Plan, index: usize) -> String {
    let from = |of: &Option<PhaseId>| match of {
        Some(of) => plan.phase(of).map(|phase| phase.from),
        None => plan.phases.get(index).map(|phase| phase.from),
    };
    let mut filled = String::with_capacity(text.len() * 2);
    for piece in pieces(text) {
        let (whole, value) = match piece {
            Piece::Text(text) | Piece::Stray(text) => (text, None),
            Piece::Placeholder { whole, placeholder } => {
                let value = match placeholder {
                    Ok(Placeholder::FirstDay(of)) => from(&of).map(|day| date(day, language)),
                    Ok(Placeholder::LastDay(of)) => {
                        from(&of).and_then(|day| day.pred_opt()).map(|day| date(day, language))
                    }
                    Ok(Placeholder::Ends) => Some(words(plan.removes(index), language)),
                    Ok(Placeholder::Stays) => {
                        let allows = plan.phases.get(index).map(|phase| phase.allows);
                        Some(words(allows.unwrap_or_default(), language))
                    }
                    Ok(Placeholder::Intake) => {
                        plan.vouchers.as_ref().map(|rules| rules.intake.clone())
                    }
                    // Parsing the plan rejected every unknown placeholder.
                    Ok(Placeholder::Mailbox) | Err(_) => None,
                };
                (whole, value)
            }
        };
        filled.push_str(value.as_deref().unwrap_or(whole));
    }
    filled
}

/// A date in the form of the language.
fn date(day: NaiveDate, language: Language) -> String {
    let months = match language {
        Language::It => {
            "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre \
             dicembre"
        }
        Language::En => {
            "January February March April May June July August September October November December"
        }
    };
    let month = usize::try_from(day.month0()).ok().and_then(|nth| months.split(' ').nth(nth));
    let (day, month, year) = (day.day(), month.unwrap_or_default(), day.year());
    let first = if day == 1 && language == Language::It { "º" } else { "" };
    format!("{day}{first} {month} {year}")
}

/// Capabilities in a holder's words, as a list within a sentence.
fn words(rights: Capabilities, language: Language) -> String {
    let (last, none) = match language {
        Language::It => (" e ", "nulla"),
        Language::En => (" and ", "nothing"),
    };
    let words: Vec<_> = rights.iter().map(|right| word(right, language)).collect();
    match words.split_last() {
        None => none.to_owned(),
        Some((only, [])) => (*only).to_owned(),
        Some((end, before)) => format!("{}{last}{end}", before.join(", ")),
    }
}

fn word(right: Capability, language: Language) -> &'static str {
    match (right, language) {
        (Capability::Activate, Language::It) => "attivare la casella",
        (Capability::Activate, Language::En) => "activating the mailbox",
        (Capability::Send, Language::It) => "inviare messaggi",
        (Capability::Send, Language::En) => "sending messages",
        (Capability::Modify, Language::It) => "modificare il contenuto della casella",
        (Capability::Modify, Language::En) => "changing the content of the mailbox",
        (Capability::Receive, Language::It) => "ricevere messaggi",
        (Capability::Receive, Language::En) => "receiving messages",
        (Capability::Access, Language::It) => {
            "accedere alla casella per leggere e salvare i messaggi"
        }
        (Capability::Access, Language::En) => "logging in to read and save messages",
        (Capability::RequestLogs, Language::It) => "chiedere i log dei propri messaggi",
        (Capability::RequestLogs, Language::En) => "requesting the logs of one's messages",
        (Capability::RequestVoucher, Language::It) => "chiedere il voucher per una PEC",
        (Capability::RequestVoucher, Language::En) => {
            "requesting the voucher for a certified mailbox"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_date_has_the_form_of_its_language() {
        for (written, it, en) in [
            ("2015-03-18", "18 marzo 2015", "18 March 2015"),
            ("2015-03-01", "1º marzo 2015", "1 March 2015"),
            ("2014-12-31", "31 dicembre 2014", "31 December 2014"),
        ] {
            assert_eq!(date(day(written), Language::It), it);
            assert_eq!(date(day(written), Language::En), en);
        }
    }

    #[test]
    fn capabilities_form_a_list_within_a_sentence() {
        let rights = [Capability::Send, Capability::Receive, Capability::RequestVoucher];
        let rights: Capabilities = rights.into_iter().collect();
        assert_eq!(
            words(rights, Language::It),
            "inviare messaggi, ricevere messaggi e chiedere il voucher per una PEC"
        );
        assert_eq!(words(Capability::Send.into(), Language::En), "sending messages");
        assert_eq!(words(Capabilities::NONE, Language::It), "nulla");
    }

    #[test]
    fn a_template_is_split_and_unknown_placeholders_are_named() {
        let taken = pieces("from {first-day} to {last-day:ended}{x} } {a\nb}");
        let written = |whole, placeholder| Piece::Placeholder { whole, placeholder };
        let unknown = Err(format!("unknown placeholder {{x}}; expected one of {KNOWN}"));
        let ended = Placeholder::LastDay(Some("ended".parse().expect("a phase")));
        assert_eq!(
            taken,
            [
                Piece::Text("from "),
                written("{first-day}", Ok(Placeholder::FirstDay(None))),
                Piece::Text(" to "),
                written("{last-day:ended}", Ok(ended)),
                Piece::Text(""),
                written("{x}", unknown),
                Piece::Text(" "),
                Piece::Stray("}"),
                Piece::Text(" "),
                Piece::Stray("{"),
                Piece::Text("a\nb"),
                Piece::Stray("}"),
                Piece::Text(""),
            ]
        );
    }
}
