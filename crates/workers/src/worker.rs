//! The worker: takes an order, computes what its mailboxes still need, calls the platform or issues
//! vouchers, and records the outcomes.
//!
//! Invariants: an order is acknowledged only after its outcome is in the log; after a crash it is
//! redelivered, and the platform answers "already so". No outcome is recorded twice: it is appended
//! at the stream version that it was compared with, and compared again after a conflict.
//! Deliberately absent: any state between orders.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bus::{WorkOrder, WorkQueue};
use chrono::{DateTime, Utc};
use domain::{
    Capabilities, Capability, Change, Event, MailboxSet, PlatformCapabilities, RetryPolicy, Task,
    Verdict,
};
use eventstore::{Decision, Journal, Origin, outcome_stream};
use metrics::counter;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use roaring::RoaringBitmap;
use tracing::Instrument;

use crate::Error;
use crate::perform::{Assignment, AttemptOutcome, Effects};
use crate::record::Recorder;
use platform::{IssueVouchers, Pace, Platform};

/// The delay of a redelivery while the log is unavailable.
const STORE_REST: Duration = Duration::from_millis(500);

/// Carries out work orders, one at a time; several workers may run concurrently.
pub struct Worker {
    journal: Arc<Journal>,
    queue: Arc<dyn WorkQueue>,
    effects: Effects,
    reach: PlatformCapabilities,
    takes: Capabilities,
    jitter: Mutex<ChaCha8Rng>,
}

impl Worker {
    /// A worker that takes orders for these effects.
    pub fn new(
        journal: Arc<Journal>,
        queue: Arc<dyn WorkQueue>,
        platform: Arc<dyn Platform>,
        reach: PlatformCapabilities,
        takes: Capabilities,
        seed: u64,
    ) -> Self {
        let jitter = Mutex::new(ChaCha8Rng::seed_from_u64(seed));
        let effects = Effects { platform: Some(platform), vouchers: None };
        Self { journal, queue, effects, reach, takes, jitter }
    }

    /// A worker that only issues vouchers.
    pub fn of_vouchers(
        journal: Arc<Journal>,
        queue: Arc<dyn WorkQueue>,
        vouchers: Arc<dyn IssueVouchers>,
        pace: Pace,
        seed: u64,
    ) -> Self {
        let jitter = Mutex::new(ChaCha8Rng::seed_from_u64(seed));
        let effects = Effects { platform: None, vouchers: Some((vouchers, pace)) };
        let reach = PlatformCapabilities { controls: Capabilities::NONE, arm_ahead: None };
        let takes = Capability::RequestVoucher.into();
        Self { journal, queue, effects, reach, takes, jitter }
    }

    /// The same worker, which also issues vouchers if it takes orders for them.
    #[must_use]
    pub fn issuing(mut self, vouchers: Arc<dyn IssueVouchers>, pace: Pace) -> Self {
        self.effects.vouchers = Some((vouchers, pace));
        self
    }

    /// The effects of the orders it takes.
    fn takes(&self) -> Capabilities {
        self.takes.intersection(self.effects.all())
    }

    /// Waits for an order and carries it out. On an error the order returns to the queue.
    pub async fn next(&self) -> Result<(), Error> {
        let delivery = self.queue.pull(self.takes()).await?;
        match self.perform(delivery.order()).await {
            Ok(()) => Ok(delivery.ack().await?),
            Err(error) => {
                delivery.nak(STORE_REST).await?;
                Err(error)
            }
        }
    }

    async fn perform(&self, order: &WorkOrder) -> Result<(), Error> {
        let span = tracing::info_span!(
            "order",
            id = %order.id,
            correlation_id = %order.correlation_id,
            effects = %order.effects,
            mailboxes = order.mailboxes.len()
        );
        let performing = async {
            let Some((assignments, retry)) = self.needed(order).await? else { return Ok(()) };
            for assignment in assignments {
                let outcomes = self.effects.perform(&assignment, || self.journal.now()).await;
                self.record(order, &assignment, outcomes, retry).await?;
            }
            Ok::<_, Error>(())
        };
        performing.instrument(span).await
    }

