//! Processes requests by e-mail: processes messages, and sends the letters.
//!
//! Woken by each message that the LMTP server keeps. The address for requests follows the plan in
//! force, without a restart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use eventstore::Journal;
use intake::{RequestProcessor, Store};
use metrics::gauge;
use tokio::sync::watch;

use super::{Part, Progress};
use crate::Error;
use crate::metrics::number;

/// The part's name in logs and in the health report.
pub const NAME: &str = "intake";
/// The interval at which waiting messages and letters are counted.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// Processes requests by e-mail.
pub struct Letters {
    requests: RequestProcessor,
    journal: Arc<Journal>,
    store: Arc<Store>,
    /// The address for requests, as the LMTP server accepts it.
    address: watch::Sender<String>,
    measured: Option<Instant>,
}

impl Letters {
    /// Processes what a store holds; `address` is kept at that of the plan in force.
    pub fn new(
        requests: RequestProcessor,
        journal: Arc<Journal>,
        store: Arc<Store>,
        address: watch::Sender<String>,
    ) -> Self {
        Self { requests, journal, store, address, measured: None }
    }

    async fn measure_store(&mut self) {
        if self.measured.is_some_and(|at| at.elapsed() <= MEASURE_EVERY) {
            return;
        }
        self.measured = Some(Instant::now());
        if let Err(error) = measure(&self.store).await {
            tracing::debug!(%error, "could not refresh intake metrics");
        }
    }

    async fn follow_address(&self) {
        // A plan without an address keeps the old one, whose senders are answered that it is over.
        if let Ok(current) = intake_address(&self.journal).await {
            self.address.send_if_modified(|address| {
                let moved = *address != current;
                *address = current;
                moved
            });
        }
    }
}

#[async_trait]
impl Part for Letters {
    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        let tick = self.requests.tick().await;
        self.measure_store().await;
        self.follow_address().await;
        Ok(tick?.into())
    }
}

/// The plan's address for requests.
pub async fn intake_address(journal: &Journal) -> Result<String, Error> {
    let state = journal.state().await?;
    let rules = state.plan().and_then(|plan| plan.vouchers.as_ref());
    rules.map(|rules| rules.intake.clone()).ok_or_else(|| {
        Error::Refused(
            "the plan in force has no [vouchers], and no address for requests; amend the plan first"
                .to_owned(),
        )
    })
}

async fn measure(store: &Store) -> Result<(), intake::Error> {
    let (waiting, in_doubt) = store.backlog().await?;
    gauge!("tramonto_intake_held_messages").set(number(store.held_count().await?));
    gauge!("tramonto_intake_letters", "state" => "waiting").set(number(waiting));
    gauge!("tramonto_intake_letters", "state" => "in_doubt").set(number(in_doubt));
    Ok(())
}
