//! Bounces of letters.

use chrono::{DateTime, Utc};
use sql::params;

use super::{Store, micros};
use crate::Error;

/// The reason of a message whose letter bounced, and of the delivery report.
pub(crate) const BOUNCED: &str = "letter-returned";

impl Store {
    /// Records a delivery report: the letter has failed, the message it was about goes to
    /// quarantine, and the report is done. False if there is no such letter, or it was not sent.
    pub(crate) async fn record_bounce(
        &self,
        letter: i64,
        report: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const FAIL: &str = "
            UPDATE letter SET status = 'failed', settled_at = $2
            WHERE number = $1 AND status IN ('sent', 'in-doubt')";
        // A lost reminder blocks no request.
        const HOLD: &str = "
            UPDATE message SET status = 'held', reason = $2, decided_at = $3,
                mailbox = (SELECT mailbox FROM letter WHERE number = $1)
            WHERE status = 'done' AND number =
                (SELECT message FROM letter WHERE number = $1 AND kind IN ('confirm', 'granted'))";
        // Under the letter's mailbox, whose erasure includes the report.
        const DONE: &str = "
            UPDATE message SET status = 'done', reason = $2, decided_at = $3,
                mailbox = (SELECT mailbox FROM letter WHERE number = $1)
            WHERE number = $4 AND status = 'new'
            AND EXISTS (SELECT 1 FROM letter WHERE number = $1 AND status = 'failed')";
        let mut writing = self.tables.begin().await?;
        if writing.run(FAIL, params![letter, micros(now)]).await? > 0 {
            writing.run(HOLD, params![letter, BOUNCED, micros(now)]).await?;
        }
        let done = writing.run(DONE, params![letter, BOUNCED, micros(now), report]).await? > 0;
        writing.commit().await?;
        Ok(done)
    }
}
