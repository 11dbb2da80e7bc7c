//! One change for a set of mailboxes, carried out on the platform or by whatever issues vouchers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Attempted, Capabilities, Capability, Change, MailboxSet, Verdict};
use metrics::counter;
use roaring::RoaringBitmap;

use platform::{
    Answer, Cause, EffectKey, Error, Failure, IssueVouchers, Pace, Platform, Right, SetRights,
};

/// What a set of mailboxes needs alike.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    /// Why.
    pub(crate) key: EffectKey,
    /// What is to become of the rights.
    pub(crate) change: Change,
    /// Which rights.
    pub(crate) capabilities: Capabilities,
    /// Whose.
    pub(crate) mailboxes: MailboxSet,
    /// The position of the log that this was worked out from: the platform lets no older one undo it.
    pub(crate) decided_at: u64,
    /// Of these, those whom the platform was told ahead: they need only be read back.
    pub(crate) confirm: MailboxSet,
}

impl Assignment {
    /// The work that its attempts are counted for.
    pub(crate) fn attempted(&self) -> Attempted<'_> {
        match self.change {
            Change::Issue => Attempted::Vouchers,
            Change::Close { .. } | Change::Restore | Change::Arm { .. } => {
                Attempted::Rights(self.key.phase.as_ref())
            }
        }
    }
}

/// What a worker's orders are carried out by; what is not there, it takes no orders for.
#[derive(Default)]
pub(crate) struct Effects {
    /// Changes rights.
    pub(crate) platform: Option<Arc<dyn Platform>>,
    /// Issues vouchers, at its own pace.
    pub(crate) vouchers: Option<(Arc<dyn IssueVouchers>, Pace)>,
}

impl Effects {
    /// The effects that can be carried out.
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
    ) -> Vec<Came> {
        match (assignment.change, &self.platform, &self.vouchers) {
            (Change::Issue, _, Some((vouchers, pace))) => {
                issue(&**vouchers, pace, assignment, now).await
            }
            (Change::Close { .. } | Change::Restore | Change::Arm { .. }, Some(platform), _) => {
                perform(&**platform, assignment, now).await
            }
            // An order of an effect that this worker does not carry out is not taken.
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
) -> Vec<Came> {
    let Assignment { capabilities, mailboxes, .. } = assignment;
    let _under_way = pace.begin(*capabilities).await;
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

/// What came of it, for a set of mailboxes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Came {
    /// It is as it should be.
    So { verdict: Verdict, effective_at: DateTime<Utc>, mailboxes: MailboxSet },
    /// It did not work for these mailboxes.
    Failed { cause: Cause, transient: bool, mailboxes: MailboxSet },
    /// The platform as a whole was out of reach: nobody's attempt is spent.
    OutOfReach { cause: Cause, mailboxes: MailboxSet },
}

/// Carries an assignment out; every one of its mailboxes is in exactly one of the outcomes.
async fn perform(
    platform: &dyn Platform,
    assignment: &Assignment,
    now: impl Fn() -> DateTime<Utc>,
) -> Vec<Came> {
    let Assignment { change, capabilities, mailboxes, confirm, .. } = assignment;
    let controlled = capabilities.intersection(Capabilities::OF_PLATFORM);
    if controlled.is_empty() {
        // A gate of the engine itself: to record it is to do it.
        let (verdict, mailboxes) = (Verdict::Applied, mailboxes.clone());
        return vec![Came::So { verdict, effective_at: now(), mailboxes }];
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
                outcomes.push(Came::So { verdict, effective_at: *due_at, mailboxes: gone });
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
            // A withdrawal has no instant of its own: it is due when it is seen.
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

/// Those who, by the platform's own word and clock, have none of the capabilities any more.
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
            // A platform that does not answer for a capability has confirmed nothing.
            None => gone.clear(),
        }
    }
    Ok(MailboxSet::from(gone))
}

fn answered(answer: Answer, asked: &MailboxSet, now: DateTime<Utc>) -> Vec<Came> {
    if !answer.is_partition_of(asked) {
        let (cause, mailboxes) = (Cause::new("unclear-answer"), asked.clone());
        return vec![Came::Failed { cause, transient: true, mailboxes }];
    }
    let so = |verdict, mailboxes| Came::So { verdict, effective_at: now, mailboxes };
    let mut outcomes =
        vec![so(Verdict::Applied, answer.applied), so(Verdict::AlreadySo, answer.already_so)];
    // Whoever decided later has done it, or found it needless, and records that: there is nothing to say.
    let failed = answer.failed.into_iter().filter(|failure| failure.cause != Cause::SUPERSEDED);
    outcomes.extend(failed.map(|failure| {
        let Failure { mailboxes, cause, transient, .. } = failure;
        // Part of the platform was out of reach: like the whole of it, that is no attempt of theirs.
        if transient && cause == Cause::UNAVAILABLE {
            return Came::OutOfReach { cause, mailboxes };
        }
        Came::Failed { cause, transient, mailboxes }
    }));
    outcomes
}

fn whole_call(error: &Error, mailboxes: MailboxSet) -> Came {
    let cause = error.cause().clone();
    tracing::warn!(%cause, mailboxes = mailboxes.len(), "no outcome: {error}");
    if error.may_retry() {
        Came::OutOfReach { cause, mailboxes }
    } else {
        Came::Failed { cause, transient: false, mailboxes }
    }
}
