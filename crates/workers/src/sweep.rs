//! The sweep: finds what is to be done in the state alone and hands it out as work orders.
//!
//! Invariant: whatever differs between desired and applied is handed out, in the order of the plan and
//! by ascending number, with a bounded number of orders under way. What was handed out is remembered
//! only so as not to hand it out twice at once; the memory is let go when no order is under way any more,
//! by every recurring sweep and by a restart, so a lost order is found again. Deliberately absent: any
//! trust in the bus.

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

/// How soon orders under way are counted again, where nothing else wakes the sweep.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(2);

/// How soon ends that an amendment moves are called off again, where the platform did not do it.
const CALL_OFF_AGAIN: TimeDelta = TimeDelta::seconds(30);

/// The bounds of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepSettings {
    /// Mailboxes in one order; one event and one platform call each. 65,536 is one Roaring container
    /// and, measured, where writing stops getting cheaper. Up to a quarter more where an order then ends with a
    /// container.
    pub batch: u32,
    /// Orders under way at once, those that wait included: the back-pressure.
    pub orders: u64,
}

impl Default for SweepSettings {
    fn default() -> Self {
        Self { batch: 65_536, orders: 16 }
    }
}

/// Finds work and hands it out; completes phases that have accounted for everyone.
pub struct Sweep {
    journal: Arc<Journal>,
    queue: Arc<dyn WorkQueue>,
    reach: PlatformCapabilities,
    settings: SweepSettings,
    handed_out: BTreeMap<(Change, Option<PhaseId>), RoaringBitmap>,
    last_recurring: BTreeMap<PhaseId, DateTime<Utc>>,
    quiet: Option<Quiet>,
    /// When ends that are to be called off for an amendment are handed out again.
    call_off_at: Option<DateTime<Utc>>,
}

/// The last look found nothing to do, and nothing can have come up while the log and the hour say so.
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

/// What a look at the state found.
#[derive(Default)]
struct Found {
    tasks: Vec<Task>,
    complete: Vec<PhaseId>,
    /// An amendment waits and is to be adopted, or dropped.
    adopts: bool,
    causes: BTreeMap<PhaseId, Uuid>,
    next_wake: Option<DateTime<Utc>>,
}

impl Sweep {
    /// A sweep that has handed out nothing yet.
    pub fn new(
        journal: Arc<Journal>,
        queue: Arc<dyn WorkQueue>,
        reach: PlatformCapabilities,
        settings: SweepSettings,
    ) -> Self {
        let (handed_out, last_recurring) = (BTreeMap::new(), BTreeMap::new());
        Self {
            journal,
            queue,
            reach,
            settings,
            handed_out,
            last_recurring,
            quiet: None,
            call_off_at: None,
        }
    }

