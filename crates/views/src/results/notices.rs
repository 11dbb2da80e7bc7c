//! Results of actions on notices.

use std::fmt;

use domain::PhaseId;
use serde::Serialize;

use crate::words::mailboxes;

/// A notice came back.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeBounced {
    /// Which notice.
    pub notice: PhaseId,
    /// The number of the mailbox.
    pub number: u32,
    /// Why, as a short code.
    pub cause: String,
    /// Whether it was recorded now; `false` where the notice was never sent, or is known to have
    /// come back.
    pub new: bool,
}

impl fmt::Display for NoticeBounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { notice, number, cause, new } = self;
        if *new {
            return write!(f, "notice {notice} of mailbox {number} came back ({cause})");
        }
        write!(
            f,
            "nothing new: notice {notice} was never sent to mailbox {number}, or is known to have \
             come back"
        )
    }
}

/// A notice is sent again.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeRetry {
    /// Which notice.
    pub notice: PhaseId,
    /// For how many mailboxes.
    pub mailboxes: u64,
}

impl fmt::Display for NoticeRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { notice, mailboxes: count } = self;
        write!(f, "notice {notice} will be sent again for {}", mailboxes(*count))
    }
}
