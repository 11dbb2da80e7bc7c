//! Waits until workers have issued the vouchers of a command.
//!
//! Only workers issue vouchers. If the store is a folder without a running engine, a worker runs in
//! this process, under the engine's lock; otherwise the command waits for the running engine.
//! Deliberately absent: phases. A command about vouchers carries out no other work.

use std::sync::Arc;
use std::time::Duration;

use bus::{InProcess, WorkOrder, WorkQueue};
use domain::{Capability, MailboxSet, State};
use eventstore::Journal;
use platform::Pace;
use registry::Registry;
use roaring::RoaringBitmap;
use tokio::time::{Instant, sleep};
use vouchers::Issuer;
use workers::{SweepSettings, Worker};

use crate::platform_choice::apply_rate_limits;
use crate::store::Store;
use crate::{Error, StoreUrl};

/// The interval at which the log is read while another process issues vouchers.
const POLL: Duration = Duration::from_millis(100);
/// The longest wait without progress of another process.
const NO_PROGRESS: Duration = Duration::from_secs(20);

/// The mailbox whose voucher a command waits for; `None` for all.
type Whose = Option<u32>;

/// Returns once workers have nothing left to issue to them.
pub(crate) async fn until_issued(store: &Store, whose: Whose) -> Result<(), Error> {
    let journal = store.journal();
    if pending(journal, whose).await?.is_empty() {
        return Ok(());
    }
    let lock = match &store.settings().url {
        StoreUrl::Folder(_) => store.settings().home()?.try_lock()?,
        StoreUrl::Postgres(_) => None,
    };
    match lock {
        Some(_lock) => {
            let issued = here(journal, store.registry().await?, whose).await;
            store.save_read_models().await;
            issued
        }
        None => elsewhere(journal, whose).await,
    }
}

/// The mailboxes that a worker would issue vouchers to now; none while the programme is paused.
async fn pending(journal: &Journal, whose: Whose) -> Result<RoaringBitmap, Error> {
    let state = journal.state().await?;
    if state.programme.paused {
        return Ok(RoaringBitmap::new());
    }
    let pending = state.vouchers_to_issue(journal.now());
    Ok(match whose {
        Some(number) => pending & RoaringBitmap::from_iter([number]),
        None => pending,
    })
}

/// Runs a worker in this process, batch by batch.
async fn here(journal: &Arc<Journal>, registry: &Arc<Registry>, whose: Whose) -> Result<(), Error> {
    let queue = Arc::new(InProcess::new(bus::Settings::default()));
    let issuer = Arc::new(Issuer::new(Arc::clone(journal), Arc::clone(registry)));
    let pace = Pace::default();
    apply_rate_limits(&pace, &*journal.state().await?);
    let orders: Arc<dyn WorkQueue> = Arc::<InProcess>::clone(&queue);
    let worker = Worker::of_vouchers(Arc::clone(journal), orders, issuer, pace, rand::random());
    let batch = usize::try_from(SweepSettings::default().batch).unwrap_or(usize::MAX);
    loop {
        let some: RoaringBitmap = pending(journal, whose).await?.iter().take(batch).collect();
        if some.is_empty() {
            return Ok(());
        }
        let before = journal.state().await?.position();
        queue.publish(order(journal, some)).await?;
        worker.next().await?;
        if journal.state().await?.position() == before {
            return Ok(());
        }
    }
}

fn order(journal: &Journal, mailboxes: RoaringBitmap) -> WorkOrder {
    let id = journal.new_id();
    WorkOrder {
        id,
        programme: journal.programme().clone(),
        phase: None,
        effects: Capability::RequestVoucher.into(),
        mailboxes: MailboxSet::from(mailboxes),
        correlation_id: id,
        causation_id: None,
    }
}

/// Waits for the workers of another process.
async fn elsewhere(journal: &Journal, whose: Whose) -> Result<(), Error> {
    let mut progress = Instant::now();
    let mut before = None;
    loop {
        let left = pending(journal, whose).await?.len();
        if left == 0 {
            return Ok(());
        }
        if before.replace(left) != Some(left) {
            progress = Instant::now();
        }
        if progress.elapsed() > NO_PROGRESS {
            return Err(Error::Unavailable(format!(
                "no worker issues vouchers: {left} verified requests wait; start `tramonto service \
                 worker` with request-voucher among its --effects, or `tramonto run`"
            )));
        }
        sleep(POLL).await;
    }
}

/// Why verified requests are left without a voucher; `None` if none is left.
pub(crate) fn left_over(state: &State, now: chrono::DateTime<chrono::Utc>) -> Option<String> {
    let verified = state.vouchers.verified.clone();
    if verified.is_empty() {
        return None;
    }
    if state.programme.paused {
        return Some(
            "the programme is paused; run `tramonto phase resume --reason TEXT` first".to_owned(),
        );
    }
    let failed = state.voucher_progress().failed;
    if failed > 0 {
        return Some(format!("{failed} failed permanently; see `tramonto incident list`"));
    }
    let issue = domain::VoucherCommand::Issue { mailboxes: verified };
    state.decide_voucher(issue, now).err().map(|why| why.to_string())
}
