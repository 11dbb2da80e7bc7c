//! The sender: claims a handful of what may go out, has the mailer post it, records what became of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Capability, ClaimOver, Event, MailboxSet, NoticeWords, NoticesClaimed, NoticesDeferred,
    NoticesFailed, NoticesInDoubt, NoticesSent, Outgoing, PhaseId, RetryPolicy, State, Tick,
};
use eventstore::{ExpectedVersion, Journal, Origin, notice_stream};
use metrics::counter;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use roaring::RoaringBitmap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::mailer::{Answer, Errand, Mailer, Posted};
use crate::Error;

/// By how much a claim outlives the mailer's patience: a letter that was under way at its deadline has long
/// been given up by then.
const MARGIN: TimeDelta = TimeDelta::minutes(7);
/// The first rest while the relay is out of reach; it doubles with each.
const FIRST_REST: TimeDelta = TimeDelta::seconds(5);
/// No rest is longer.
const LONGEST_REST: TimeDelta = TimeDelta::minutes(5);
/// The cause of those whose sender was lost.
const SENDER_LOST: &str = "sender-lost";

/// Tells holders; one at a time works, and two do no harm.
pub struct Sender {
    journal: Arc<Journal>,
    mailer: Arc<dyn Mailer>,
    stop: CancellationToken,
    jitter: ChaCha8Rng,
    /// What became of a claim and could not be recorded yet.
    unrecorded: Option<(PhaseId, Vec<Posted>)>,
    rest: TimeDelta,
    resting_until: Option<DateTime<Utc>>,
}

/// What a look at the state found to do.
struct Found {
    expected: ExpectedVersion,
    over: Vec<ClaimOver>,
    next: Option<Handful>,
    next_wake: Option<DateTime<Utc>>,
}

struct Handful {
    notice: PhaseId,
    wording: NoticeWords,
    mailboxes: MailboxSet,
    receiving: MailboxSet,
}

impl Sender {
    /// A sender that has claimed nothing. Once `stop` is cancelled it hands nothing more over.
    pub fn new(
        journal: Arc<Journal>,
        mailer: Arc<dyn Mailer>,
        stop: CancellationToken,
        seed: u64,
    ) -> Self {
        let jitter = ChaCha8Rng::seed_from_u64(seed);
        let (unrecorded, resting_until) = (None, None);
        Self { journal, mailer, stop, jitter, unrecorded, rest: FIRST_REST, resting_until }
    }

