//! The sweep: finds work in the state alone and dispatches it as work orders.
//!
//! Invariant: every difference between desired and applied is dispatched, in the order of the plan
//! and by ascending number, with a bounded number of orders in flight. The sweep remembers
//! dispatched mailboxes only to avoid concurrent duplicates; it forgets them when no order is in
//! flight, at every recurring sweep and on a restart, so lost orders are dispatched again.
//! Deliberately absent: any trust in the bus.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::{WorkOrder, WorkQueue};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Change, Command, MailboxSet, PhaseId, PlatformCapabilities, State, Task, Tick};
use eventstore::{Decision, Journal, Origin, programme_stream, voucher_stream};
use roaring::RoaringBitmap;
use tracing::Instrument;
use uuid::Uuid;

use crate::Error;

/// The interval at which orders in flight are counted if nothing else wakes the sweep.
const RECOUNT: TimeDelta = TimeDelta::seconds(2);

/// The interval at which disarming for an amendment is retried.
const DISARM_RETRY: TimeDelta = TimeDelta::seconds(30);

/// The bounds of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepSettings {
    /// Mailboxes in one order; one event and one platform call each. 65,536 is one Roaring
    /// container and, as measured, the size beyond which writes get no cheaper. An order may be a
    /// quarter larger to end at a container boundary.
    pub batch: u32,
    /// Orders in flight, including those waiting in the queue: the back-pressure.
    pub orders: u64,
}

impl Default for SweepSettings {
    fn default() -> Self {
        Self { batch: 65_536, orders: 16 }
    }
}

/// Finds work and dispatches it; completes phases whose mailboxes are all accounted for.
pub struct Sweep {
    journal: Arc<Journal>,
    queue: Arc<dyn WorkQueue>,
    reach: PlatformCapabilities,
    settings: SweepSettings,
    dispatched: BTreeMap<(Change, Option<PhaseId>), RoaringBitmap>,
    last_recurring: BTreeMap<PhaseId, DateTime<Utc>>,
    quiet: Option<Quiet>,
    /// The next retry of disarming for an amendment.
    disarm_at: Option<DateTime<Utc>>,
}

/// The last inspection found no work, and none can appear at this position until that instant.
struct Quiet {
    position: u64,
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl Quiet {
    fn holds(&self, position: u64, now: DateTime<Utc>) -> bool {
        self.position == position && now >= self.since && self.until.is_none_or(|until| now < until)
    }
}

/// The result of an inspection.
#[derive(Default)]
struct Found {
    tasks: Vec<Task>,
    complete: Vec<PhaseId>,
    /// A proposed amendment can be adopted or dropped.
    adopts: bool,
    causes: BTreeMap<PhaseId, Uuid>,
    next_wake: Option<DateTime<Utc>>,
}

impl Sweep {
    /// A sweep that has dispatched nothing yet.
    pub fn new(
        journal: Arc<Journal>,
        queue: Arc<dyn WorkQueue>,
        reach: PlatformCapabilities,
        settings: SweepSettings,
    ) -> Self {
        let (dispatched, last_recurring) = (BTreeMap::new(), BTreeMap::new());
        Self {
            journal,
            queue,
            reach,
            settings,
            dispatched,
            last_recurring,
            quiet: None,
            disarm_at: None,
        }
    }

    /// One pass: dispatches eligible work and completes finished phases.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let now = self.journal.now();
        // Counted first, so that the inspection sees the outcomes of every order that ended.
        let backlog = self.queue.backlog().await?;
        let in_flight = backlog.waiting + backlog.delayed + backlog.in_flight;
        let Some(found) = self.inspect(now).await? else { return Ok(Tick::default()) };
        if in_flight == 0 && self.awaits_outcomes() {
            tracing::debug!("orders lost or failed; dispatching their mailboxes again");
            self.dispatched.retain(|(change, _), _| !records_outcome(*change));
        }
        let mut progress = 0;
        if found.adopts {
            progress += u64::from(self.adopt(now).await?);
        }
        let again = self.retry_disarming(in_flight, now).await?;
        for phase in &found.complete {
            progress += u64::from(self.complete(phase, now).await?);
        }
        let mut room = self.settings.orders.saturating_sub(in_flight);
        for task in found.tasks {
            let cause = task.phase.as_ref().and_then(|phase| found.causes.get(phase)).copied();
            while room > 0 {
                let Some(mailboxes) = self.take_batch(&task) else { break };
                self.dispatch(self.order(&task, mailboxes, cause)).await?;
                room -= 1;
                progress += 1;
            }
        }
        // A lost order leaves no event, so orders in flight are counted again soon.
        let recount = self.awaits_outcomes().then(|| now + RECOUNT);
        let wakes = [found.next_wake, recount, again];
        Ok(Tick { progress, next_wake: wakes.into_iter().flatten().min() })
    }

