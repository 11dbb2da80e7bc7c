//! What came of an assignment, as events: one for each distinct outcome, with the set it holds for.

use chrono::{DateTime, Duration, Utc};
use domain::{
    Change, Event, Failures, IncidentOpened, MailboxSet, Outcome, RetryPolicy, RightsArmed,
    RightsRestored, TransientFailure, Verdict,
};
use rand::{Rng, RngExt};

use crate::perform::{Assignment, Came};
use crate::platform::Cause;

/// Turns outcomes into events.
pub(crate) struct Recorder<'a, R> {
    pub(crate) assignment: &'a Assignment,
    /// What failed before: attempts are counted in the log.
    pub(crate) failures: &'a Failures,
    pub(crate) retry: RetryPolicy,
    pub(crate) now: DateTime<Utc>,
    pub(crate) jitter: &'a mut R,
}

impl<R: Rng> Recorder<'_, R> {
    /// The events, each with the instant it took effect.
    pub(crate) fn events(mut self, outcomes: Vec<Came>) -> Vec<(Event, DateTime<Utc>)> {
        outcomes.into_iter().flat_map(|came| self.event(came)).collect()
    }

    fn event(&mut self, came: Came) -> Vec<(Event, DateTime<Utc>)> {
        match came {
            Came::So { mailboxes, .. } if mailboxes.is_empty() => Vec::new(),
            Came::So { verdict, effective_at, mailboxes } => {
                let events = self.so(verdict, &mailboxes);
                events.into_iter().map(|event| (event, effective_at)).collect()
            }
            // Arming is a convenience: at its date the right is taken away all the same.
            Came::Failed { cause, mailboxes, .. } | Came::OutOfReach { cause, mailboxes }
                if matches!(self.assignment.change, Change::Arm { .. }) =>
            {
                tracing::warn!(%cause, mailboxes = mailboxes.len(), "could not be armed");
                Vec::new()
            }
            Came::Failed { cause, transient, mailboxes } => {
                let by_attempts =
                    self.failures.by_attempts(self.assignment.key.phase.as_ref(), &mailboxes);
                let at = self.now;
                by_attempts
                    .into_iter()
                    .map(|(made, mailboxes)| {
                        let attempts = made.saturating_add(1);
                        let mailboxes = MailboxSet::from(mailboxes);
                        let event = if transient && attempts < self.retry.attempts {
                            self.wait(&cause, attempts, mailboxes)
                        } else {
                            self.incident(&cause, attempts, mailboxes)
                        };
                        (event, at)
                    })
                    .collect()
            }
            Came::OutOfReach { cause, mailboxes } => {
                let by_attempts =
                    self.failures.by_attempts(self.assignment.key.phase.as_ref(), &mailboxes);
                let at = self.now;
                by_attempts
                    .into_iter()
                    .map(|(made, mailboxes)| {
                        (self.wait(&cause, made, MailboxSet::from(mailboxes)), at)
                    })
                    .collect()
            }
        }
    }

    fn so(&self, verdict: Verdict, mailboxes: &MailboxSet) -> Vec<Event> {
        let Assignment { key, change, capabilities, .. } = self.assignment;
        let (revision, phase) = (key.revision, key.phase.clone());
        match change {
            Change::Close { due_at } => {
                // A withdrawal has no instant of its own.
                let due_at = if phase.is_none() { self.now } else { *due_at };
                let mailboxes = mailboxes.clone();
                let outcome = Outcome { phase, revision, due_at, verdict, mailboxes };
                capabilities
                    .iter()
                    .filter_map(|capability| Event::removal(capability, outcome.clone()))
                    .collect()
            }
            Change::Restore => vec![Event::RightsRestored(RightsRestored {
                capabilities: *capabilities,
                revision,
                mailboxes: mailboxes.clone(),
            })],
            Change::Arm { until } => vec![Event::RightsArmed(RightsArmed {
                phase,
                revision,
                capabilities: *capabilities,
                until: *until,
                mailboxes: mailboxes.clone(),
            })],
        }
    }

    /// Exponential backoff with full jitter: any wait up to a bound that doubles with each attempt.
    fn wait(&mut self, cause: &Cause, attempts: u32, mailboxes: MailboxSet) -> Event {
        let longest = self.retry.longest_wait(attempts.max(1));
        let wait = Duration::milliseconds(self.jitter.random_range(0..=i64::from(longest) * 1_000));
        Event::TransientFailure(TransientFailure {
            phase: self.assignment.key.phase.clone(),
            capabilities: self.assignment.capabilities,
            cause: cause.to_string(),
            attempts,
            retry_at: self.now.checked_add_signed(wait).unwrap_or(self.now),
            mailboxes,
        })
    }

    fn incident(&self, cause: &Cause, attempts: u32, mailboxes: MailboxSet) -> Event {
        Event::IncidentOpened(IncidentOpened {
            phase: self.assignment.key.phase.clone(),
            capabilities: self.assignment.capabilities,
            cause: cause.to_string(),
            attempts,
            mailboxes,
        })
    }
}
