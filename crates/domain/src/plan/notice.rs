//! Notices of a plan: which phase they announce, to whom, when and with which text.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::PhaseId;
use crate::{Plan, first_instant};

/// A notice: an e-mail that announces a phase, sent once per mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRule {
    /// Its name in events and on the command line.
    pub id: PhaseId,
    /// The phase that it announces. The notice is not sent once that phase has begun.
    pub phase: PhaseId,
    /// Civil days before the phase's first day on which sending starts.
    pub days_before: u32,
    /// When a batch is released (same form as [`Recurring::cron`](crate::Recurring)).
    pub cron: String,
    /// Maximum mailboxes per batch.
    pub batch: u32,
    /// The audience.
    pub to: Audience,
    /// Its texts. Holders' languages are unknown, so one message holds all texts in this order.
    pub texts: Vec<NoticeText>,
}

/// The audience of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Holders who lose a capability by the phase and are not exempted by a hold.
    Losing,
    /// Holders of active mailboxes.
    Active,
    /// Holders of registered mailboxes that were not withdrawn.
    Registered,
}

/// The languages in which dates and capabilities can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Italian.
    It,
    /// English.
    En,
}

/// The text of a notice in one language, with placeholders such as `{first-day}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeText {
    /// The language.
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

    /// The instant from which it goes out, and the one from which it does not any more: the start
    /// of the phase.
    pub fn window(&self, plan: &Plan) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let phase = plan.phase(&self.phase)?;
        Some((
            first_instant(self.first_day(plan)?, plan.zone),
            first_instant(phase.from, plan.zone),
        ))
    }
}

impl Plan {
    /// The notice with this id.
    pub fn notice(&self, id: &PhaseId) -> Option<&NoticeRule> {
        self.notices.iter().find(|rule| rule.id == *id)
    }
}