    /// Retries failed disarming while an amendment is proposed; returns the next retry.
    async fn retry_disarming(
        &mut self,
        in_flight: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, Error> {
        if self.journal.state().await?.programme.proposed().is_none() {
            self.disarm_at = None;
            return Ok(None);
        }
        let at = *self.disarm_at.get_or_insert(now + DISARM_RETRY);
        if now >= at && in_flight == 0 {
            self.dispatched.retain(|(change, _), _| *change != Change::Arm { until: None });
            self.disarm_at = Some(now + DISARM_RETRY);
        }
        Ok(self.disarm_at)
    }

    /// Adopts or drops the proposed amendment; false if another process did.
    async fn adopt(&self, now: DateTime<Utc>) -> Result<bool, Error> {
        let programme = self.journal.programme();
        let on = Decision::on(programme_stream(programme)?).depends_on(voucher_stream(programme)?);
        let proposed = {
            let snapshot = self.journal.state().await?;
            snapshot.programme.proposed().map(|(cause, _)| *cause)
        };
        let Some(cause) = proposed else { return Ok(false) };
        let origin = Origin::part("sweep").caused_by(cause, cause);
        let decided = self.journal.decide(&on, &origin, |state, _| {
            // A newer proposal may have replaced it.
            let same = state.programme.proposed().is_some_and(|(now, _)| *now == cause);
            let events = state.decide(Command::AdoptProposed, now).unwrap_or_default();
            Ok::<_, eventstore::Error>(if same { events } else { Vec::new() })
        });
        Ok(!decided.await?.0.is_empty())
    }

    /// Is an order in flight that must end with an event?
    fn awaits_outcomes(&self) -> bool {
        self.dispatched.keys().any(|(change, _)| records_outcome(*change))
    }

    /// The work to do; `None` while the programme is paused or has no plan.
    async fn inspect(&mut self, now: DateTime<Utc>) -> Result<Option<Found>, Error> {
        let snapshot = self.journal.state().await?;
        let state = &*snapshot;
        if let Some(quiet) =
            self.quiet.as_ref().filter(|quiet| quiet.holds(snapshot.position(), now))
        {
            return Ok(Some(Found { next_wake: quiet.until, ..Found::default() }));
        }
        self.quiet = None;
        let Some(plan) = state.plan().filter(|_| !state.programme.paused) else {
            self.dispatched.clear();
            return Ok(None);
        };
        if self.last_recurring != state.programme.recurring {
            self.last_recurring.clone_from(&state.programme.recurring);
            self.dispatched.clear();
        }
        let tasks = domain::tasks(state, now, self.reach);
        let in_flight =
            |phase: &PhaseId| tasks.iter().any(|task| task.phase.as_ref() == Some(phase));
        let started: Vec<_> =
            plan.phases.iter().filter_map(|phase| state.phases.get(&phase.id)).collect();
        let complete = started.iter().map(|started| &started.event.phase);
        let complete = complete.filter(|phase| !in_flight(phase) && is_complete(state, phase, now));
        let found = Found {
            complete: complete.cloned().collect(),
            adopts: !state.decide(Command::AdoptProposed, now).unwrap_or_default().is_empty(),
            causes: started
                .iter()
                .map(|started| (started.event.phase.clone(), started.cause))
                .collect(),
            next_wake: domain::next_wake(state, now, self.reach),
            tasks,
        };
        if found.tasks.is_empty() && found.complete.is_empty() && !found.adopts {
            let (position, until) = (snapshot.position(), found.next_wake);
            self.quiet = Some(Quiet { position, since: now, until });
        }
        drop(snapshot);
        self.drop_settled(&found.tasks);
        Ok(Some(found))
    }

    /// Forgets dispatched mailboxes that need no work now: they are settled, or wait for a retry.
    fn drop_settled(&mut self, tasks: &[Task]) {
        let mut needed: BTreeMap<_, RoaringBitmap> = BTreeMap::new();
        for task in tasks {
            *needed.entry((task.change, task.phase.clone())).or_default() |= &task.mailboxes;
        }
        self.dispatched.retain(|heading, dispatched| {
            *dispatched &= needed.remove(heading).unwrap_or_default();
            !dispatched.is_empty()
        });
    }

    fn take_batch(&mut self, task: &Task) -> Option<RoaringBitmap> {
        let dispatched = self.dispatched.entry((task.change, task.phase.clone())).or_default();
        let mut batch = &task.mailboxes - &*dispatched;
        if let Some(beyond) = batch.select(self.settings.batch) {
            batch.remove_range(order_ends(&batch, self.settings.batch, beyond)..);
        }
        *dispatched |= &batch;
        (!batch.is_empty()).then_some(batch)
    }

    async fn dispatch(&self, order: WorkOrder) -> Result<(), bus::Error> {
        let span = tracing::info_span!(
            "dispatch",
            id = %order.id,
            correlation_id = %order.correlation_id,
            effects = %order.effects,
            mailboxes = order.mailboxes.len()
        );
        self.queue.publish(order).instrument(span).await
    }

    fn order(&self, task: &Task, mailboxes: RoaringBitmap, cause: Option<Uuid>) -> WorkOrder {
        let id = self.journal.new_id();
        WorkOrder {
            id,
            programme: self.journal.programme().clone(),
            phase: task.phase.clone(),
            effects: task.capabilities,
            mailboxes: MailboxSet::from(mailboxes),
            correlation_id: cause.unwrap_or(id),
            causation_id: cause,
        }
    }

    /// Records that a phase is complete; false if another process did, or if it is not complete.
    async fn complete(&self, phase: &PhaseId, now: DateTime<Utc>) -> Result<bool, Error> {
        let cause = self.journal.state().await?.phases.get(phase).map(|started| started.cause);
        let Some(cause) = cause else { return Ok(false) };
        let on = Decision::on(programme_stream(self.journal.programme())?);
        let origin = Origin::part("sweep").caused_by(cause, cause);
        let span = tracing::info_span!("complete", correlation_id = %cause, phase = phase.as_str());
        let decided = self.journal.decide(&on, &origin, |snapshot, _| {
            let events = snapshot.decide(Command::CompletePhase(phase.clone()), now);
            Ok::<_, Error>(events.unwrap_or_default())
        });
        let (events, _) = decided.instrument(span).await?;
        Ok(!events.is_empty())
    }
}

/// The end of an order whose full size would end at `full`: a container boundary, if one is near
/// enough. Two orders within the same 65,536 numbers would block each other in the directory.
fn order_ends(mailboxes: &RoaringBitmap, batch: u32, full: u32) -> u32 {
    let begins = full & !0xffff;
    let ends = begins.saturating_add(0x1_0000);
    let most = u64::from(batch) + u64::from(batch / 4);
    if mailboxes.range_cardinality(..ends) <= most {
        ends
    } else if mailboxes.min().is_some_and(|first| first < begins) {
        begins
    } else {
        full
    }
}

/// Does every order of this change end with an event? Failed arming records none: a recurring sweep
/// dispatches it again, and on its date the right is removed in any case.
fn records_outcome(change: Change) -> bool {
    match change {
        Change::Close { .. } | Change::Restore | Change::Issue => true,
        Change::Arm { .. } => false,
    }
}

fn is_complete(state: &State, phase: &PhaseId, now: DateTime<Utc>) -> bool {
    state.phases.get(phase).is_some_and(|started| started.completed.is_none())
        && state.account(phase, now).is_some_and(|account| account.is_complete())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(mailboxes: &[(u32, u32)], batch: u32) -> u32 {
        let all: RoaringBitmap = mailboxes.iter().flat_map(|(first, end)| *first..*end).collect();
        order_ends(&all, batch, all.select(batch).unwrap())
    }

    #[test]
    fn an_order_ends_at_a_near_container_boundary() {
        // Two containers of 40,000 make one order; a third is left to the next.
        assert_eq!(ends(&[(0, 40_000), (65_536, 105_536)], 65_536), 131_072);
        assert_eq!(ends(&[(0, 40_000), (65_536, 105_536), (131_072, 171_072)], 65_536), 131_072);
        // Two full containers are too many.
        assert_eq!(ends(&[(10, 131_072)], 65_536), 65_536);
        assert_eq!(ends(&[(0, 131_072)], 65_536), 65_536);
        // A small order takes part of one container, never of two.
        assert_eq!(ends(&[(100, 300)], 20), 120);
        assert_eq!(ends(&[(65_530, 65_900)], 20), 65_536);
        // The rest of a container gets no order of its own.
        assert_eq!(ends(&[(65_514, 65_538)], 20), 65_536);
        assert_eq!(ends(&[(65_512, 65_536), (65_536, 70_000)], 20), 65_536);
        // No number follows the last container.
        let last = 0xffff_0000;
        assert_eq!(ends(&[(last, last + 200)], 50), last + 50);
    }
}
