//! The tasks of a process, which end with it.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

/// Tasks that are finished, or aborted, together. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    /// Starts a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }

    /// Waits until every task has ended.
    pub async fn finish(&self) {
        let mut tasks = self.take();
        while tasks.join_next().await.is_some() {}
    }

    /// Waits that long, then aborts the rest; true where every task ended by itself.
    pub async fn finish_within(&self, limit: Duration) -> bool {
        let mut tasks = self.take();
        let ended = async { while tasks.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(limit, ended).await.is_ok();
        tasks.shutdown().await;
        in_time
    }

    /// Aborts every task, and waits until each has stopped.
    pub async fn abort(&self) {
        self.take().shutdown().await;
    }

    fn take(&self) -> JoinSet<()> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
