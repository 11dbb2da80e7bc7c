//! What is left of the mail logs.

use archive::Remaining;

use crate::Error;
use crate::store::{Store, holder};

/// What is left of the mail logs, and for how many holds.
pub struct MailLogsLeft {
    /// What is left.
    pub remaining: Remaining,
    /// How many mailboxes are under a hold.
    pub under_hold: u64,
}

impl MailLogsLeft {
    /// Whether nothing is left but what a hold keeps.
    pub fn is_gone(&self) -> bool {
        self.remaining.is_empty()
    }

    /// Whether the logs were destroyed before and must be destroyed again.
    pub fn is_due(&self) -> bool {
        self.remaining.destroyed.is_some() && !self.is_gone()
    }
}

impl Store {
    /// What is left of the mail logs.
    pub async fn mail_logs_left(&self) -> Result<MailLogsLeft, Error> {
        let under_hold = self.logs_under_hold().await?;
        let remaining = self.archive().await?.remaining(&under_hold).await?;
        let under_hold = u64::try_from(under_hold.len()).unwrap_or(u64::MAX);
        Ok(MailLogsLeft { remaining, under_hold })
    }

    /// The mailboxes whose log a hold keeps, with their addresses. Of erased holders nothing is
    /// left to keep.
    pub(crate) async fn logs_under_hold(&self) -> Result<Vec<(u32, String)>, Error> {
        let held = {
            let state = self.journal().state().await?;
            let zone = state.plan().map(|plan| plan.zone);
            let held = zone.map(|zone| state.rights.under_hold(self.journal().now(), zone));
            held.unwrap_or_default() - &state.erasure.ordered
        };
        let mut kept = Vec::new();
        for number in held {
            kept.push((number, holder(self.registry().await?, number).await?.0.address));
        }
        Ok(kept)
    }
}