    /// One pass: hands out what may be handed out, completes what is complete.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let now = self.journal.now();
        // Counted before the look: what ended since then, the look has seen.
        let backlog = self.queue.backlog().await?;
        let under_way = backlog.waiting + backlog.delayed + backlog.in_flight;
        let Some(found) = self.look(now).await? else { return Ok(Tick::default()) };
        if under_way == 0 && self.awaits_outcomes() {
            tracing::debug!("orders were lost or given up: what they were for is handed out again");
            self.handed_out.retain(|(change, _), _| !leaves_a_trace(*change));
        }
        let mut progress = 0;
        if found.adopts {
            progress += u64::from(self.adopt(now).await?);
        }
        let again = self.called_off_again(under_way, now).await?;
        for phase in &found.complete {
            progress += u64::from(self.complete(phase, now).await?);
        }
        let mut room = self.settings.orders.saturating_sub(under_way);
        for task in found.tasks {
            let cause = task.phase.as_ref().and_then(|phase| found.causes.get(phase)).copied();
            while room > 0 {
                let Some(mailboxes) = self.take_batch(&task) else { break };
                self.hand_out(self.order(&task, mailboxes, cause)).await?;
                room -= 1;
                progress += 1;
            }
        }
        // An order can be lost without a trace: while some are under way, they are counted again soon.
        let look_again = self.awaits_outcomes().then(|| now + LOOK_AGAIN);
        let wakes = [found.next_wake, look_again, again];
        Ok(Tick { progress, next_wake: wakes.into_iter().flatten().min() })
    }

    /// While an amendment waits, ends that could not be called off are tried again soon: when, if it waits.
    async fn called_off_again(
        &mut self,
        under_way: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, Error> {
        if self.journal.state().await?.programme.proposed().is_none() {
            self.call_off_at = None;
            return Ok(None);
        }
        let at = *self.call_off_at.get_or_insert(now + CALL_OFF_AGAIN);
        if now >= at && under_way == 0 {
            self.handed_out.retain(|(change, _), _| *change != Change::Arm { until: None });
            self.call_off_at = Some(now + CALL_OFF_AGAIN);
        }
        Ok(self.call_off_at)
    }

    /// Adopts the amendment that waits, or drops it; false where somebody else did.
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
            // Another one may have taken its place.
            let same = state.programme.proposed().is_some_and(|(now, _)| *now == cause);
            let events = state.decide(Command::AdoptProposed, now).unwrap_or_default();
            Ok::<_, eventstore::Error>(if same { events } else { Vec::new() })
        });
        Ok(!decided.await?.0.is_empty())
    }

    /// Is something handed out whose order can't end without a trace in the log?
    fn awaits_outcomes(&self) -> bool {
        self.handed_out.keys().any(|(change, _)| leaves_a_trace(*change))
    }

    /// What is to be done; `None` while the programme is paused or has no plan.
    async fn look(&mut self, now: DateTime<Utc>) -> Result<Option<Found>, Error> {
        let snapshot = self.journal.state().await?;
        let state = &*snapshot;
        if let Some(quiet) =
            self.quiet.as_ref().filter(|quiet| quiet.holds(snapshot.position(), now))
        {
            return Ok(Some(Found { next_wake: quiet.until, ..Found::default() }));
        }
        self.quiet = None;
        let Some(plan) = state.plan().filter(|_| !state.programme.is_paused()) else {
            self.handed_out.clear();
            return Ok(None);
        };
        if self.last_recurring != *state.programme.last_occurrences() {
            self.last_recurring.clone_from(state.programme.last_occurrences());
            self.handed_out.clear();
        }
        let tasks = domain::tasks(state, now, self.reach);
        let under_way =
            |phase: &PhaseId| tasks.iter().any(|task| task.phase.as_ref() == Some(phase));
        let started: Vec<_> =
            plan.phases.iter().filter_map(|phase| state.phases.get(&phase.id)).collect();
        let complete = started.iter().map(|started| &started.event.phase);
        let complete = complete.filter(|phase| !under_way(phase) && is_complete(state, phase, now));
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
        self.forget_settled(&found.tasks);
        Ok(Some(found))
    }

    /// What is no longer needed was settled, or waits for its next attempt.
    fn forget_settled(&mut self, tasks: &[Task]) {
        let mut needed: BTreeMap<_, RoaringBitmap> = BTreeMap::new();
        for task in tasks {
            *needed.entry((task.change, task.phase.clone())).or_default() |= &task.mailboxes;
        }
        self.handed_out.retain(|heading, handed_out| {
            *handed_out &= needed.remove(heading).unwrap_or_default();
            !handed_out.is_empty()
        });
    }

    fn take_batch(&mut self, task: &Task) -> Option<RoaringBitmap> {
        let handed_out = self.handed_out.entry((task.change, task.phase.clone())).or_default();
        let mut batch = &task.mailboxes - &*handed_out;
        if let Some(beyond) = batch.select(self.settings.batch) {
            batch.remove_range(order_ends(&batch, self.settings.batch, beyond)..);
        }
        *handed_out |= &batch;
        (!batch.is_empty()).then_some(batch)
    }

    async fn hand_out(&self, order: WorkOrder) -> Result<(), bus::Error> {
        let span = tracing::info_span!(
            "hand out",
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

    /// Records that a phase has accounted for everyone; false where somebody else did, or where it has
    /// not after all.
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

/// Where an order ends whose full size would end at a number: with a container, if one ends near enough. Two orders
/// about the same 65,536 numbers would wait for each other in the directory.
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

/// Does its order record an outcome, whatever comes of it? One that could not be armed leaves none: it is
/// handed out again by a recurring sweep, and at its date the right is taken away all the same.
fn leaves_a_trace(change: Change) -> bool {
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
    fn an_order_ends_with_a_container_where_one_ends_near() {
        // Of two containers with 40,000 each both are taken; of three, the third is left to the next order.
        assert_eq!(ends(&[(0, 40_000), (65_536, 105_536)], 65_536), 131_072);
        assert_eq!(ends(&[(0, 40_000), (65_536, 105_536), (131_072, 171_072)], 65_536), 131_072);
        // Two full ones are too many.
        assert_eq!(ends(&[(10, 131_072)], 65_536), 65_536);
        assert_eq!(ends(&[(0, 131_072)], 65_536), 65_536);
        // A small order takes its part of one container, and never of two.
        assert_eq!(ends(&[(100, 300)], 20), 120);
        assert_eq!(ends(&[(65_530, 65_900)], 20), 65_536);
        // What is left of a container is not left for an order of its own.
        assert_eq!(ends(&[(65_514, 65_538)], 20), 65_536);
        assert_eq!(ends(&[(65_512, 65_536), (65_536, 70_000)], 20), 65_536);
        // There is no number behind the last container.
        let last = 0xffff_0000;
        assert_eq!(ends(&[(last, last + 200)], 50), last + 50);
    }
}
