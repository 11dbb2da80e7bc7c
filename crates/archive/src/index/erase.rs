//! Deletes from the index: everything, or what concerns some addresses.

use std::collections::HashMap;

use domain::{LogsDestroyed, MailboxSet};
use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};
use sql::{Statement, among, params};

use super::{Index, read, stored, write};
use crate::search::SearchTerms;
use crate::{Error, join::Joined};

/// All tables of message data.
const TABLES: [&str; 8] = [
    "DELETE FROM message",
    "DELETE FROM name",
    "DELETE FROM posting",
    "DELETE FROM segment",
    "DELETE FROM unfinished",
    "DELETE FROM source",
    "DELETE FROM link",
    // After a destruction no log is indexed again.
    "DELETE FROM erased",
];
/// Rows hashed at a time.
const PAGE: i64 = 10_000;

type DestructionRow = (i64, i64, i64, String, String);

impl Index {
    /// An interrupted destruction.
    pub(crate) async fn begun_destruction(&self) -> Result<Option<LogsDestroyed>, Error> {
        const BEGUN: &str = "SELECT messages, addresses, exports, digest, kept FROM destruction";
        let read = |(messages, addresses, exports, digest, kept): DestructionRow| {
            let kept: Vec<u32> = serde_json::from_str(&kept).map_err(|error| error.to_string())?;
            Ok(LogsDestroyed {
                messages: messages.unsigned_abs(),
                addresses: addresses.unsigned_abs(),
                extracts: exports.unsigned_abs(),
                digest,
                kept: kept.into_iter().collect(),
            })
        };
        Ok(self.tables.all(BEGUN, Vec::new(), read).await?.pop())
    }

    /// Stores the record of a destruction before it starts.
    pub(crate) async fn begin_destruction(
        &self,
        kept: MailboxSet,
        exports: u64,
    ) -> Result<LogsDestroyed, Error> {
        let held = self.held().await?;
        let destroyed = LogsDestroyed {
            messages: held.messages,
            addresses: held.names,
            extracts: exports,
            digest: self.digest().await?,
            kept,
        };
        let numbers: Vec<u32> = destroyed.kept.iter().collect();
        let numbers = serde_json::to_string(&numbers);
        let given = params![
            stored(destroyed.messages),
            stored(destroyed.addresses),
            stored(destroyed.extracts),
            destroyed.digest.as_str(),
            numbers.map_err(Error::export)?,
        ];
        self.tables.run("INSERT INTO destruction VALUES (1, $1, $2, $3, $4, $5)", given).await?;
        Ok(destroyed)
    }

    /// Ends a destruction, which is recorded in the log.
    pub(crate) async fn end_destruction(&self) -> Result<(), Error> {
        self.tables.run("DELETE FROM destruction", Vec::new()).await?;
        Ok(())
    }

    /// Deletes everything but the messages of these addresses, and overwrites deleted data.
    pub(crate) async fn wipe(&self, kept: &[&str]) -> Result<(), Error> {
        let rows = self.rows_of_any(kept).await?;
        let done = read::messages(&self.tables, &rows).await?;
        let mut writing = self.tables.begin().await?;
        for table in TABLES {
            writing.run(table, Vec::new()).await?;
        }
        let joined = Joined { done, ..Joined::default() };
        write::joined(&mut writing, &joined, &mut HashMap::new()).await?;
        writing.commit().await?;
        Ok(self.tables.vacuum(&[]).await?)
    }

    /// The hashes of erased holders' addresses.
    pub(crate) async fn erased_hashes(&self) -> Result<Vec<Vec<u8>>, Error> {
        const ALL: &str = "SELECT hash FROM erased";
        Ok(self.tables.all(ALL, Vec::new(), |(hash,): (Vec<u8>,)| Ok(hash)).await?)
    }

    /// Requests with a link, of these mailboxes.
    pub(crate) async fn requests_of(
        &self,
        numbers: &RoaringBitmap,
    ) -> Result<Vec<uuid::Uuid>, Error> {
        const LINKS: &str = "SELECT number, request FROM link";
        let links = self.tables.all(LINKS, Vec::new(), |(number, request): (i64, Vec<u8>)| {
            let number = u32::try_from(number).map_err(|error| error.to_string())?;
            Ok((number, uuid::Uuid::from_slice(&request).map_err(|error| error.to_string())?))
        });
        let theirs = links.await?.into_iter().filter(|(number, _)| numbers.contains(*number));
        Ok(theirs.map(|(_, request)| request).collect())
    }

    /// Deletes every message from or to these addresses, the addresses, and the links of these
    /// mailboxes. Correspondents lose their entries of these messages too, because a Message-ID or
    /// subject may name the holder. In other messages, fields that match a search term are cleared.
    /// The hashes are stored, to filter logs that are indexed later.
    pub(crate) async fn erase(
        &self,
        numbers: &RoaringBitmap,
        addresses: &[String],
        terms: &SearchTerms,
        hashes: Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        let _lock = self.lock()?;
        let rows = self.rows_of_any(addresses).await?;
        let mut writing = self.tables.begin().await?;
        for hash in hashes {
            const ERASED: &str = "INSERT OR IGNORE INTO erased VALUES ($1)";
            writing.run(ERASED, params![hash]).await?;
        }
        for rows in rows.chunks(10_000) {
            const MESSAGES: Statement = among!("DELETE FROM message WHERE id");
            const OPEN: Statement = among!("DELETE FROM unfinished WHERE message");
            writing.run(MESSAGES, params![rows.to_vec()]).await?;
            writing.run(OPEN, params![rows.to_vec()]).await?;
        }
        for address in addresses {
            const POSTINGS: &str = "
                DELETE FROM posting WHERE (segment, name) IN
                (SELECT segment.id, name.id FROM segment, name WHERE name.text = $1)";
            let given = params![address.to_lowercase()];
            writing.run(POSTINGS, given.clone()).await?;
            writing.run("DELETE FROM name WHERE text = $1", given).await?;
        }
        let numbers: Vec<i64> = numbers.iter().map(i64::from).collect();
        for numbers in numbers.chunks(10_000) {
            const LINKS: Statement = among!("DELETE FROM link WHERE number");
            writing.run(LINKS, params![numbers.to_vec()]).await?;
        }
        writing.commit().await?;
        self.redact(terms).await?;
        Ok(self.tables.vacuum(&[]).await?)
    }

    /// SHA-256 over all message data, in row order.
    async fn digest(&self) -> Result<String, Error> {
        const NEXT: &str = "SELECT id FROM message WHERE id > $1 ORDER BY id LIMIT $2";
        let mut hash = Sha256::new();
        let mut last = 0;
        loop {
            let read = |(id,): (i64,)| Ok(id);
            let rows = self.tables.all(NEXT, params![last, PAGE], read).await?;
            let Some(end) = rows.last() else { break };
            last = *end;
            for message in read::messages(&self.tables, &rows).await? {
                for text in
                    [&message.identifier, &message.sender, &message.subject, &message.provider]
                {
                    hash.update(text.as_deref().unwrap_or_default());
                    hash.update([0x1f]);
                }
                for event in &message.events {
                    hash.update(event.at.timestamp_millis().to_be_bytes());
                    hash.update(event.kind.name());
                    for text in [&event.recipient, &event.related] {
                        hash.update(text.as_deref().unwrap_or_default());
                        hash.update([0x1f]);
                    }
                }
                hash.update([0x1e]);
            }
        }
        Ok(format!("{:x}", hash.finalize()))
    }
}
