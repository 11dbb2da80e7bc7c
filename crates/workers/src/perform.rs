//! One change for a set of mailboxes, carried out on the platform or by whatever issues vouchers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Attempted, Capabilities, Capability, Change, MailboxSet, Verdict};
use metrics::counter;
use roaring::RoaringBitmap;

use platform::{
    Answer, Cause, EffectKey, Error, Failure, IssueVouchers, Pace, Platform, Right, SetRights,
};

/// One change for a set of mailboxes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    /// The idempotency key.
    pub(crate) key: EffectKey,
    /// The change of the rights.
    pub(crate) change: Change,
    /// The capabilities.
    pub(crate) capabilities: Capabilities,
    /// The mailboxes.
    pub(crate) mailboxes: MailboxSet,
    /// The log position of the decision; the platform refuses to undo it by an older one.
    pub(crate) decided_at: u64,
    /// The mailboxes that were armed: a read-back suffices for them.
    pub(crate) confirm: MailboxSet,
}

impl Assignment {
    /// The work that its attempts belong to.
    pub(crate) fn attempted(&self) -> Attempted<'_> {
        match self.change {
            Change::Issue => Attempted::Vouchers,
            Change::Close { .. } | Change::Restore | Change::Arm { .. } => {
                Attempted::Rights(self.key.phase.as_ref())
            }
        }
    }
}

/// The ports that carry out effects. A worker takes no orders for an absent port.
#[derive(Default)]
pub(crate) struct Effects {
    /// Changes rights.
    pub(crate) platform: Option<Arc<dyn Platform>>,
    /// Issues vouchers, with its rate limiter.
    pub(crate) vouchers: Option<(Arc<dyn IssueVouchers>, Pace)>,
}

impl Effects {
    /// The effects of the ports that are present.
    pub(crate) fn all(&self) -> Capabilities {
        let rights = Capabilities::OF_WORKERS.without(Capability::RequestVoucher.into());
        let rights = self.platform.as_ref().map_or(Capabilities::NONE, |_| rights);
        match self.vouchers {
            Some(_) => rights.with(Capability::RequestVoucher),
            None => rights,
        }
    }

    /// Carries an assignment out; every one of its mailboxes is in exactly one of the outcomes.
    pub(crate) async fn perform(
        &self,
        assignment: &Assignment,
        now: impl Fn() -> DateTime<Utc> + Send,
    ) -> Vec<AttemptOutcome> {
        match (assignment.change, &self.platform, &self.vouchers) {
            (Change::Issue, _, Some((vouchers, pace))) => {
                issue(&**vouchers, pace, assignment, now).await
            }
            (Change::Close { .. } | Change::Restore | Change::Arm { .. }, Some(platform), _) => {
                perform(&**platform, assignment, now).await
            }
            // A worker takes no orders for an absent port.
            (Change::Issue, _, None)
            | (Change::Close { .. } | Change::Restore | Change::Arm { .. }, None, _) => Vec::new(),
        }
    }
}

async fn issue(
    vouchers: &dyn IssueVouchers,
    pace: &Pace,
    assignment: &Assignment,
    now: impl Fn() -> DateTime<Utc>,
) -> Vec<AttemptOutcome> {
    let Assignment { capabilities, mailboxes, .. } = assignment;
    let _in_flight = pace.begin(*capabilities).await;
    match vouchers.issue(mailboxes).await {
        Ok(answer) => {
            counter!(
                "tramonto_outcomes_total",
                "effect" => Capability::RequestVoucher.name(), "outcome" => "issued"
            )
            .increment(answer.applied.len());
            answered(answer, mailboxes, now())
        }
        Err(error) => vec![whole_call(&error, mailboxes.clone())],
    }
}

/// The outcome for a set of mailboxes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AttemptOutcome {
    /// The rights are as desired.
    Done { verdict: Verdict, effective_at: DateTime<Utc>, mailboxes: MailboxSet },
    /// The attempt failed for these mailboxes.
    Failed { cause: Cause, transient: bool, mailboxes: MailboxSet },
    /// The platform was unavailable; this counts as no attempt.
    Unavailable { cause: Cause, mailboxes: MailboxSet },
}

