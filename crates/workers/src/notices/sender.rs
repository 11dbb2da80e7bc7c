//! The sender: claims a batch of due notices, has the mailer deliver it, records every outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Capability, Event, MailboxSet, NoticeWords, NoticesClaimed, NoticesDeferred, NoticesFailed,
    NoticesInDoubt, NoticesSent, Outgoing, PhaseId, RetryPolicy, State, Tick,
};
use eventstore::{ExpectedVersion, Journal, Origin, notice_stream};
use mail::Outcome;
use metrics::counter;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use roaring::RoaringBitmap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::mailer::{Batch, Mailer, Outcomes};
use crate::Error;

/// How long a claim outlives the mailer's time limit: any letter begun before the deadline has
/// timed out by then.
const MARGIN: TimeDelta = TimeDelta::minutes(7);
/// The first backoff while the relay is unavailable; it doubles each time.
const FIRST_BACKOFF: TimeDelta = TimeDelta::seconds(5);
/// The longest backoff.
const LONGEST_BACKOFF: TimeDelta = TimeDelta::minutes(5);
/// There may be more to do at once.
const AGAIN: Tick = Tick { progress: 1, next_wake: None };
/// The cause recorded for claims of a sender that crashed.
const SENDER_LOST: &str = "sender-lost";

/// Sends notices. One sender at a time is enough; two do no harm.
pub struct Sender {
    journal: Arc<Journal>,
    mailer: Arc<dyn Mailer>,
    stop: CancellationToken,
    jitter: ChaCha8Rng,
    /// Outcomes of a claim that could not be recorded yet.
    unrecorded: Option<(PhaseId, Outcomes)>,
    backoff: TimeDelta,
    backoff_until: Option<DateTime<Utc>>,
}

/// What there is to do.
struct Work {
    /// The position of the log at which this is so.
    position: u64,
    expired: Vec<NoticesClaimed>,
    next: Option<NextBatch>,
    next_wake: Option<DateTime<Utc>>,
}

struct NextBatch {
    notice: PhaseId,
    wording: NoticeWords,
    mailboxes: MailboxSet,
    receiving: MailboxSet,
}

impl Sender {
    /// A sender without a claim. Once `stop` is cancelled it sends nothing more.
    pub fn new(
        journal: Arc<Journal>,
        mailer: Arc<dyn Mailer>,
        stop: CancellationToken,
        seed: u64,
    ) -> Self {
        let jitter = ChaCha8Rng::seed_from_u64(seed);
        let (unrecorded, backoff_until) = (None, None);
        Self { journal, mailer, stop, jitter, unrecorded, backoff: FIRST_BACKOFF, backoff_until }
    }

