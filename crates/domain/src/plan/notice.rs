//! How a plan announces a phase to the holders, and to whom.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::PhaseId;
use crate::{Plan, first_instant};

/// An announcement of a phase by e-mail: each mailbox concerned is told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRule {
    /// Its name in events and on the command line.
    pub id: PhaseId,
    /// The phase that it announces. Once that has begun, it goes to nobody any more.
    pub phase: PhaseId,
    /// It goes out from so many civil days before the phase's first day.
    pub days_before: u32,
    /// Its pace: at each occurrence one batch goes out (as [`Recurring::cron`](crate::Recurring)).
    pub cron: String,
    /// How many mailboxes are told at one occurrence at most.
    pub batch: u32,
    /// Who is told.
    pub to: Audience,
    /// Its text in each language. Nobody's language is known: one message holds them all, in this order.
    pub texts: Vec<NoticeText>,
}

/// Who is told by a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Those who lose something by the phase and are not kept from it by a hold.
    Losing,
    /// All with a working mailbox, whatever it may still do.
    Active,
    /// All who asked for a mailbox and did not give it up.
    Registered,
}

/// The languages whose dates and words are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Italian.
    It,
    /// English.
    En,
}

/// What a notice says in one language, with placeholders such as `{first-day}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeText {
    /// In which language.
    pub language: Language,
    /// The subject, one line.
    pub subject: String,
    /// The text, lines and paragraphs.
    pub text: String,
}

impl Language {
    /// Its tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::It => "it",
            Self::En => "en",
        }
    }
}

impl NoticeRule {
    /// The civil day from which it goes out.
    pub fn first_day(&self, plan: &Plan) -> Option<NaiveDate> {
        plan.phase(&self.phase)?.from.checked_sub_days(Days::new(u64::from(self.days_before)))
    }

    /// The instant from which it goes out, and the one from which it does not any more: the start of the
    /// phase.
    pub fn window(&self, plan: &Plan) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let phase = plan.phase(&self.phase)?;
        Some((
            first_instant(self.first_day(plan)?, plan.zone),
            first_instant(phase.from, plan.zone),
        ))
    }
}

impl Plan {
    /// The notice of that name.
    pub fn notice(&self, id: &PhaseId) -> Option<&NoticeRule> {
        self.notices.iter().find(|rule| rule.id == *id)
    }
}
