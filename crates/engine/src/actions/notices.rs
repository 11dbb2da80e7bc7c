//! Decisions about notices that bounced, failed or are in doubt.

use domain::{Event, MailboxSet, NoticesBounced, NoticesRetried, PhaseId, State};
use eventstore::notice_stream;
use roaring::RoaringBitmap;
use views::{NoticeBounced, NoticeRetry};
use workers::notices::Bounce;

use super::decide::touched;
use super::{Action, At, Caller};
use crate::store::Store;
use crate::{Error, MailboxRef};

/// Records that a notice bounced, from the delivery report of a mail server.
pub struct RecordBounce {
    /// The report, an e-mail.
    pub message: Vec<u8>,
}

/// Sends a notice again to mailboxes that it failed for or that are in doubt.
pub struct RetryNotice {
    /// Which notice.
    pub notice: PhaseId,
    /// Those that failed for this cause; `None` for those in doubt.
    pub failed: Option<String>,
    /// Only this mailbox; `None` for all of them.
    pub mailbox: Option<MailboxRef>,
}

impl Action for RecordBounce {
    const DONE: &'static str = "notice-bounced";
    type Result = NoticeBounced;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<NoticeBounced>, Error> {
        let Bounce { notice, number, cause } = Bounce::parse(&self.message, store.programme())
            .map_err(|problem| Error::Invalid(problem.to_string()))?;
        let decide = |state: &State, _| {
            let found = state.notices.get(&notice);
            let was_sent = found.is_some_and(|found| {
                let in_doubt = found.in_doubt.values().any(|set| set.contains(number));
                found.sent.contains(number) || in_doubt
            });
            let known =
                found.is_some_and(|found| found.bounced.values().any(|set| set.contains(number)));
            if !was_sent || known {
                return Ok(Vec::new());
            }
            let (notice, cause) = (notice.clone(), cause.clone());
            let mailboxes = MailboxSet::from(number);
            Ok(vec![Event::NoticesBounced(NoticesBounced { notice, cause, mailboxes })])
        };
        let decided = store.decide(caller, notice_stream(store.programme())?, decide).await?;
        let decided = decided.led_to(|event| {
            matches!(event, Event::NoticesBounced(event)
                if event.notice == notice && event.mailboxes.contains(number))
        })?;
        let new = !decided.events.is_empty();
        Ok(decided.with(NoticeBounced { notice, number, cause, new }))
    }
}

impl Action for RetryNotice {
    const DONE: &'static str = "notices-retried";
    type Result = NoticeRetry;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<NoticeRetry>, Error> {
        let Self { notice, failed, mailbox } = self;
        let only = store.number_of_some(mailbox.as_ref()).await?;
        let decide = |state: &State, _| {
            let mut these = match (&failed, state.notices.get(&notice)) {
                (_, None) => RoaringBitmap::new(),
                (Some(cause), Some(found)) => found.failed.get(cause).cloned().unwrap_or_default(),
                (None, Some(found)) => {
                    found.in_doubt.values().fold(RoaringBitmap::new(), |all, set| all | set)
                }
            };
            if let Some(only) = only {
                these &= RoaringBitmap::from([only]);
            }
            if these.is_empty() {
                return Err(Error::NotFound(format!(
                    "notice {notice} has no such mailbox; list notices with `tramonto notice list`"
                )));
            }
            let (notice, mailboxes) = (notice.clone(), MailboxSet::from(these));
            Ok(vec![Event::NoticesRetried(NoticesRetried { notice, mailboxes })])
        };
        let decided = store.decide(caller, notice_stream(store.programme())?, decide).await?;
        let decided = decided.led_to(
            |event| matches!(event, Event::NoticesRetried(event) if event.notice == notice),
        )?;
        let mailboxes = touched(&decided.events);
        Ok(decided.with(NoticeRetry { notice, mailboxes }))
    }
}
