//! The outcomes of an assignment as events: one for each distinct outcome, with its mailboxes.
//!
//! Invariant: nothing is recorded twice. A worker that was suspended or partitioned returns with
//! outcomes that another worker has recorded meanwhile; only those new to the state are recorded.
//! Deliberately absent: the desired state. An outcome is a fact and is recorded even if it is no
//! longer desired, because the next sweep can only repair what the log records.

use chrono::{DateTime, Duration, Utc};
use domain::{
    Capabilities, Capability, Change, EffectFailed, Event, IncidentOpened, MailboxSet, Outcome,
    RetryPolicy, RightsArmed, RightsRestored, State, Verdict,
};
use rand::{Rng, RngExt};
use roaring::RoaringBitmap;

use crate::perform::{Assignment, AttemptOutcome};
use platform::Cause;

/// The prefix of the causes of failures to issue vouchers.
const VOUCHER: &str = "voucher-";

/// Turns outcomes into events.
pub(crate) struct Recorder<'a, R> {
    pub(crate) assignment: &'a Assignment,
    /// The state before these events.
    pub(crate) state: &'a State,
    pub(crate) retry: RetryPolicy,
    pub(crate) now: DateTime<Utc>,
    pub(crate) jitter: &'a mut R,
}

impl<R: Rng> Recorder<'_, R> {
    /// The events, each with the instant of its effect.
    pub(crate) fn events(mut self, outcomes: &[AttemptOutcome]) -> Vec<(Event, DateTime<Utc>)> {
        outcomes.iter().flat_map(|outcome| self.event(outcome)).collect()
    }

    fn event(&mut self, outcome: &AttemptOutcome) -> Vec<(Event, DateTime<Utc>)> {
        match outcome {
            AttemptOutcome::Done { verdict, effective_at, mailboxes } => {
                let events = self.done(*verdict, mailboxes);
                events.into_iter().map(|event| (event, *effective_at)).collect()
            }
            // Arming is optional: on its date the right is removed in any case.
            AttemptOutcome::Failed { cause, mailboxes, .. }
            | AttemptOutcome::Unavailable { cause, mailboxes }
                if matches!(self.assignment.change, Change::Arm { .. }) =>
            {
                tracing::warn!(%cause, mailboxes = mailboxes.len(), "arming failed");
                Vec::new()
            }
            AttemptOutcome::Failed { cause, transient, mailboxes } => {
                self.by_attempts(mailboxes, |this, made, mailboxes| {
                    let attempts = made.saturating_add(1);
                    if *transient && attempts < this.retry.attempts {
                        this.wait(cause, attempts, mailboxes)
                    } else {
                        this.incident(cause, attempts, mailboxes)
                    }
                })
            }
            AttemptOutcome::Unavailable { cause, mailboxes } => self
                .by_attempts(mailboxes, |this, made, mailboxes| this.wait(cause, made, mailboxes)),
        }
    }

    /// An event for each number of earlier attempts; settled mailboxes are skipped.
    fn by_attempts(
        &mut self,
        mailboxes: &MailboxSet,
        mut event: impl FnMut(&mut Self, u32, MailboxSet) -> Event,
    ) -> Vec<(Event, DateTime<Utc>)> {
        let (at, work) = (self.now, self.assignment.attempted());
        let failed = self.unrecorded_of_any(self.assignment.capabilities, mailboxes);
        let groups = self.state.failures.by_attempts(work, &failed);
        groups
            .into_iter()
            .map(|(made, mailboxes)| (event(self, made, MailboxSet::from(mailboxes)), at))
            .collect()
    }

    fn done(&self, verdict: Verdict, mailboxes: &MailboxSet) -> Vec<Event> {
        let Assignment { key, change, capabilities, .. } = self.assignment;
        if let Change::Issue = change {
            // The issuer has recorded it: the record is the voucher.
            return Vec::new();
        }
        let (revision, phase) = (key.revision, key.phase.clone());
        if let Change::Close { due_at } = change {
            // A withdrawal has no instant of its own.
            let due_at = if phase.is_none() { self.now } else { *due_at };
            let removal = |capability| {
                let new =
                    Some(self.unrecorded(capability, mailboxes)).filter(|new| !new.is_empty())?;
                let (phase, mailboxes) = (phase.clone(), MailboxSet::from(new));
                Event::removal(capability, Outcome { phase, revision, due_at, verdict, mailboxes })
            };
            return capabilities.iter().filter_map(removal).collect();
        }
        let mailboxes = self.unrecorded_of_any(*capabilities, mailboxes);
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

    /// The mailboxes whose change of the capability is not recorded yet.
    fn unrecorded(&self, capability: Capability, mailboxes: &RoaringBitmap) -> RoaringBitmap {
        let rights = &self.state.rights;
        match &self.assignment.change {
            Change::Close { .. } => mailboxes - rights.closed(capability),
            Change::Restore => mailboxes & rights.closed(capability),
            Change::Issue => mailboxes & &self.state.vouchers.verified,
            Change::Arm { until: Some(until) } => {
                let recorded = rights.armed(capability).find(|(at, _)| at == until);
                recorded.map_or_else(|| mailboxes.clone(), |(_, armed)| mailboxes - armed)
            }
            Change::Arm { until: None } => {
                let armed = rights.armed(capability);
                mailboxes & armed.fold(RoaringBitmap::new(), |all, (_, set)| all | set)
            }
        }
    }

    fn unrecorded_of_any(
        &self,
        capabilities: Capabilities,
        mailboxes: &RoaringBitmap,
    ) -> RoaringBitmap {
        let each = capabilities.iter().map(|capability| self.unrecorded(capability, mailboxes));
        each.fold(RoaringBitmap::new(), |all, set| all | set)
    }

    /// Exponential backoff with full jitter: a random wait up to a bound that doubles per attempt.
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

    /// The recorded cause. Incidents are grouped by phase and cause, and neither vouchers nor
    /// withdrawals have a phase: a prefix keeps them apart.
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
