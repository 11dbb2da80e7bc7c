//! A log that yields before and after each append, so that a writer can be killed at either moment:
//! before the append, or after it and before the answer.

use std::sync::Arc;

use async_trait::async_trait;
use eventstore::{Append, Appended, Error, EventStore};

use crate::log_layer::LogLayer;

pub(crate) struct Yielding(pub(crate) Arc<dyn EventStore>);

#[async_trait]
impl LogLayer for Yielding {
    fn log(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.0)
    }

    async fn append(&self, append: Append) -> Result<Appended, Error> {
        tokio::task::yield_now().await;
        let appended = self.0.append(append).await;
        tokio::task::yield_now().await;
        appended
    }
}
