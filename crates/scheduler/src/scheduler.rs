use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Command, Event, LogCommand, ProgrammeId, State, Tick, VoucherCommand};
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

/// What becomes due on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// Phases start, in order.
    Phases,
    /// Occurrences of recurring work.
    RecurringWork,
    /// Batches of notices whose occurrence has come.
    Notices,
    /// Vouchers that were not redeemed in time expire, at the first occurrence of their sweep after
    /// the last day: one sweep for all of them, and no timer for any.
    Vouchers,
    /// Links to message-log exports expire, at the first occurrence of their sweep after their last
    /// instant. The archive then deletes the exports.
    Links,
}

/// Phases come first: a bad cron expression delays none of them.
const IN_ORDER: [Duty; 5] =
    [Duty::Phases, Duty::RecurringWork, Duty::Notices, Duty::Vouchers, Duty::Links];

impl Scheduler {
    /// A scheduler of the journal's programme. Any number of them may run on one log.
    pub fn new(journal: Arc<Journal>) -> Self {
        let (recurring, notices) = (recurring::Schedule::default(), notices::Schedule::default());
        Self { journal, recurring, notices, newest: None }
    }

    /// Starts due phases in order and records what else is due. Mostly nothing is, and then the
    /// state is read once.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let journal = Arc::clone(&self.journal);
        let now = journal.now();
        let mut snapshot = journal.state().await?;
        self.check_clock(&snapshot, now).await?;
        let mut progress = 0;
        for duty in IN_ORDER {
            while !self.due(duty, &snapshot, now)?.is_empty() {
                drop(snapshot);
                progress += self.record(duty, now).await?;
                snapshot = journal.state().await?;
                if duty != Duty::Phases {
                    break;
                }
            }
        }
        self.recurring.adopt(&snapshot.programme)?;
        self.recurring.skip_missed(now);
        let next_phase = next_phase(&snapshot);
        let next_notice = self.notices.next_wake(&snapshot, now);
        let wakes = [next_phase, self.recurring.next_wake(), next_notice];
        Ok(Tick { progress, next_wake: wakes.into_iter().flatten().min() })
    }

    async fn check_clock(
        &mut self,
        snapshot: &Snapshot<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        if let Some(plan) = snapshot.plan() {
            clock::not_ahead(now, plan)?;
        }
        let position = snapshot.position();
        if self.newest.is_none_or(|(seen, _)| seen < position) && position > 0 {
            let last = self.journal.store().read_all(position - 1, &Filter::default(), 1).await?;
            self.newest = last.events.first().map(|event| (event.position, event.recorded_at));
        }
        self.newest.map_or(Ok(()), |(_, newest)| clock::not_behind(now, newest))
    }

    /// The events that are due at an instant.
    fn due(
        &mut self,
        duty: Duty,
        snapshot: &Snapshot<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Error> {
        let decided = match duty {
            Duty::Phases if next_phase(snapshot).is_some_and(|at| at <= now) => {
                snapshot.decide(Command::StartPhase { frozen_at: snapshot.position() }, now)
            }
            Duty::RecurringWork => {
                self.recurring.adopt(&snapshot.programme)?;
                let due = self.recurring.due(now).into_iter();
                let decide = |due| snapshot.decide(Command::RecurringWorkDue(due), now);
                due.map(decide).collect::<Result<Vec<_>, _>>().map(|events| events.concat())
            }
            Duty::Notices => {
                self.notices.adopt(&snapshot.programme)?;
                let due = self.notices.due(snapshot, now).into_iter();
                Ok(due
                    .filter_map(|(notice, at)| domain::release(snapshot, &notice, at, now))
                    .collect())
            }
            Duty::Vouchers if domain::sweep_is_due(snapshot) => {
                snapshot.decide_voucher(VoucherCommand::Expire, now)
            }
            Duty::Links if domain::link_sweep_is_due(snapshot) => {
                snapshot.decide_log_request(LogCommand::Expire, now)
            }
            Duty::Phases | Duty::Vouchers | Duty::Links => Ok(Vec::new()),
        };
        decided.map_err(Error::Rejected)
    }

    /// Records what is due and returns how many events that is.
    async fn record(&mut self, duty: Duty, now: DateTime<Utc>) -> Result<u64, Error> {
        let journal = Arc::clone(&self.journal);
        let on = decision(duty, journal.programme())?;
        let origin = Origin::part("scheduler");
        let write = |events: &[Event], _| {
            let written = |event| journal.new_event(event, effective_at(event, now), &origin);
            let written: Vec<_> = events.iter().map(written).collect::<Result<_, _>>()?;
            if let Some(first) = written.first() {
                let span = tracing::Span::current();
                span.record("correlation_id", display(first.correlation_id));
                span.record("kind", first.kind.as_str());
            }
            Ok(written)
        };
        let span = tracing::info_span!("due", correlation_id = Empty, kind = Empty);
        let due = |snapshot: &Snapshot<'_>, _| self.due(duty, snapshot, now);
        let (events, _) = journal.decide_as(&on, due, write).instrument(span).await?;
        events.iter().for_each(log);
        Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
    }
}

/// The stream that lets one scheduler win, and those whose growth repeats the decision.
fn decision(duty: Duty, programme: &ProgrammeId) -> Result<Decision, Error> {
    let on = match duty {
        Duty::Phases => programme_stream(programme)?,
        Duty::RecurringWork => schedule_stream(programme)?,
        Duty::Notices => notice_stream(programme)?,
        // An amendment of the plan may move the last day at this very moment.
        Duty::Vouchers => {
            let on = Decision::on(voucher_stream(programme)?);
            return Ok(on.depends_on(programme_stream(programme)?));
        }
        Duty::Links => archive_stream(programme)?,
    };
    Ok(Decision::on(on))
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
