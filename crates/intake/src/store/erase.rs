//! Erasure of personal data, and the residue scan.
//!
//! Messages are searched as decoded text, attachments included. Invariant: deleted rows are
//! overwritten in the file too.

use roaring::RoaringBitmap;
use sql::{Statement, among, params};

use super::{Store, schema};
use crate::Error;
use crate::reading::Reader;

/// Messages read at a time.
const PAGE: i64 = 1_000;

impl Store {
    /// Erases these mailboxes' requests, letters and confirmations, and every message that contains
    /// one of the search terms (addresses, codici fiscali). Returns the number of erased messages.
    pub async fn erase(&self, numbers: &RoaringBitmap, terms: &[String]) -> Result<u64, Error> {
        let mut erased = self.messages_containing(terms).await?;
        let mut rest = numbers.iter();
        loop {
            let page: Vec<i64> = rest.by_ref().take(8_192).map(i64::from).collect();
            if page.is_empty() {
                break;
            }
            // A message released for several holders is stored under the last one: the letters name
            // the others. Letters that reply to no message have message 0.
            const THEIRS: Statement = among!(
                "SELECT number FROM message WHERE mailbox",
                " UNION SELECT message FROM letter WHERE message <> 0 AND mailbox"
            );
            const LETTERS: Statement = among!("DELETE FROM letter WHERE mailbox");
            let read = |(number,): (i64,)| Ok(number);
            erased.extend(self.tables.all(THEIRS, params![page.clone()], read).await?);
            self.tables.run(LETTERS, params![page]).await?;
        }
        erased.sort_unstable();
        erased.dedup();
        for page in erased.chunks(8_192) {
            self.delete(page).await?;
        }
        // Always: an erasure that was interrupted before this point continues here.
        self.tables.vacuum(&schema::TABLES).await?;
        Ok(u64::try_from(erased.len()).unwrap_or(u64::MAX))
    }

    /// Erases everything. Returns the number of erased messages.
    pub async fn erase_all(&self) -> Result<u64, Error> {
        let mut writing = self.tables.begin().await?;
        writing.run("DELETE FROM confirmation", Vec::new()).await?;
        writing.run("DELETE FROM letter", Vec::new()).await?;
        let erased = writing.run("DELETE FROM message", Vec::new()).await?;
        writing.commit().await?;
        self.tables.vacuum(&schema::TABLES).await?;
        Ok(erased)
    }

    async fn delete(&self, messages: &[i64]) -> Result<(), Error> {
        const DELETE: [Statement; 3] = [
            among!("DELETE FROM confirmation WHERE message"),
            among!("DELETE FROM letter WHERE message"),
            among!("DELETE FROM message WHERE number"),
        ];
        let mut writing = self.tables.begin().await?;
        for statement in DELETE {
            writing.run(statement, params![messages.to_vec()]).await?;
        }
        Ok(writing.commit().await?)
    }

    /// The number of messages that contain an address or a codice fiscale.
    pub async fn residue(&self, term: &str) -> Result<u64, Error> {
        let found = self.messages_containing(&[term.to_owned()]).await?;
        Ok(u64::try_from(found.len()).unwrap_or(u64::MAX))
    }

    async fn messages_containing(&self, terms: &[String]) -> Result<Vec<i64>, Error> {
        const SENDERS: &str =
            "SELECT number, sender FROM message WHERE number > $1 ORDER BY number LIMIT $2";
        let terms: Vec<_> = terms.iter().map(|term| term.trim().to_lowercase()).collect();
        let (reader, mut found, mut last) = (Reader::default(), Vec::new(), 0);
        if terms.iter().all(String::is_empty) {
            return Ok(found);
        }
        loop {
            let read = |row: (i64, Option<String>)| Ok(row);
            let page = self.tables.all(SENDERS, params![last, PAGE], read).await?;
            let Some((end, _)) = page.last() else { return Ok(found) };
            last = *end;
            for (number, sender) in page {
                let sender = sender.unwrap_or_default().to_lowercase();
                if terms.contains(&sender) {
                    found.push(number);
                    continue;
                }
                // One at a time: each may be as large as the size limit.
                let content = self.content(number).await?.unwrap_or_default();
                let (reader, terms) = (reader.clone(), terms.clone());
                let search = move || reader.contains_any(&content, &terms);
                let found_any = tokio::task::spawn_blocking(search).await;
                if found_any.map_err(|error| Error::Cancelled(error.to_string()))? {
                    found.push(number);
                }
            }
        }
    }
}