    /// Computes what the order's mailboxes need now, whatever they needed when it was dispatched.
    async fn needed(
        &self,
        order: &WorkOrder,
    ) -> Result<Option<(Vec<Assignment>, RetryPolicy)>, Error> {
        let now = self.journal.now();
        let snapshot = self.journal.state().await?;
        let state = &*snapshot;
        let Some(plan) = state.plan().filter(|_| !state.programme.paused) else {
            return Ok(None);
        };
        let (wanted, decided_at): (&RoaringBitmap, u64) = (&order.mailboxes, snapshot.position());
        let assign = |task: Task| {
            let mailboxes = &task.mailboxes & wanted;
            let confirm = match task.change {
                Change::Close { .. } => armed(state, &task, now) & &mailboxes,
                Change::Restore | Change::Arm { .. } | Change::Issue => RoaringBitmap::new(),
            };
            Assignment {
                key: platform::EffectKey {
                    programme: order.programme.clone(),
                    revision: state.programme.revision(),
                    phase: task.phase,
                },
                change: task.change,
                capabilities: task.capabilities,
                decided_at,
                confirm: MailboxSet::from(confirm),
                mailboxes: MailboxSet::from(mailboxes),
            }
        };
        let tasks = domain::tasks(state, now, self.reach).into_iter();
        let takes = self.takes();
        let takes = |task: &Task| {
            let ordered = !task.capabilities.intersection(order.effects).is_empty();
            ordered && task.capabilities.is_subset(takes)
        };
        let assignments = tasks.filter(takes).map(assign);
        let assignments = assignments.filter(|task| !task.mailboxes.is_empty());
        Ok(Some((assignments.collect(), plan.retry)))
    }

    async fn record(
        &self,
        order: &WorkOrder,
        assignment: &Assignment,
        outcomes: Vec<AttemptOutcome>,
        retry: RetryPolicy,
    ) -> Result<(), Error> {
        let stream = outcome_stream(self.journal.programme(), assignment.key.phase.as_ref())?;
        let mut origin = Origin::part("worker");
        origin.correlation_id = Some(order.correlation_id);
        origin.causation_id = order.causation_id;
        let on = Decision::on(stream);
        let decided = self.journal.decide(&on, &origin, |snapshot, now| {
            let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
            let recorder =
                Recorder { assignment, state: snapshot, retry, now, jitter: &mut *jitter };
            Ok::<_, Error>(recorder.events(&outcomes))
        });
        let (events, _) = decided.await?;
        for (event, _) in &events {
            count(event);
        }
        Ok(())
    }
}

/// Counts the mailboxes of a recorded outcome.
fn count(event: &Event) {
    let add = |effect: String, outcome: &'static str, mailboxes: &MailboxSet| {
        let counter = counter!("tramonto_outcomes_total", "effect" => effect, "outcome" => outcome);
        counter.increment(mailboxes.len());
    };
    if let Some((capability, outcome)) = event.as_removal() {
        let verdict = match outcome.verdict {
            Verdict::Applied => "applied",
            Verdict::AlreadySo => "already-so",
            Verdict::Confirmed => "confirmed",
        };
        add(capability.to_string(), verdict, &outcome.mailboxes);
    } else if let Event::RightsRestored(restored) = event {
        add(restored.capabilities.to_string(), "restored", &restored.mailboxes);
    } else if let Event::RightsArmed(armed) = event {
        add(armed.capabilities.to_string(), "armed", &armed.mailboxes);
    } else if let Event::EffectFailed(failure) = event {
        add(failure.capabilities.to_string(), "transient", &failure.mailboxes);
    } else if let Event::IncidentOpened(incident) = event {
        add(incident.capabilities.to_string(), "permanent", &incident.mailboxes);
    }
}

/// The mailboxes whose armed ends of all the task's rights have passed.
fn armed(state: &domain::State, task: &Task, now: DateTime<Utc>) -> RoaringBitmap {
    let mut armed = task.mailboxes.clone();
    for capability in task.capabilities.iter() {
        let ended = state.rights.armed(capability).filter(|(until, _)| *until <= now);
        armed &= ended.fold(RoaringBitmap::new(), |all, (_, mailboxes)| all | mailboxes);
    }
    armed
}
