use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Command, Event, LogCommand, State, Tick, VoucherCommand};
use eventstore::{
    Decision, Filter, Journal, Origin, Snapshot, archive_stream, notice_stream, programme_stream,
    schedule_stream, voucher_stream,
};
use tracing::Instrument;
use tracing::field::{Empty, display};

use crate::{Error, clock, notices, recurring};

/// Turns dates into events: one pass is a [`tick`](Scheduler::tick).
pub struct Scheduler {
    journal: Arc<Journal>,
    recurring: recurring::Schedule,
    notices: notices::Schedule,
    /// Position and time of recording of the newest event that was checked against the clock.
    newest: Option<(u64, DateTime<Utc>)>,
}

impl Scheduler {
    /// A scheduler of the journal's programme. Any number of them may run on one log.
    pub fn new(journal: Arc<Journal>) -> Self {
        let (recurring, notices) = (recurring::Schedule::default(), notices::Schedule::default());
        Self { journal, recurring, notices, newest: None }
    }

    /// Starts due phases in order and records recurring work that is due. Phases come first: a bad
    /// cron expression delays none of them.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let journal = Arc::clone(&self.journal);
        let now = journal.now();
        self.check_clock(now).await?;
        let progress = self.start_phases(now).await?
            + self.record_recurring(now).await?
            + self.release_notices(now).await?
            + self.expire_vouchers(now).await?
            + self.expire_links(now).await?;
        let snapshot = journal.state().await?;
        self.recurring.adopt(&snapshot.programme)?;
        self.recurring.skip_missed(now);
        let next_phase = next_phase(&snapshot);
        let next_notice = self.notices.next_wake(&snapshot, now);
        let wakes = [next_phase, self.recurring.next_wake(), next_notice];
        Ok(Tick { progress, next_wake: wakes.into_iter().flatten().min() })
    }

    async fn check_clock(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        let position = {
            let snapshot = self.journal.state().await?;
            if let Some(plan) = snapshot.plan() {
                clock::not_ahead(now, plan)?;
            }
            snapshot.position()
        };
        if self.newest.is_none_or(|(seen, _)| seen < position) && position > 0 {
            let last = self.journal.store().read_all(position - 1, &Filter::default(), 1).await?;
            self.newest = last.events.first().map(|event| (event.position, event.recorded_at));
        }
        self.newest.map_or(Ok(()), |(_, newest)| clock::not_behind(now, newest))
    }

    async fn start_phases(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let on = Decision::on(programme_stream(self.journal.programme())?);
        let start = |snapshot: &Snapshot<'_>| {
            if next_phase(snapshot).is_none_or(|at| at > now) {
                return Ok(Vec::new());
            }
            let command = Command::StartPhase { frozen_at: snapshot.position() };
            snapshot.decide(command, now).map_err(Error::Rejected)
        };
        let mut started = 0;
        loop {
            match record(&self.journal, &on, now, start).await? {
                0 => return Ok(started),
                more => started += more,
            }
        }
    }

    async fn record_recurring(&mut self, now: DateTime<Utc>) -> Result<u64, Error> {
        let Self { journal, recurring, .. } = self;
        let on = Decision::on(schedule_stream(journal.programme())?);
        record(journal, &on, now, |snapshot| {
            recurring.adopt(&snapshot.programme)?;
            let mut events = Vec::new();
            for due in recurring.due(now) {
                let decided = snapshot.decide(Command::RecurringWorkDue(due), now);
                events.extend(decided.map_err(Error::Rejected)?);
            }
            Ok(events)
        })
        .await
    }

    /// Releases the batches of notices whose occurrence has come.
    async fn release_notices(&mut self, now: DateTime<Utc>) -> Result<u64, Error> {
        let Self { journal, notices, .. } = self;
        let on = Decision::on(notice_stream(journal.programme())?);
        record(journal, &on, now, |snapshot| {
            notices.adopt(&snapshot.programme)?;
            let due = notices.due(snapshot, now).into_iter();
            let release = |(notice, at)| domain::release(snapshot, &notice, at, now);
            Ok(due.filter_map(release).collect())
        })
        .await
    }

    /// Expires the vouchers that were not redeemed in time, at the first occurrence of their sweep
    /// after the last day: one sweep for all of them, and no timer for any.
    async fn expire_vouchers(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let programme = self.journal.programme();
        // An amendment of the plan may move the last day at this very moment.
        let on = Decision::on(voucher_stream(programme)?).depends_on(programme_stream(programme)?);
        record(&self.journal, &on, now, |snapshot| {
            if !domain::sweep_is_due(snapshot) {
                return Ok(Vec::new());
            }
            snapshot.decide_voucher(VoucherCommand::Expire, now).map_err(Error::Rejected)
        })
        .await
    }

    /// Expires the links to message-log exports, at the first occurrence of their sweep after their
    /// last instant. The archive then deletes the exports.
    async fn expire_links(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let on = Decision::on(archive_stream(self.journal.programme())?);
        record(&self.journal, &on, now, |snapshot| {
            if !domain::link_sweep_is_due(snapshot) {
                return Ok(Vec::new());
            }
            snapshot.decide_log_request(LogCommand::Expire, now).map_err(Error::Rejected)
        })
        .await
    }
}

