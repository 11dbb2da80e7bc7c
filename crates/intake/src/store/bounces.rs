//! Bounces of letters.

use chrono::{DateTime, Utc};
use sql::Param;

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
        let given = vec![Param::Number(letter), Param::Number(micros(now))];
        let failed = writing.run(FAIL, given).await?;
        let given = || {
            vec![Param::Number(letter), Param::Text(BOUNCED.to_owned()), Param::Number(micros(now))]
        };
        if failed > 0 {
            writing.run(HOLD, given()).await?;
        }
        let mut of_report = given();
        of_report.push(Param::Number(report));
        let done = writing.run(DONE, of_report).await? > 0;
        writing.commit().await?;
        Ok(done)
    }
}