/// Carries an assignment out; every one of its mailboxes is in exactly one of the outcomes.
async fn perform(
    platform: &dyn Platform,
    assignment: &Assignment,
    now: impl Fn() -> DateTime<Utc>,
) -> Vec<AttemptOutcome> {
    let Assignment { change, capabilities, mailboxes, confirm, .. } = assignment;
    let controlled = capabilities.intersection(Capabilities::OF_PLATFORM);
    if controlled.is_empty() {
        // The engine itself enforces these capabilities: recording the outcome is the change.
        let (verdict, mailboxes) = (Verdict::Applied, mailboxes.clone());
        return vec![AttemptOutcome::Done { verdict, effective_at: now(), mailboxes }];
    }
    let mut outcomes = Vec::new();
    let mut rest = RoaringBitmap::clone(mailboxes);
    if let Change::Close { due_at } = change
        && !confirm.is_empty()
    {
        match confirmed(platform, confirm, controlled).await {
            Ok(gone) => {
                rest -= &*gone;
                let verdict = Verdict::Confirmed;
                outcomes.push(AttemptOutcome::Done {
                    verdict,
                    effective_at: *due_at,
                    mailboxes: gone,
                });
            }
            Err(error) => return vec![whole_call(&error, mailboxes.clone())],
        }
    }
    if rest.is_empty() {
        return outcomes;
    }
    let call = SetRights {
        key: assignment.key.clone(),
        mailboxes: MailboxSet::from(rest),
        capabilities: controlled,
        right: match change {
            // A withdrawal has no instant of its own: it is due now.
            Change::Close { due_at } if *due_at == DateTime::<Utc>::MIN_UTC => Right::Until(now()),
            Change::Close { due_at } => Right::Until(*due_at),
            Change::Restore => Right::Allowed,
            Change::Arm { until } => until.map_or(Right::Allowed, Right::Until),
            // Never on the platform.
            Change::Issue => return Vec::new(),
        },
        decided_at: assignment.decided_at,
    };
    match platform.set(&call).await {
        Ok(answer) => outcomes.extend(answered(answer, &call.mailboxes, now())),
        Err(error) => outcomes.push(whole_call(&error, call.mailboxes)),
    }
    outcomes
}

/// The mailboxes that have none of the capabilities now, according to the platform.
async fn confirmed(
    platform: &dyn Platform,
    mailboxes: &MailboxSet,
    capabilities: Capabilities,
) -> Result<MailboxSet, Error> {
    let actual = platform.read(mailboxes, capabilities).await?;
    let mut gone = RoaringBitmap::clone(mailboxes);
    gone -= &*actual.unknown;
    for capability in capabilities.iter() {
        match actual.now.get(&capability) {
            Some(may) => gone -= &**may,
            // Without an answer for a capability nothing is confirmed.
            None => gone.clear(),
        }
    }
    Ok(MailboxSet::from(gone))
}

fn answered(answer: Answer, asked: &MailboxSet, now: DateTime<Utc>) -> Vec<AttemptOutcome> {
    if !answer.is_partition_of(asked) {
        let (cause, mailboxes) = (Cause::new("unclear-answer"), asked.clone());
        return vec![AttemptOutcome::Failed { cause, transient: true, mailboxes }];
    }
    let done = |verdict, mailboxes| AttemptOutcome::Done { verdict, effective_at: now, mailboxes };
    let mut outcomes =
        vec![done(Verdict::Applied, answer.applied), done(Verdict::AlreadySo, answer.already_so)];
    // A later decision supersedes this one; its worker records the outcome.
    let failed = answer.failed.into_iter().filter(|failure| failure.cause != Cause::SUPERSEDED);
    outcomes.extend(failed.map(|failure| {
        let Failure { mailboxes, cause, transient } = failure;
        // Part of the platform was unavailable: no attempt, as for the whole of it.
        if transient && cause == Cause::UNAVAILABLE {
            return AttemptOutcome::Unavailable { cause, mailboxes };
        }
        AttemptOutcome::Failed { cause, transient, mailboxes }
    }));
    outcomes
}

fn whole_call(error: &Error, mailboxes: MailboxSet) -> AttemptOutcome {
    let cause = error.cause().clone();
    tracing::warn!(%cause, mailboxes = mailboxes.len(), "no outcome: {error}");
    if error.may_retry() {
        AttemptOutcome::Unavailable { cause, mailboxes }
    } else {
        AttemptOutcome::Failed { cause, transient: false, mailboxes }
    }
}
