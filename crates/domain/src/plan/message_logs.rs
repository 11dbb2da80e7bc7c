//! The section `[message-logs]`: how long links of extracts last, and when those that are over are ended.

use serde::{Deserialize, Serialize};

use super::PhaseId;
use super::keys::{LINK_DAYS, SWEEP};
use super::parse::cron_shape;
use super::reader::Reader;
use super::section::Section;

/// Days that a link lasts: time for a holidaymaker, and no longer than needed for what it opens.
const USUAL_LINK_DAYS: u32 = 30;

/// How extracts of the log of messages are handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLogRules {
    /// How many days of 24 hours a link lasts from when its extract was prepared.
    pub link_days: u32,
    /// When links that are over are ended and their extracts deleted, as a cron expression with seconds in the
    /// plan's zone; where absent, an operator does it. What was missed is made up for once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<String>,
}

impl Default for MessageLogRules {
    fn default() -> Self {
        Self { link_days: USUAL_LINK_DAYS, sweep: None }
    }
}

impl MessageLogRules {
    /// The name under which occurrences of its sweep are recorded.
    pub fn recurring_name() -> PhaseId {
        PhaseId("message-logs".to_owned())
    }
}

/// The section, as far as the checks between sections look at it.
pub(super) struct DraftMessageLogs {
    pub(super) line: usize,
    pub(super) swept: bool,
    pub(super) rules: Option<MessageLogRules>,
}

pub(super) fn draft<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> DraftMessageLogs {
    let line = section.line;
    let link_days = section.number(reader, LINK_DAYS, 1..=90, USUAL_LINK_DAYS);
    let swept = section.has(SWEEP);
    let sweep = swept.then(|| section.parsed(reader, SWEEP, cron_shape));
    section.finish(reader);
    let rules = || {
        let sweep = match sweep {
            Some(sweep) => Some(sweep?.value),
            None => None,
        };
        Some(MessageLogRules { link_days: link_days?.value, sweep })
    };
    DraftMessageLogs { line, swept, rules: rules() }
}
