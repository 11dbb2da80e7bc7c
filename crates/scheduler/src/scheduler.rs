use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Command, Event, LogCommand, Rejection, State, Tick, VoucherCommand};
use eventstore::{
    Append, Deciding, Filter, Follower, Journal, Origin, StreamName, archive_stream, notice_stream,
    programme_stream, schedule_stream, voucher_stream,
};

use tracing::Instrument;

use crate::recurring::Agenda;
use crate::rounds::Rounds;
use crate::{Error, clock};

/// How often a tick decides again after another writer was faster; then the next tick goes on.
const DECISIONS: usize = 16;

/// Turns dates into events: one pass is a [`tick`](Scheduler::tick).
pub struct Scheduler {
    journal: Arc<Journal>,
    agenda: Agenda,
    rounds: Rounds,
    /// The newest event whose time of recording is known: its position and that time.
    newest: Option<(u64, DateTime<Utc>)>,
}

impl Scheduler {
    /// A scheduler of the journal's programme. Any number of them may run on one log.
    pub fn new(journal: Arc<Journal>) -> Self {
        Self { journal, agenda: Agenda::default(), rounds: Rounds::default(), newest: None }
    }

    /// Starts what is due, in order, and records recurring work that came due. Phases come first: a bad
    /// cron expression holds up none of them.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let journal = Arc::clone(&self.journal);
        let now = journal.now();
        self.check_clock(now).await?;
        let phases = self.start_phases(now).await?;
        let recurring = self.record_recurring(now).await?;
        let released = self.release_notices(now).await?;
        let expired = self.expire_vouchers(now).await?;
        let ended = self.end_links(now).await?;
        let known = journal.known().await?;
        self.agenda.follow(&known.state().programme)?;
        self.agenda.pass_over(now);
        let next_phase = next_phase(known.state());
        let round = self.rounds.next_wake(known.state(), now);
        let next_wake = [next_phase, self.agenda.next_wake(), round].into_iter().flatten().min();
        let progress = phases + recurring + released + expired + ended;
        Ok(Tick { progress, next_wake })
    }

    async fn check_clock(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        let position = {
            let known = self.journal.known().await?;
            if let Some(plan) = known.state().plan() {
                clock::not_ahead(now, plan)?;
            }
            known.position()
        };
        if self.newest.is_none_or(|(seen, _)| seen < position) && position > 0 {
            let last = self.journal.store().read_all(position - 1, &Filter::default(), 1).await?;
            self.newest = last.events.first().map(|event| (event.position, event.recorded_at));
        }
        self.newest.map_or(Ok(()), |(_, newest)| clock::not_behind(now, newest))
    }

    async fn start_phases(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let stream = programme_stream(self.journal.programme())?;
        let mut started = 0;
        let mut conflicts = 0;
        loop {
            if next_phase(self.journal.known().await?.state()).is_none_or(|at| at > now) {
                return Ok(started);
            }
            let start = |known: &Follower<State>| {
                let command = Command::StartPhase { frozen_at: known.position() };
                known.state().decide(command, now)
            };
            started += self.decide(&stream, start, now, &mut conflicts).await?;
        }
    }

    async fn record_recurring(&mut self, now: DateTime<Utc>) -> Result<u64, Error> {
        let journal = Arc::clone(&self.journal);
        let stream = schedule_stream(journal.programme())?;
        let mut conflicts = 0;
        loop {
            let due = {
                let known = journal.known().await?;
                self.agenda.follow(&known.state().programme)?;
                self.agenda.due(now)
            };
            if due.is_empty() {
                return Ok(0);
            }
            let before = conflicts;
            let record = |known: &Follower<State>| {
                let commands = due.iter().cloned().map(Command::RecurringWorkDue);
                let decided: Result<Vec<_>, _> =
                    commands.map(|command| known.state().decide(command, now)).collect();
                Ok(decided?.concat())
            };
            let recorded = self.decide(&stream, record, now, &mut conflicts).await?;
            if conflicts == before {
                return Ok(recorded);
            }
        }
    }

    /// Lets the batches go out whose occurrence has come.
    async fn release_notices(&mut self, now: DateTime<Utc>) -> Result<u64, Error> {
        let journal = Arc::clone(&self.journal);
        let stream = notice_stream(journal.programme())?;
        let mut conflicts = 0;
        loop {
            let due = {
                let known = journal.known().await?;
                self.rounds.follow(&known.state().programme)?;
                self.rounds.due(known.state(), now)
            };
            if due.is_empty() {
                return Ok(0);
            }
            let before = conflicts;
            let release = |known: &Follower<State>| {
                let released = due.iter().filter_map(|(notice, scheduled_for)| {
                    domain::release(known.state(), notice, *scheduled_for, now)
                });
                Ok(released.collect())
            };
            let released = self.decide(&stream, release, now, &mut conflicts).await?;
            if conflicts == before {
                return Ok(released);
            }
        }
    }

    /// Ends the vouchers that were not redeemed in time, once an occurrence of their sweep has come after the
    /// last day. One sweep for all of them, and no timer for any.
    async fn expire_vouchers(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let programme = self.journal.programme();
        // The last day may just be amended to a later one.
        let on = Deciding::on(voucher_stream(programme)?).beside(programme_stream(programme)?);
        let expire = |state: &State| state.decide_voucher(VoucherCommand::Expire, now);
        self.sweep(&on, domain::sweep_is_due, expire, now).await
    }

    /// Ends the links of extracts that have had their time, once an occurrence of their sweep has come after it.
    /// What has the extracts deletes them then.
    async fn end_links(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let on = Deciding::on(archive_stream(self.journal.programme())?);
        let end = |state: &State| state.decide_log_request(LogCommand::Expire, now);
        self.sweep(&on, domain::link_sweep_is_due, end, now).await
    }

    /// What a sweep ends, where one is due.
    async fn sweep(
        &self,
        on: &Deciding,
        is_due: fn(&State) -> bool,
        decide: impl Fn(&State) -> Result<Vec<Event>, Rejection>,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        if !is_due(self.journal.known().await?.state()) {
            return Ok(0);
        }
        let origin = Origin::part("scheduler");
        let ended = self.journal.decide_as(
            on,
            |state, _| {
                let ended = if is_due(state) { decide(state) } else { Ok(Vec::new()) };
                ended.map_err(Error::Rejected)
            },
            |events, _| {
                events.iter().map(|event| self.journal.written(event, now, &origin)).collect()
            },
        );
        let (events, _) = ended.await?;
        events.iter().for_each(tell);
        Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
    }

    /// Decides and appends; 0 where another writer was faster, which counts as a conflict. The version is
    /// read before the state: what anyone writes in between makes the append a conflict.
    async fn decide(
        &self,
        stream: &StreamName,
        decide: impl FnOnce(&Follower<State>) -> Result<Vec<Event>, Rejection>,
        now: DateTime<Utc>,
        conflicts: &mut usize,
    ) -> Result<u64, Error> {
        let journal = &self.journal;
        let expected = journal.version_of(stream).await?;
        let events = {
            let known = journal.known().await?;
            decide(&known).map_err(Error::Rejected)?
        };
        if events.is_empty() {
            return Ok(0);
        }
        let origin = Origin::part("scheduler");
        let ready = |event| journal.written(event, effective_at(event, now), &origin);
        let written: Result<Vec<_>, _> = events.iter().map(ready).collect();
        let append = Append::to(stream.clone(), expected, written?);
        let span = append.first().map_or_else(tracing::Span::none, |first| {
            tracing::info_span!("due", correlation_id = %first.correlation_id, kind = %first.kind)
        });
        match journal.store().append(append).instrument(span).await {
            Ok(appended) => {
                events.iter().for_each(tell);
                Ok(u64::try_from(appended.written.len()).unwrap_or(u64::MAX))
            }
            Err(eventstore::Error::Conflict(_)) if *conflicts < DECISIONS => {
                *conflicts += 1;
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// When the first phase that has not started is due.
fn next_phase(state: &State) -> Option<DateTime<Utc>> {
    let plan = state.plan()?;
    let place = plan.phases.iter().position(|phase| !state.phases.has_started(&phase.id))?;
    Some(plan.starts_at(place))
}

/// What a date brings takes effect at that date, however late it is recorded.
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

fn tell(event: &Event) {
    if let Event::PhaseStarted(started) = event {
        let (phase, late) = (started.phase.as_str(), started.late_seconds);
        tracing::info!(phase, due_at = %started.due_at, late_seconds = late, "phase started");
    } else if let Event::RecurringWorkDue(due) = event {
        let (work, late) = (due.name.as_str(), due.late_seconds);
        tracing::debug!(work, due_at = %due.scheduled_for, late_seconds = late, "work came due");
    } else if let Event::NoticesReleased(released) = event {
        let (notice, mailboxes) = (released.notice.as_str(), released.mailboxes.len());
        tracing::info!(notice, mailboxes, "a batch of notices may go out");
    } else if let Event::VouchersExpired(expired) = event {
        tracing::info!(vouchers = expired.mailboxes.len(), "vouchers ended unused");
    } else if let Event::LogExportExpired(expired) = event {
        tracing::info!(request = %expired.request, "the link of an extract ended");
    }
}