/// Records what is due and returns how many events that is.
async fn record(
    journal: &Journal,
    on: &Decision,
    now: DateTime<Utc>,
    mut due: impl FnMut(&Snapshot<'_>) -> Result<Vec<Event>, Error>,
) -> Result<u64, Error> {
    // Nothing is due in most ticks, and then the versions of streams need not be read.
    let kind = match due(&journal.state().await?)?.first() {
        Some(event) => event.kind().0,
        None => return Ok(0),
    };
    let origin = Origin::part("scheduler");
    let write = |events: &[Event], _| {
        let written = |event| journal.new_event(event, effective_at(event, now), &origin);
        let written: Vec<_> = events.iter().map(written).collect::<Result<_, _>>()?;
        if let Some(first) = written.first() {
            tracing::Span::current().record("correlation_id", display(first.correlation_id));
        }
        Ok(written)
    };
    let span = tracing::info_span!("due", correlation_id = Empty, kind);
    let decided = journal.decide_as(on, |snapshot, _| due(snapshot), write).instrument(span);
    let (events, _) = decided.await?;
    events.iter().for_each(log);
    Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
}

/// When the first phase that has not started is due.
fn next_phase(state: &State) -> Option<DateTime<Utc>> {
    let plan = state.plan()?;
    let next = plan.phases.iter().position(|phase| !state.phases.has_started(&phase.id))?;
    Some(plan.starts_at(next))
}

/// An event that a date causes takes effect at that date, however late it is recorded.
fn effective_at(event: &Event, now: DateTime<Utc>) -> DateTime<Utc> {
    if let Event::PhaseStarted(started) = event {
        started.due_at
    } else if let Event::RecurringWorkDue(due) = event {
        due.scheduled_for
    } else if let Event::NoticesReleased(released) = event {
        released.scheduled_for
    } else {
        now
    }
}

fn log(event: &Event) {
    if let Event::PhaseStarted(started) = event {
        let (phase, late) = (started.phase.as_str(), started.late_seconds);
        tracing::info!(phase, due_at = %started.due_at, late_seconds = late, "phase started");
    } else if let Event::RecurringWorkDue(due) = event {
        let (work, late) = (due.name.as_str(), due.late_seconds);
        tracing::debug!(work, due_at = %due.scheduled_for, late_seconds = late, "recurring work \
            due");
    } else if let Event::NoticesReleased(released) = event {
        let (notice, mailboxes) = (released.notice.as_str(), released.mailboxes.len());
        tracing::info!(notice, mailboxes, "notices released");
    } else if let Event::VouchersExpired(expired) = event {
        tracing::info!(vouchers = expired.mailboxes.len(), "vouchers expired");
    } else if let Event::LogExportExpired(expired) = event {
        tracing::info!(request = %expired.request, "link to message-log export expired");
    }
}