    /// One pass: records what is not recorded yet, gives up what a lost sender had in hand, and hands over
    /// one handful.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        self.record().await?;
        let now = self.journal.now();
        let found = self.look(now).await?;
        if !found.over.is_empty() {
            return self.give_up(found).await;
        }
        let Some(handful) = found.next else {
            return Ok(Tick { progress: 0, next_wake: found.next_wake });
        };
        if self.stop.is_cancelled() {
            return Ok(Tick::default());
        }
        // A clock that went back ends a rest too.
        let longest = now.checked_add_signed(LONGEST_REST);
        if let Some(until) = self.resting_until.filter(|until| *until > now)
            && Some(until) <= longest
        {
            let next_wake = [Some(until), found.next_wake].into_iter().flatten().min();
            return Ok(Tick { progress: 0, next_wake });
        }
        if let Err(cause) = self.mailer.ready().await {
            self.rest(&cause);
            return Ok(Tick { progress: 0, next_wake: self.resting_until });
        }
        self.send(found.expected, handful).await
    }

    /// Leaves a relay alone that takes nothing.
    fn rest(&mut self, cause: &str) {
        if self.rest == FIRST_REST {
            tracing::warn!(cause, "the mail relay takes no notice; it is tried again later");
        }
        counter!("tramonto_notices_relay_failures_total").increment(1);
        self.resting_until = self.journal.now().checked_add_signed(self.rest);
        self.rest = (self.rest * 2).min(LONGEST_REST);
    }

    async fn look(&self, now: DateTime<Utc>) -> Result<Found, Error> {
        // Read before the state: whatever is recorded in between makes an append a conflict.
        let expected = self.version().await?;
        let known = self.journal.known().await?;
        let state = known.state();
        let next = domain::outgoing(state, now).into_iter().next();
        Ok(Found {
            expected,
            over: domain::claims_over(state, now),
            next: next.and_then(|outgoing| self.handful(state, outgoing)),
            next_wake: domain::next_notice_wake(state, now),
        })
    }

    fn handful(&self, state: &State, outgoing: Outgoing) -> Option<Handful> {
        let Outgoing { notice, mut mailboxes } = outgoing;
        if let Some(beyond) = mailboxes.select(self.mailer.handful()) {
            mailboxes.remove_range(beyond..);
        }
        let plan = state.plan()?;
        let wording = plan.notice(&notice)?.wording(plan)?;
        let mut receiving = state.rights.open_among(Capability::Receive, &mailboxes);
        receiving -= state.rights.withdrawn();
        let (mailboxes, receiving) = (MailboxSet::from(mailboxes), MailboxSet::from(receiving));
        Some(Handful { notice, wording, mailboxes, receiving })
    }

    /// Records that nobody knows what became of claims whose sender is gone.
    async fn give_up(&self, found: Found) -> Result<Tick, Error> {
        let doubt = |over: ClaimOver| {
            let mailboxes = MailboxSet::from(over.mailboxes);
            let (notice, many) = (over.notice.as_str(), mailboxes.len());
            tracing::warn!(notice, mailboxes = many, "a sender was lost with notices in hand");
            let cause = SENDER_LOST.to_owned();
            Event::NoticesInDoubt(NoticesInDoubt { notice: over.notice, cause, mailboxes })
        };
        let events: Vec<_> = found.over.into_iter().map(doubt).collect();
        self.append(found.expected, &events).await.map(progress)
    }

    async fn send(&mut self, expected: ExpectedVersion, handful: Handful) -> Result<Tick, Error> {
        let Handful { notice, wording, mailboxes, receiving } = handful;
        let patience = self.mailer.patience();
        let now = self.journal.now();
        let held = TimeDelta::from_std(patience).ok().and_then(|time| time.checked_add(&MARGIN));
        let until = held.and_then(|held| now.checked_add_signed(held)).unwrap_or(now);
        // Looked at before the claim is written: writing it takes from the mailer's time, not from ours.
        let deadline = Instant::now() + patience;
        let claim = Event::NoticesClaimed(NoticesClaimed {
            notice: notice.clone(),
            claim: self.journal.new_id(),
            until,
            mailboxes: mailboxes.clone(),
        });
        if !self.append(expected, &[claim]).await? {
            // Somebody recorded something in between: the next pass looks again.
            return Ok(progress(true));
        }
        let errand = Errand {
            programme: self.journal.programme(),
            notice: &notice,
            wording: &wording,
            mailboxes: &mailboxes,
            receiving: &receiving,
            dated: now,
            deadline,
            stop: &self.stop,
        };
        let posted = self.mailer.post(&errand).await;
        if let Some(cause) = refusal(&posted) {
            self.rest(&cause);
        } else {
            (self.rest, self.resting_until) = (FIRST_REST, None);
        }
        self.unrecorded = Some((notice, posted));
        self.record().await?;
        Ok(progress(true))
    }

    /// Records what became of a claim: facts, whatever else happened meanwhile.
    async fn record(&mut self) -> Result<(), Error> {
        let Some((notice, posted)) = &self.unrecorded else { return Ok(()) };
        let events = {
            let now = self.journal.now();
            let known = self.journal.known().await?;
            let retry = known.state().plan().map(|plan| plan.retry).unwrap_or_default();
            let mut recorder = Recorder { notice, now, retry, jitter: &mut self.jitter };
            let told = known.state().notices.get(notice);
            posted
                .iter()
                .flat_map(|posted| {
                    let split = told.map(|told| told.by_attempts(&posted.mailboxes));
                    let split = split.unwrap_or_default();
                    recorder.events(&posted.answer, split)
                })
                .collect::<Vec<_>>()
        };
        self.append(ExpectedVersion::Any, &events).await?;
        count(notice, posted);
        self.unrecorded = None;
        Ok(())
    }

    async fn version(&self) -> Result<ExpectedVersion, Error> {
        Ok(self.journal.version_of(&notice_stream(self.journal.programme())?).await?)
    }

    /// False where somebody else was faster.
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

/// Why the relay took none of a handful, where it took none: then it is the relay that is wrong, or we are,
/// and a rest saves the others from being refused too.
fn refusal(posted: &[Posted]) -> Option<String> {
    let mut cause = None;
    for Posted { answer, .. } in posted {
        match answer {
            Answer::Accepted => return None,
            Answer::Unreachable { .. } => {}
            Answer::Deferred { cause: why }
            | Answer::Refused { cause: why }
            | Answer::InDoubt { cause: why }
            | Answer::NotTried { cause: why } => cause = Some(why.clone()),
        }
    }
    cause
}

fn progress(_appended: bool) -> Tick {
    Tick { progress: 1, next_wake: None }
}

/// Counts what is in the log by then.
fn count(notice: &PhaseId, posted: &[Posted]) {
    for Posted { answer, mailboxes } in posted {
        let outcome = match answer {
            Answer::Accepted => "sent",
            Answer::Deferred { .. } => "deferred",
            Answer::Refused { .. } | Answer::Unreachable { .. } => "failed",
            Answer::InDoubt { .. } => "in-doubt",
            Answer::NotTried { .. } => continue,
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
    /// An event for each number of attempts made before, where that matters.
    fn events(&mut self, answer: &Answer, split: BTreeMap<u32, RoaringBitmap>) -> Vec<Event> {
        let notice = || self.notice.clone();
        let whole = split.values().fold(RoaringBitmap::new(), |all, set| all | set);
        if whole.is_empty() {
            return Vec::new();
        }
        let mailboxes = MailboxSet::from(whole);
        match answer {
            Answer::Accepted => {
                vec![Event::NoticesSent(NoticesSent { notice: notice(), mailboxes })]
            }
            Answer::InDoubt { cause } => {
                let (notice, cause) = (notice(), cause.clone());
                vec![Event::NoticesInDoubt(NoticesInDoubt { notice, cause, mailboxes })]
            }
            Answer::Refused { cause } | Answer::Unreachable { cause } => {
                let failed = |(made, set): (u32, RoaringBitmap)| {
                    self.failed(cause, made.saturating_add(1), set)
                };
                split.into_iter().map(failed).collect()
            }
            Answer::Deferred { cause } => {
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
            Answer::NotTried { cause } => {
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
