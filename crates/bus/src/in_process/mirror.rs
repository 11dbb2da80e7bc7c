//! The mirror of the log within one process, for rehearsals and tests. It ends with the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Error, EventMirror, Mirrored, Tail};

/// A mirror in memory.
#[derive(Default)]
pub struct InProcessMirror {
    messages: Mutex<Vec<Mirrored>>,
}

impl InProcessMirror {
    /// All published messages, in order.
    pub fn messages(&self) -> Vec<Mirrored> {
        self.held().clone()
    }

    /// Loses all but the first messages, like a server whose disk lost its newest writes.
    pub fn lose_after(&self, messages: usize) {
        self.held().truncate(messages);
    }

    fn held(&self) -> MutexGuard<'_, Vec<Mirrored>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tail(messages: &[Mirrored]) -> Result<Tail, Error> {
    let last = messages.last().map(Mirrored::mark).transpose()?;
    Ok(Tail { sequence: u64::try_from(messages.len()).unwrap_or(u64::MAX), last })
}

#[async_trait]
impl EventMirror for InProcessMirror {
    async fn last(&self) -> Result<Tail, Error> {
        tail(&self.held())
    }

    async fn publish(&self, after: &Tail, page: &[Mirrored]) -> Result<Tail, Error> {
        page.iter().try_for_each(|message| message.mark().map(drop))?;
        let mut messages = self.held();
        if tail(&messages)? != *after {
            return Err(Error::Overtaken { stream: "the in-process mirror".to_owned() });
        }
        messages.extend_from_slice(page);
        tail(&messages)
    }
}
