//! Decisions about notices that came back, failed or are in doubt.

use domain::{Event, MailboxSet, NoticesBounced, NoticesRetried, PhaseId, State};
use eventstore::notice_stream;
use roaring::RoaringBitmap;
use views::{NoticeBounced, NoticeRetry};
use workers::notices::Bounce;

use super::{Action, At, Caller};
use crate::store::Store;
use crate::{Error, MailboxRef};

/// Records that a notice came back, from the delivery report of a mail server.
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
            let told = state.notices.get(&notice);
            let was_sent = told.is_some_and(|told| {
                let in_doubt = told.in_doubt().values().any(|set| set.contains(number));
                told.sent().contains(number) || in_doubt
            });
            let known =
                told.is_some_and(|told| told.bounced().values().any(|set| set.contains(number)));
            if !was_sent || known {
                return Ok(Vec::new());
            }
            let (notice, cause) = (notice.clone(), cause.clone());
            let mailboxes = MailboxSet::from(number);
            Ok(vec![Event::NoticesBounced(NoticesBounced { notice, cause, mailboxes })])
        };
        let decided = store.decide(caller, notice_stream(store.programme())?, decide).await?;
        let new = !decided.events.is_empty();
        Ok(decided.with(NoticeBounced { notice, number, cause, new }))
    }
}

impl Action for RetryNotice {
    const DONE: &'static str = "notices-retried";
    type Result = NoticeRetry;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<NoticeRetry>, Error> {
        let Self { notice, failed, mailbox } = self;
        let only = match &mailbox {
            Some(mailbox) => Some(store.number_of(mailbox).await?),
            None => None,
        };
        let decide = |state: &State, _| {
            let mut these = match (&failed, state.notices.get(&notice)) {
                (_, None) => RoaringBitmap::new(),
                (Some(cause), Some(told)) => told.failed().get(cause).cloned().unwrap_or_default(),
                (None, Some(told)) => {
                    told.in_doubt().values().fold(RoaringBitmap::new(), |all, set| all | set)
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
        let mut mailboxes = 0;
        for event in &decided.events {
            if let Event::NoticesRetried(event) = event {
                mailboxes += event.mailboxes.len();
            }
        }
        Ok(decided.with(NoticeRetry { notice, mailboxes }))
    }
}