    /// One pass: records outcomes that are not recorded yet, puts expired claims in doubt, and
    /// sends one batch.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        self.record().await?;
        let now = self.journal.now();
        let work = self.work(now).await?;
        if !work.expired.is_empty() {
            return self.record_doubt(work).await;
        }
        let Some(batch) = work.next else {
            return Ok(Tick { progress: 0, next_wake: work.next_wake });
        };
        if self.stop.is_cancelled() {
            return Ok(Tick::default());
        }
        // A clock that was set back ends the backoff too.
        let longest = now.checked_add_signed(LONGEST_BACKOFF);
        if let Some(until) = self.backoff_until.filter(|until| *until > now)
            && Some(until) <= longest
        {
            let next_wake = [Some(until), work.next_wake].into_iter().flatten().min();
            return Ok(Tick { progress: 0, next_wake });
        }
        if let Err(cause) = self.mailer.ready().await {
            self.back_off(&cause);
            return Ok(Tick { progress: 0, next_wake: self.backoff_until });
        }
        self.send(work.position, batch).await
    }

    /// Pauses while the relay is unavailable.
    fn back_off(&mut self, cause: &str) {
        if self.backoff == FIRST_BACKOFF {
            tracing::warn!(cause, "mail relay unavailable, retrying with backoff");
        }
        counter!("tramonto_notices_relay_failures_total").increment(1);
        self.backoff_until = self.journal.now().checked_add_signed(self.backoff);
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
    }

    async fn work(&self, now: DateTime<Utc>) -> Result<Work, Error> {
        let snapshot = self.journal.state().await?;
        let state = &*snapshot;
        let next = domain::outgoing(state, now).into_iter().next();
        Ok(Work {
            position: snapshot.position(),
            expired: domain::expired_claims(state, now),
            next: next.and_then(|outgoing| self.next_batch(state, outgoing)),
            next_wake: domain::next_notice_wake(state, now),
        })
    }

    fn next_batch(&self, state: &State, outgoing: Outgoing) -> Option<NextBatch> {
        let Outgoing { notice, mut mailboxes } = outgoing;
        if let Some(beyond) = mailboxes.select(self.mailer.batch_size()) {
            mailboxes.remove_range(beyond..);
        }
        let plan = state.plan()?;
        let wording = plan.notice(&notice)?.wording(plan)?;
        let mut receiving = state.rights.open_among(Capability::Receive, &mailboxes);
        receiving -= &state.rights.withdrawn;
        let (mailboxes, receiving) = (MailboxSet::from(mailboxes), MailboxSet::from(receiving));
        Some(NextBatch { notice, wording, mailboxes, receiving })
    }

    /// Puts the claims of a crashed sender in doubt.
    async fn record_doubt(&self, work: Work) -> Result<Tick, Error> {
        let doubt = |NoticesClaimed { notice, mailboxes, .. }: NoticesClaimed| {
            let many = mailboxes.len();
            tracing::warn!(%notice, mailboxes = many, "claim expired, notices in doubt");
            let cause = SENDER_LOST.to_owned();
            Event::NoticesInDoubt(NoticesInDoubt { notice, cause, mailboxes })
        };
        let events: Vec<_> = work.expired.into_iter().map(doubt).collect();
        self.append_decided(work.position, &events).await?;
        Ok(AGAIN)
    }

    async fn send(&mut self, position: u64, batch: NextBatch) -> Result<Tick, Error> {
        let NextBatch { notice, wording, mailboxes, receiving } = batch;
        let time_limit = self.mailer.time_limit();
        let now = self.journal.now();
        let held = TimeDelta::from_std(time_limit).ok().and_then(|time| time.checked_add(&MARGIN));
        let until = held.and_then(|held| now.checked_add_signed(held)).unwrap_or(now);
        // Before the claim is appended: the append counts towards the mailer's time limit.
        let deadline = Instant::now() + time_limit;
        let claim = Event::NoticesClaimed(NoticesClaimed {
            notice: notice.clone(),
            claim: self.journal.new_id(),
            until,
            mailboxes: mailboxes.clone(),
        });
        if !self.append_decided(position, &[claim]).await? {
            // A concurrent append: the next pass starts over.
            return Ok(AGAIN);
        }
        let batch = Batch {
            programme: self.journal.programme(),
            notice: &notice,
            wording: &wording,
            mailboxes: &mailboxes,
            receiving: &receiving,
            date: now,
            deadline,
            stop: &self.stop,
        };
        let outcomes = self.mailer.deliver(&batch).await;
        if let Some(cause) = refusal(&outcomes) {
            self.back_off(&cause);
        } else {
            (self.backoff, self.backoff_until) = (FIRST_BACKOFF, None);
        }
        self.unrecorded = Some((notice, outcomes));
        self.record().await?;
        Ok(AGAIN)
    }

    /// Records the outcomes of a claim: they are facts, whatever was appended meanwhile.
    async fn record(&mut self) -> Result<(), Error> {
        let Some((notice, outcomes)) = &self.unrecorded else { return Ok(()) };
        let events = {
            let now = self.journal.now();
            let snapshot = self.journal.state().await?;
            let retry = snapshot.plan().map(|plan| plan.retry).unwrap_or_default();
            let mut recorder = Recorder { notice, now, retry, jitter: &mut self.jitter };
            let progress = snapshot.notices.get(notice);
            outcomes
                .iter()
                .flat_map(|(outcome, mailboxes)| {
                    let split = progress.map(|progress| progress.by_attempts(mailboxes));
                    let split = split.unwrap_or_default();
                    recorder.events(outcome, split)
                })
                .collect::<Vec<_>>()
        };
        self.append(ExpectedVersion::Any, &events).await?;
        count(notice, outcomes);
        self.unrecorded = None;
        Ok(())
    }

    /// Appends what was decided at a position of the log; false where the stream has grown since.
    /// Not the journal's decision loop: a claim depends on what the mailer can send now, so the
    /// next tick makes it again. An idle tick reads no version.
    async fn append_decided(&self, position: u64, events: &[Event]) -> Result<bool, Error> {
        let stream = notice_stream(self.journal.programme())?;
        match self.journal.version_at(&stream, position).await? {
            Some(expected) => self.append(expected, events).await,
            None => Ok(false),
        }
    }

    /// False on a conflict with a concurrent append.
    async fn append(&self, expected: ExpectedVersion, events: &[Event]) -> Result<bool, Error> {
        if events.is_empty() {
            return Ok(true);
        }
        let stream = notice_stream(self.journal.programme())?;
        match self.journal.append(stream, expected, events, &Origin::part("notices")).await {
            Ok(_) => Ok(true),
            Err(eventstore::Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A cause if the relay accepted nothing of a batch: then the relay or its configuration is at
/// fault, and a pause keeps the remaining notices from being refused too.
fn refusal(outcomes: &Outcomes) -> Option<String> {
    let mut cause = None;
    for outcome in outcomes.keys() {
        match outcome {
            Outcome::Accepted => return None,
            Outcome::Unreachable { .. } => {}
            Outcome::Deferred { cause: why }
            | Outcome::Refused { cause: why }
            | Outcome::InDoubt { cause: why }
            | Outcome::NotTried { cause: why } => cause = Some(why.clone()),
        }
    }
    cause
}

/// Counts recorded outcomes.
fn count(notice: &PhaseId, outcomes: &Outcomes) {
    for (outcome, mailboxes) in outcomes {
        let outcome = match outcome {
            Outcome::Accepted => "sent",
            Outcome::Deferred { .. } => "deferred",
            Outcome::Refused { .. } | Outcome::Unreachable { .. } => "failed",
            Outcome::InDoubt { .. } => "in-doubt",
            Outcome::NotTried { .. } => continue,
        };
        let notice = notice.to_string();
        counter!("tramonto_notices_total", "notice" => notice, "outcome" => outcome)
            .increment(mailboxes.len());
    }
}

struct Recorder<'a> {
    notice: &'a PhaseId,
    now: DateTime<Utc>,
    retry: RetryPolicy,
    jitter: &'a mut ChaCha8Rng,
}

impl Recorder<'_> {
    /// The events of an outcome: one per number of previous attempts, where that matters.
    fn events(&mut self, outcome: &Outcome, split: BTreeMap<u32, RoaringBitmap>) -> Vec<Event> {
        let notice = || self.notice.clone();
        let whole = split.values().fold(RoaringBitmap::new(), |all, set| all | set);
        if whole.is_empty() {
            return Vec::new();
        }
        let mailboxes = MailboxSet::from(whole);
        match outcome {
            Outcome::Accepted => {
                vec![Event::NoticesSent(NoticesSent { notice: notice(), mailboxes })]
            }
            Outcome::InDoubt { cause } => {
                let (notice, cause) = (notice(), cause.clone());
                vec![Event::NoticesInDoubt(NoticesInDoubt { notice, cause, mailboxes })]
            }
            Outcome::Refused { cause } | Outcome::Unreachable { cause } => {
                let failed = |(made, set): (u32, RoaringBitmap)| {
                    self.failed(cause, made.saturating_add(1), set)
                };
                split.into_iter().map(failed).collect()
            }
            Outcome::Deferred { cause } => {
                let event = |(made, set): (u32, RoaringBitmap)| {
                    let attempts = made.saturating_add(1);
                    if attempts < self.retry.attempts {
                        let longest = i64::from(self.retry.longest_wait(attempts)) * 1_000;
                        let wait = self.jitter.random_range(0..=longest);
                        self.deferred(cause, attempts, TimeDelta::milliseconds(wait), set)
                    } else {
                        self.failed(cause, attempts, set)
                    }
                };
                split.into_iter().map(event).collect()
            }
            Outcome::NotTried { cause } => {
                let again = |(made, set)| self.deferred(cause, made, TimeDelta::zero(), set);
                split.into_iter().map(again).collect()
            }
        }
    }

    fn failed(&self, cause: &str, attempts: u32, set: RoaringBitmap) -> Event {
        let (notice, cause) = (self.notice.clone(), cause.to_owned());
        let mailboxes = MailboxSet::from(set);
        Event::NoticesFailed(NoticesFailed { notice, cause, attempts, mailboxes })
    }

    fn deferred(&self, cause: &str, attempts: u32, wait: TimeDelta, set: RoaringBitmap) -> Event {
        let (notice, cause) = (self.notice.clone(), cause.to_owned());
        let retry_at = self.now.checked_add_signed(wait).unwrap_or(self.now);
        let mailboxes = MailboxSet::from(set);
        Event::NoticesDeferred(NoticesDeferred { notice, cause, attempts, retry_at, mailboxes })
    }
}
