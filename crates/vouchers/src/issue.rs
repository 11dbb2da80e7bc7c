//! Issuing vouchers for workers: one append for a batch.
//!
//! Invariants: a voucher is issued by an event on the programme's voucher stream, appended at the
//! version it was decided at, so that each holder gets one, ever, and the plan's limit is exact
//! under concurrent workers; each event names its request as the cause. Deliberately absent: codes
//! and keys. A code is generated when it is delivered.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{Event, MailboxSet, State, VoucherCommand, VouchersIssued};
use eventstore::{Journal, Origin, Snapshot};
use platform::{Answer, Cause, Failure, IssueVouchers};
use registry::Registry;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::Error;
use crate::decide::{decision, following};

/// Causes in one append, with one event each.
const CAUSES: usize = 1_024;

/// Issues the vouchers of a programme.
#[derive(Clone)]
pub struct Issuer {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    origin: Origin,
}

impl Issuer {
    /// Issues vouchers of the journal's programme to the holders in the registry.
    pub fn new(journal: Arc<Journal>, registry: Arc<Registry>) -> Self {
        Self { journal, registry, origin: Origin::part("worker") }
    }

    /// Issues vouchers to the eligible of these mailboxes, and returns those.
    async fn issue_to(&self, mailboxes: &RoaringBitmap) -> Result<RoaringBitmap, Error> {
        let causes = self.journal.state().await?.vouchers.by_cause(mailboxes);
        let causes: Vec<(Uuid, RoaringBitmap)> = causes.into_iter().collect();
        let mut issued = RoaringBitmap::new();
        for batch in causes.chunks(CAUSES) {
            let these = batch.iter().fold(RoaringBitmap::new(), |all, (_, set)| all | set);
            let mut origins = BTreeMap::new();
            for (cause, _) in batch {
                let origin = following(&self.journal, &self.origin, Some(*cause)).await?;
                origins.insert(*cause, origin);
            }
            issued |= self.append(&these, &origins).await?;
        }
        Ok(issued)
    }

    /// Appends an event for each cause, in one transaction.
    async fn append(
        &self,
        mailboxes: &RoaringBitmap,
        origins: &BTreeMap<Uuid, Origin>,
    ) -> Result<RoaringBitmap, Error> {
        let decide = |state: &Snapshot<'_>, now| {
            let issue = VoucherCommand::Issue { mailboxes: mailboxes.clone() };
            // Ineligible mailboxes are skipped.
            let decided = state.decide_voucher(issue, now).unwrap_or_default();
            Ok::<_, Error>(decided.iter().flat_map(|event| by_cause(event, state)).collect())
        };
        let write = |events: &[(Event, Uuid)], now| {
            let events = events.iter().map(|(event, cause)| {
                let origin = origins.get(cause).unwrap_or(&self.origin);
                self.journal.new_event(event, now, origin)
            });
            events.collect()
        };
        let (events, _) = self.journal.decide_as(&decision(&self.journal)?, decide, write).await?;
        let events = events.iter().map(|(event, _)| event);
        Ok(events.filter_map(issued).fold(RoaringBitmap::new(), |all, set| all | &**set))
    }
}

#[async_trait]
impl IssueVouchers for Issuer {
    async fn issue(&self, mailboxes: &MailboxSet) -> Result<Answer, platform::Error> {
        // Nothing can be delivered to a holder who is not in the registry.
        let known = self.registry.requested_before(mailboxes, NaiveDate::MAX).await;
        let known = known.map_err(|error| failed(error.into()))?;
        let applied = self.issue_to(&known).await.map_err(failed)?;
        let unknown = &**mailboxes - &known;
        let already_so = MailboxSet::from(known - &applied);
        let failed = (!unknown.is_empty()).then(|| Failure {
            mailboxes: MailboxSet::from(unknown),
            cause: Cause::new("voucher-holder-unknown"),
            transient: false,
        });
        let failed = failed.into_iter().collect();
        Ok(Answer { applied: MailboxSet::from(applied), already_so, failed })
    }
}

fn issued(event: &Event) -> Option<&MailboxSet> {
    if let Event::VouchersIssued(event) = event { Some(&event.mailboxes) } else { None }
}

/// The same vouchers by cause, with an event each.
fn by_cause(event: &Event, state: &State) -> Vec<(Event, Uuid)> {
    let Event::VouchersIssued(VouchersIssued { revision, mailboxes }) = event else {
        return Vec::new();
    };
    let event = |(cause, set)| {
        let issued = VouchersIssued { revision: *revision, mailboxes: MailboxSet::from(set) };
        (Event::VouchersIssued(issued), cause)
    };
    state.vouchers.by_cause(mailboxes).into_iter().map(event).collect()
}

fn failed(error: Error) -> platform::Error {
    let (cause, problem) = (Cause::new("voucher-store-unavailable"), error.to_string());
    if error.may_retry() {
        let source: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
        return platform::Error::Unavailable { cause, problem, source: Some(source) };
    }
    platform::Error::Refused { cause: Cause::new("voucher-store-unusable"), problem }
}
