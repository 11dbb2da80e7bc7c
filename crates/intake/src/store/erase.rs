//! Taking somebody's data out, and showing that it is out.
//!
//! A message that speaks of somebody is found by its text, decoded as its reader sees it: what is written in
//! base64 is no hiding place. Invariant: what is deleted is overwritten in the file too.

use roaring::RoaringBitmap;
use sql::Given;

use super::{Store, schema};
use crate::Error;
use crate::reading::Reader;

/// Messages whose senders are looked at at a time.
const PAGE: i64 = 1_000;

impl Store {
    /// Takes out all that is about these mailboxes: their requests, letters and confirmations, and every message
    /// that one of the needles (addresses, codici fiscali) stands in. Answers with how many messages went.
    pub async fn erase(&self, numbers: &RoaringBitmap, needles: &[String]) -> Result<u64, Error> {
        let mut gone = self.speaking_of(needles).await?;
        let mut rest = numbers.iter();
        loop {
            let page: Vec<i64> = rest.by_ref().take(8_192).map(i64::from).collect();
            if page.is_empty() {
                break;
            }
            // One message may ask for several, of whom it is said to be the last one's. 0 is the message of letters
            // that answer none.
            let of = sql::Statement {
                sqlite: "
                    SELECT number FROM message WHERE mailbox IN (SELECT value FROM json_each($1))
                    UNION SELECT message FROM letter
                    WHERE message <> 0 AND mailbox IN (SELECT value FROM json_each($1))",
                postgres: "
                    SELECT number FROM message WHERE mailbox = ANY ($1)
                    UNION SELECT message FROM letter WHERE message <> 0 AND mailbox = ANY ($1)",
            };
            let read = |(number,): (i64,)| Ok(number);
            gone.extend(self.tables.all(of, vec![Given::Numbers(page.clone())], read).await?);
            // Those that answer no message.
            let letters = sql::Statement {
                sqlite: "DELETE FROM letter WHERE mailbox IN (SELECT value FROM json_each($1))",
                postgres: "DELETE FROM letter WHERE mailbox = ANY ($1)",
            };
            let mut writing = self.tables.begin().await?;
            writing.run(letters, vec![Given::Numbers(page)]).await?;
            writing.commit().await?;
        }
        gone.sort_unstable();
        gone.dedup();
        for page in gone.chunks(8_192) {
            self.delete(page).await?;
        }
        // Also where nothing was left: an erasure that was cut off before this goes on with it.
        self.tables.scour(&schema::TABLES).await?;
        Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
    }

    /// Takes out everything. Answers with how many messages went.
    pub async fn erase_all(&self) -> Result<u64, Error> {
        let mut writing = self.tables.begin().await?;
        writing.run("DELETE FROM confirmation", Vec::new()).await?;
        writing.run("DELETE FROM letter", Vec::new()).await?;
        let gone = writing.run("DELETE FROM message", Vec::new()).await?;
        writing.commit().await?;
        self.tables.scour(&schema::TABLES).await?;
        Ok(gone)
    }

    async fn delete(&self, messages: &[i64]) -> Result<(), Error> {
        const DELETE: [sql::Statement; 3] = [
            sql::Statement {
                sqlite: "DELETE FROM confirmation WHERE message IN (SELECT value FROM json_each($1))",
                postgres: "DELETE FROM confirmation WHERE message = ANY ($1)",
            },
            sql::Statement {
                sqlite: "DELETE FROM letter WHERE message IN (SELECT value FROM json_each($1))",
                postgres: "DELETE FROM letter WHERE message = ANY ($1)",
            },
            sql::Statement {
                sqlite: "DELETE FROM message WHERE number IN (SELECT value FROM json_each($1))",
                postgres: "DELETE FROM message WHERE number = ANY ($1)",
            },
        ];
        let mut writing = self.tables.begin().await?;
        for statement in DELETE {
            writing.run(statement, vec![Given::Numbers(messages.to_vec())]).await?;
        }
        Ok(writing.commit().await?)
    }

    /// How many messages an address or a codice fiscale stands in.
    pub async fn traces(&self, needle: &str) -> Result<u64, Error> {
        let found = self.speaking_of(&[needle.to_owned()]).await?;
        Ok(u64::try_from(found.len()).unwrap_or(u64::MAX))
    }

    async fn speaking_of(&self, needles: &[String]) -> Result<Vec<i64>, Error> {
        const SENDERS: &str =
            "SELECT number, sender FROM message WHERE number > $1 ORDER BY number LIMIT $2";
        let needles: Vec<_> = needles.iter().map(|needle| needle.trim().to_lowercase()).collect();
        let (reader, mut found, mut last) = (Reader::default(), Vec::new(), 0);
        if needles.iter().all(String::is_empty) {
            return Ok(found);
        }
        loop {
            let given = vec![Given::Number(last), Given::Number(PAGE)];
            let read = |row: (i64, Option<String>)| Ok(row);
            let page = self.tables.all(SENDERS, given, read).await?;
            let Some((end, _)) = page.last() else { return Ok(found) };
            last = *end;
            for (number, sender) in page {
                let sender = sender.unwrap_or_default().to_lowercase();
                if needles.contains(&sender) {
                    found.push(number);
                    continue;
                }
                // One at a time: each may be as large as is taken.
                let content = self.content(number).await?.unwrap_or_default();
                let (reader, needles) = (reader.clone(), needles.clone());
                let speaks = move || reader.speaks_of(&content, &needles);
                let speaks = tokio::task::spawn_blocking(speaks).await;
                if speaks.map_err(|error| Error::Ended(error.to_string()))? {
                    found.push(number);
                }
            }
        }
    }
}
