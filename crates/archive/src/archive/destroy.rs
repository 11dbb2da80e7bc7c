//! Destruction of the message logs: everything is deleted, overwritten and recorded.
//!
//! The record is stored before anything is deleted, so that the next destruction completes an
//! interrupted one and records the same. Messages of mailboxes under a hold are kept until a later
//! destruction.

use chrono::{DateTime, Utc};
use domain::{LogCommand, LogsDestroyed};
use eventstore::Origin;

use super::{Archive, remove};
use crate::{Error, Held};

/// What is left of the logs, and the record of their destruction.
#[derive(Debug)]
pub struct Remaining {
    /// The contents of the index.
    pub held: Held,
    /// The number of exports.
    pub exports: usize,
    /// Messages kept for mailboxes under a hold.
    pub kept: u64,
    /// The last recorded destruction, and its instant.
    pub destroyed: Option<(DateTime<Utc>, LogsDestroyed)>,
}

impl Remaining {
    /// Is nothing left but messages kept by a hold?
    pub fn is_empty(&self) -> bool {
        let nothing = self.exports == 0 && self.held.links == 0;
        let named = self.held.names == 0 || self.kept > 0;
        self.destroyed.is_some() && nothing && named && self.held.messages == self.kept
    }
}

impl Archive {
    /// Destroys the index and every export, except for the mailboxes under a hold, given with their
    /// addresses. Refused while the window or a request received within it is open. Returns the
    /// existing record if nothing is left.
    pub async fn destroy(
        &self,
        under_hold: &[(u32, String)],
        origin: &Origin,
    ) -> Result<LogsDestroyed, Error> {
        let _lock = self.index.lock()?;
        let now = self.journal.now();
        let recorded = self
            .read_state(|state| {
                state.may_destroy_logs(now)?;
                Ok::<_, domain::Rejection>(state.log_requests.destroyed.clone())
            })
            .await??;
        let begun = self.index.begun_destruction().await?;
        let destruction = if let Some(begun) = begun {
            begun
        } else {
            if let Some((_, destroyed)) = &recorded
                && self.index.held().await? == Held::default()
                && self.exports()?.is_empty()
            {
                return Ok(destroyed.clone());
            }
            let kept = under_hold.iter().map(|(number, _)| *number);
            let exports = u64::try_from(self.exports()?.len()).unwrap_or(u64::MAX);
            self.index.begin_destruction(kept.collect(), exports).await?
        };
        self.index.wipe(&addresses(under_hold)).await?;
        for file in self.exports()? {
            remove(&file)?;
        }
        let is_recorded = recorded.is_some_and(|(_, recorded)| recorded == destruction);
        if !is_recorded {
            self.decide(LogCommand::Destroy(destruction.clone()), origin).await?;
        }
        self.index.end_destruction().await?;
        Ok(destruction)
    }

    /// What is left of the logs, given the mailboxes under a hold with their addresses.
    pub async fn remaining(&self, under_hold: &[(u32, String)]) -> Result<Remaining, Error> {
        let kept = self.index.rows_of_any(&addresses(under_hold)).await?;
        Ok(Remaining {
            kept: u64::try_from(kept.len()).unwrap_or(u64::MAX),
            held: self.index.held().await?,
            exports: self.exports()?.len(),
            destroyed: self.read_state(|state| state.log_requests.destroyed.clone()).await?,
        })
    }
}

fn addresses(under_hold: &[(u32, String)]) -> Vec<&str> {
    under_hold.iter().map(|(_, address)| address.as_str()).collect()
}
