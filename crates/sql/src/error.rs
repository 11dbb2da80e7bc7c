//! Why a store did not do what was asked, grouped by what the caller can do about it.

use std::sync::Arc;

use crate::StoreName;

/// Why a store did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Another writer was faster: read again and decide again.
    #[error("{store}: another process wrote the same row first; read it again and retry")]
    Conflict {
        /// The store.
        store: StoreName,
        /// The database's own error.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The database is busy, full or unreachable: the same call may succeed later.
    #[error("{store} is unavailable: {advice}")]
    Unavailable {
        /// The store.
        store: StoreName,
        /// What is wrong and what to do about it.
        advice: &'static str,
        /// The database's own error.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// What is stored is not what this program wrote.
    #[error("{}", .0.with_remedy("restore it from a backup"))]
    Corrupt(Damage),
    /// The call never succeeds as it is: a wrong path, missing permission, tables of another
    /// version.
    #[error("{store} cannot be used: {problem}")]
    Rejected {
        /// The store.
        store: StoreName,
        /// What is wrong and what to do about it.
        problem: String,
    },
}

/// Contents that this program did not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The store.
    pub store: StoreName,
    /// What is wrong.
    pub problem: String,
}

impl Damage {
    /// The damage and what to do about it, which depends on what the store holds.
    pub fn with_remedy(&self, remedy: &str) -> String {
        format!("{} is damaged: {}; {remedy}", self.store, self.problem)
    }
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
