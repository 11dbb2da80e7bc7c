//! What came of an assignment, as events: one for each distinct outcome, with the set it holds for.
//!
//! Invariant: what the log says already is not said again. A worker that was suspended, cut off or
//! overtaken comes back with outcomes that another has recorded since; only what is still news to the
//! state is left of them. Deliberately absent: what is desired. An outcome is a fact, and is recorded
//! even where nobody wants it any more, since the next sweep can only mend what it knows.

use chrono::{DateTime, Duration, Utc};
use domain::{
    Capabilities, Capability, Change, EffectFailed, Event, IncidentOpened, MailboxSet, Outcome,
    RetryPolicy, RightsArmed, RightsRestored, State, Verdict,
};
use rand::{Rng, RngExt};
use roaring::RoaringBitmap;

use crate::perform::{Assignment, Came};
use platform::Cause;

/// What the causes of failures to issue vouchers begin with.
const VOUCHER: &str = "voucher-";

/// Turns outcomes into events.
pub(crate) struct Recorder<'a, R> {
    pub(crate) assignment: &'a Assignment,
    /// What the log says up to where the events are to stand: what is news, and what failed before.
    pub(crate) state: &'a State,
    pub(crate) retry: RetryPolicy,
    pub(crate) now: DateTime<Utc>,
    pub(crate) jitter: &'a mut R,
}

impl<R: Rng> Recorder<'_, R> {
    /// The events, each with the instant it took effect.
    pub(crate) fn events(mut self, outcomes: &[Came]) -> Vec<(Event, DateTime<Utc>)> {
        outcomes.iter().flat_map(|came| self.event(came)).collect()
    }

    fn event(&mut self, came: &Came) -> Vec<(Event, DateTime<Utc>)> {
        match came {
            Came::So { verdict, effective_at, mailboxes } => {
                let events = self.so(*verdict, mailboxes);
                events.into_iter().map(|event| (event, *effective_at)).collect()
            }
            // Arming is a convenience: at its date the right is taken away all the same.
            Came::Failed { cause, mailboxes, .. } | Came::OutOfReach { cause, mailboxes }
                if matches!(self.assignment.change, Change::Arm { .. }) =>
            {
                tracing::warn!(%cause, mailboxes = mailboxes.len(), "could not be armed");
                Vec::new()
            }
            Came::Failed { cause, transient, mailboxes } => {
                self.by_attempts(mailboxes, |this, made, mailboxes| {
                    let attempts = made.saturating_add(1);
                    if *transient && attempts < this.retry.attempts {
                        this.wait(cause, attempts, mailboxes)
                    } else {
                        this.incident(cause, attempts, mailboxes)
                    }
                })
            }
            Came::OutOfReach { cause, mailboxes } => self
                .by_attempts(mailboxes, |this, made, mailboxes| this.wait(cause, made, mailboxes)),
        }
    }

    /// An event for each number of attempts made before; whom another has dealt with since is left out.
    fn by_attempts(
        &mut self,
        mailboxes: &MailboxSet,
        mut event: impl FnMut(&mut Self, u32, MailboxSet) -> Event,
    ) -> Vec<(Event, DateTime<Utc>)> {
        let (at, work) = (self.now, self.assignment.attempted());
        let failed = self.news_of_any(self.assignment.capabilities, mailboxes);
        let groups = self.state.failures.by_attempts(work, &failed);
        groups
            .into_iter()
            .map(|(made, mailboxes)| (event(self, made, MailboxSet::from(mailboxes)), at))
            .collect()
    }

    fn so(&self, verdict: Verdict, mailboxes: &MailboxSet) -> Vec<Event> {
        let Assignment { key, change, capabilities, .. } = self.assignment;
        if let Change::Issue = change {
            // Whoever issued them has recorded it: the record is the voucher.
            return Vec::new();
        }
        let (revision, phase) = (key.revision, key.phase.clone());
        if let Change::Close { due_at } = change {
            // A withdrawal has no instant of its own.
            let due_at = if phase.is_none() { self.now } else { *due_at };
            let removal = |capability| {
                let news =
                    Some(self.news(capability, mailboxes)).filter(|news| !news.is_empty())?;
                let (phase, mailboxes) = (phase.clone(), MailboxSet::from(news));
                Event::removal(capability, Outcome { phase, revision, due_at, verdict, mailboxes })
            };
            return capabilities.iter().filter_map(removal).collect();
        }
        let mailboxes = self.news_of_any(*capabilities, mailboxes);
        if mailboxes.is_empty() {
            return Vec::new();
        }
        let (capabilities, mailboxes) = (*capabilities, MailboxSet::from(mailboxes));
        vec![match change {
            Change::Arm { until } => {
                let until = *until;
                Event::RightsArmed(RightsArmed { phase, revision, capabilities, until, mailboxes })
            }
            Change::Restore | Change::Close { .. } | Change::Issue => {
                Event::RightsRestored(RightsRestored { capabilities, revision, mailboxes })
            }
        }]
    }

    /// Those of whom the log does not say already what the change makes of the capability.
    fn news(&self, capability: Capability, mailboxes: &RoaringBitmap) -> RoaringBitmap {
        let rights = &self.state.rights;
        match &self.assignment.change {
            Change::Close { .. } => mailboxes - rights.closed(capability),
            Change::Restore => mailboxes & rights.closed(capability),
            Change::Issue => mailboxes & self.state.vouchers.verified(),
            Change::Arm { until: Some(until) } => {
                let told = rights.armed(capability).find(|(at, _)| at == until);
                told.map_or_else(|| mailboxes.clone(), |(_, told)| mailboxes - told)
            }
            Change::Arm { until: None } => {
                let told = rights.armed(capability);
                mailboxes & told.fold(RoaringBitmap::new(), |all, (_, told)| all | told)
            }
        }
    }

    fn news_of_any(&self, capabilities: Capabilities, mailboxes: &RoaringBitmap) -> RoaringBitmap {
        let each = capabilities.iter().map(|capability| self.news(capability, mailboxes));
        each.fold(RoaringBitmap::new(), |all, news| all | news)
    }

    /// Exponential backoff with full jitter: any wait up to a bound that doubles with each attempt.
    fn wait(&mut self, cause: &Cause, attempts: u32, mailboxes: MailboxSet) -> Event {
        let longest = self.retry.longest_wait(attempts.max(1));
        let wait = Duration::milliseconds(self.jitter.random_range(0..=i64::from(longest) * 1_000));
        Event::EffectFailed(EffectFailed {
            phase: self.assignment.key.phase.clone(),
            capabilities: self.assignment.capabilities,
            cause: self.cause(cause),
            attempts,
            retry_at: self.now.checked_add_signed(wait).unwrap_or(self.now),
            mailboxes,
        })
    }

    /// Incidents are grouped by phase and cause; those of vouchers and of rights that belong to no phase stay
    /// apart by their causes.
    fn cause(&self, cause: &Cause) -> String {
        match self.assignment.change {
            Change::Issue if !cause.as_str().starts_with(VOUCHER) => format!("{VOUCHER}{cause}"),
            Change::Issue | Change::Close { .. } | Change::Restore | Change::Arm { .. } => {
                cause.to_string()
            }
        }
    }

    fn incident(&self, cause: &Cause, attempts: u32, mailboxes: MailboxSet) -> Event {
        Event::IncidentOpened(IncidentOpened {
            phase: self.assignment.key.phase.clone(),
            capabilities: self.assignment.capabilities,
            cause: self.cause(cause),
            attempts,
            mailboxes,
        })
    }
}
