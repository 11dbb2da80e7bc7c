//! The end of the logs: everything is deleted, written over, and recorded.
//!
//! What will be recorded is put down before anything goes. So a destruction that was interrupted is ended by
//! the next one, and told as what it was. Whoever is under a hold keeps their messages until a later one.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::{LogCommand, LogsDestroyed};
use eventstore::Origin;

use super::{Office, unwritable};
use crate::{Error, Held};

/// What there is still of logs, and the record of what was destroyed.
#[derive(Debug)]
pub struct Remains {
    /// What the index holds.
    pub held: Held,
    /// How many extracts lie in their folder.
    pub extracts: usize,
    /// How many of the messages are of a mailbox that is still under a hold.
    pub kept: u64,
    /// The last destruction that was recorded, and when.
    pub destroyed: Option<(DateTime<Utc>, LogsDestroyed)>,
}

impl Remains {
    /// Is there nothing left but what a hold still keeps?
    pub fn are_gone(&self) -> bool {
        let nothing = self.extracts == 0 && self.held.links == 0;
        let named = self.held.names == 0 || self.kept > 0;
        self.destroyed.is_some() && nothing && named && self.held.messages == self.kept
    }
}

impl Office {
    /// Destroys the index and every extract. `under_hold` are the mailboxes whose log is kept, with their
    /// addresses. Refused while the window is open or a request received in time is. Where nothing is left, it
    /// answers with what was recorded.
    pub async fn destroy(
        &self,
        under_hold: &[(u32, String)],
        origin: &Origin,
    ) -> Result<LogsDestroyed, Error> {
        let _lock = self.index.lock()?;
        let now = self.journal.now();
        let recorded = self
            .look(|state| {
                state.may_destroy_logs(now)?;
                Ok::<_, domain::Rejection>(state.log_requests.destroyed().cloned())
            })
            .await??;
        let begun = self.index.begun_destruction().await?;
        let destruction = if let Some(begun) = begun {
            begun
        } else {
            if let Some((_, destroyed)) = &recorded
                && self.index.held().await? == Held::default()
                && self.extracts()?.is_empty()
            {
                return Ok(destroyed.clone());
            }
            let kept = under_hold.iter().map(|(number, _)| *number);
            let extracts = u64::try_from(self.extracts()?.len()).unwrap_or(u64::MAX);
            self.index.begin_destruction(kept.collect(), extracts).await?
        };
        let addresses: Vec<&str> = under_hold.iter().map(|(_, address)| address.as_str()).collect();
        self.index.wipe(&addresses).await?;
        for file in self.extracts()? {
            std::fs::remove_file(&file).map_err(|source| unwritable(&file, source))?;
        }
        let is_told = recorded.is_some_and(|(_, told)| told == destruction);
        if !is_told {
            self.decide(LogCommand::Destroy(destruction.clone()), origin).await?;
        }
        self.index.end_destruction().await?;
        Ok(destruction)
    }

    /// What is left of the logs. `under_hold` are the mailboxes whose log is kept now, with their addresses.
    pub async fn remains(&self, under_hold: &[(u32, String)]) -> Result<Remains, Error> {
        let mut kept = BTreeSet::new();
        for (_, address) in under_hold {
            kept.extend(self.index.rows_of(address).await?);
        }
        Ok(Remains {
            kept: u64::try_from(kept.len()).unwrap_or(u64::MAX),
            held: self.index.held().await?,
            extracts: self.extracts()?.len(),
            destroyed: self.look(|state| state.log_requests.destroyed().cloned()).await?,
        })
    }
}
