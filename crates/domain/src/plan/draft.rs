//! A partially parsed plan: a problem in one part does not stop the checks of the others.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::message_logs::DraftMessageLogs;
use super::notice_section::DraftNotice;
use super::reader::At;
use crate::{Capabilities, Capability, Phase, PhaseId, Recurring, VoucherRules};

/// The parts that the checks between sections need. `None` is a part with a problem of its own.
pub(super) struct Draft {
    pub(super) zone: Option<At<Tz>>,
    pub(super) in_service: Option<DraftService>,
    pub(super) phases: Option<Vec<DraftPhase>>,
    /// `None` if the plan has no section `[vouchers]`.
    pub(super) vouchers: Option<DraftVouchers>,
    /// `None` if the plan has no section `[message-logs]`.
    pub(super) message_logs: Option<DraftMessageLogs>,
    pub(super) recurring: Option<Vec<DraftRecurring>>,
    /// Does the plan have a section `[drift]`?
    pub(super) compares: bool,
    pub(super) notices: Option<Vec<DraftNotice>>,
}

/// The section `[in-service]`.
pub(super) struct DraftService {
    pub(super) allows: Option<Vec<At<Capability>>>,
    pub(super) sources: Option<Vec<String>>,
}

/// A section `[[phase]]`.
pub(super) struct DraftPhase {
    pub(super) line: usize,
    pub(super) id: Option<At<PhaseId>>,
    pub(super) title: Option<String>,
    pub(super) from: Option<At<NaiveDate>>,
    pub(super) allows: Option<Vec<At<Capability>>>,
    pub(super) restores: Option<At<bool>>,
    pub(super) sources: Option<Vec<String>>,
}

/// The section `[vouchers]`.
pub(super) struct DraftVouchers {
    pub(super) line: usize,
    pub(super) last_day: Option<At<NaiveDate>>,
    pub(super) redeem_by: Option<At<NaiveDate>>,
    /// Does the section schedule expiry?
    pub(super) swept: bool,
    /// Does the section schedule reminders?
    pub(super) reminds: bool,
    /// Days before the first reminder, if it does.
    pub(super) remind_after: Option<At<u32>>,
    pub(super) rules: Option<VoucherRules>,
}

/// A section `[[recurring]]`.
pub(super) struct DraftRecurring {
    pub(super) name: Option<At<PhaseId>>,
    pub(super) rule: Option<Recurring>,
}

impl DraftPhase {
    /// Its id for messages.
    pub(super) fn name(&self) -> &str {
        self.id.as_ref().map_or("without an id", |id| id.value.as_str())
    }

    pub(super) fn finish(self) -> Option<Phase> {
        Some(Phase {
            id: self.id?.value,
            title: self.title?,
            from: self.from?.value,
            allows: set(&self.allows?),
            restores: self.restores?.value,
            sources: self.sources?,
        })
    }
}

pub(super) fn set(allowed: &[At<Capability>]) -> Capabilities {
    allowed.iter().map(|allowed| allowed.value).collect()
}
