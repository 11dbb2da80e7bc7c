//! Results of actions on notices.

use std::fmt;

use domain::PhaseId;
use serde::Serialize;

use crate::words;

/// A notice bounced.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeBounced {
    /// The notice.
    pub notice: PhaseId,
    /// The number of the mailbox.
    pub number: u32,
    /// The cause, as a short code.
    pub cause: String,
    /// Whether it was recorded now; `false` if the notice was never sent, or its bounce is known.
    pub new: bool,
}

impl fmt::Display for NoticeBounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { notice, number, cause, new } = self;
        if *new {
            return write!(f, "notice {notice} of mailbox {number} bounced ({cause})");
        }
        write!(
            f,
            "nothing new: notice {notice} was never sent to mailbox {number}, or its bounce is \
             recorded"
        )
    }
}

/// A notice is sent again.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeRetry {
    /// The notice.
    pub notice: PhaseId,
    /// The number of mailboxes.
    pub mailboxes: u64,
}

sentence!(
    NoticeRetry { notice, mailboxes },
    "notice {notice} will be sent again for {}",
    words::mailboxes(*mailboxes)
);
