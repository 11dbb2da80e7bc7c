//! Letters that come back.

use chrono::{DateTime, Utc};
use sql::Given;

use super::{Store, micros};
use crate::Error;

/// Why a message waits whose letter came back, and what its report was.
pub(crate) const RETURNED: &str = "letter-returned";

impl Store {
    /// A mail server reports that a letter could not be delivered: it has failed, what it was about waits in quarantine,
    /// and the report is done with. False where there is no such letter, or it never left.
    pub(crate) async fn returned(
        &self,
        letter: i64,
        report: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const FAIL: &str = "
            UPDATE letter SET standing = 'failed', settled_at = $2
            WHERE number = $1 AND standing IN ('sent', 'doubt')";
        // Reminders hold nobody's request up.
        const HOLD: &str = "
            UPDATE message SET standing = 'held', reason = $2, decided_at = $3,
                mailbox = (SELECT mailbox FROM letter WHERE number = $1)
            WHERE standing = 'done' AND number =
                (SELECT message FROM letter WHERE number = $1 AND kind IN ('confirm', 'granted'))";
        // Whoever is erased takes it along.
        const DONE: &str = "
            UPDATE message SET standing = 'done', reason = $2, decided_at = $3,
                mailbox = (SELECT mailbox FROM letter WHERE number = $1)
            WHERE number = $4 AND standing = 'new'
            AND EXISTS (SELECT 1 FROM letter WHERE number = $1 AND standing = 'failed')";
        let mut writing = self.tables.begin().await?;
        let given = vec![Given::Number(letter), Given::Number(micros(now))];
        let failed = writing.run(FAIL, given).await?;
        let given = || {
            vec![
                Given::Number(letter),
                Given::Text(RETURNED.to_owned()),
                Given::Number(micros(now)),
            ]
        };
        if failed > 0 {
            writing.run(HOLD, given()).await?;
        }
        let mut of_report = given();
        of_report.push(Given::Number(report));
        let done = writing.run(DONE, of_report).await? > 0;
        writing.commit().await?;
        Ok(done)
    }
}
