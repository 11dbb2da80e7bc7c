//! Log requests: those that are open, and the history of one.

use eventstore::archive_stream;
use uuid::Uuid;
use views::{EventView, LogRequestView};

use crate::Error;
use crate::store::Store;

impl Store {
    /// The open requests.
    pub async fn log_requests(&self) -> Result<Vec<LogRequestView>, Error> {
        let state = self.journal().state().await?;
        let open = state.log_requests.open.iter();
        Ok(open.map(|(id, open)| LogRequestView::of(*id, open, self.id_of(open.number))).collect())
    }

    /// What happened to a request, in order.
    pub async fn log_request(&self, request: Uuid) -> Result<Vec<EventView>, Error> {
        let mut history = Vec::new();
        for event in self.read_stream(&archive_stream(self.programme())?).await? {
            if event.fact()?.event.log_request() == Some(request) {
                history.push(EventView::of(&event)?);
            }
        }
        if history.is_empty() {
            return Err(Error::NotFound(format!(
                "there is no request {request}; see `tramonto log-request list`"
            )));
        }
        Ok(history)
    }
}
