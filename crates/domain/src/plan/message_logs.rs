//! The section `[message-logs]`: validity and expiry of the links of message-log exports.

use serde::{Deserialize, Serialize};

use super::PhaseId;
use super::parse::{SWEEP, cron_shape, part};
use super::reader::Reader;
use super::section::{Key, Section};

/// Default validity of a link in days: long enough for a holiday, short enough for personal data.
const DEFAULT_LINK_DAYS: u32 = 30;

/// The rules for message-log exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLogRules {
    /// Validity of a link from the preparation of its export, in days of 24 hours.
    pub link_days: u32,
    /// When expired links and their exports are deleted, as a cron expression with seconds in the
    /// plan's zone; if absent, an operator does it. Missed occurrences are caught up once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<String>,
}

impl Default for MessageLogRules {
    fn default() -> Self {
        Self { link_days: DEFAULT_LINK_DAYS, sweep: None }
    }
}

impl MessageLogRules {
    /// The name of its recurring link expiry.
    pub fn recurring_name() -> PhaseId {
        PhaseId("message-logs".to_owned())
    }
}

/// The parts of the section that the checks between sections need.
pub(super) struct DraftMessageLogs {
    pub(super) line: usize,
    pub(super) swept: bool,
    pub(super) rules: Option<MessageLogRules>,
}

pub(super) fn draft<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> DraftMessageLogs {
    let line = section.line;
    let link_days = section.number(reader, Key("link-days", "30"), 1..=90, DEFAULT_LINK_DAYS);
    let swept = section.has(SWEEP);
    let sweep = swept.then(|| section.parsed(reader, SWEEP, cron_shape));
    section.finish(reader);
    let rules = || {
        let sweep = part(sweep)?.map(|sweep| sweep.value);
        Some(MessageLogRules { link_days: link_days?.value, sweep })
    };
    DraftMessageLogs { line, swept, rules: rules() }
}
