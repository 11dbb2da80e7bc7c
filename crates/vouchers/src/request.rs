//! Requests, and commands without a code: request, verify, refuse, revoke, expire, remind.

use chrono::{DateTime, Utc};
use domain::{Event, Verification, VoucherCommand};
use eventstore::Origin;
use roaring::RoaringBitmap;

use crate::decide::{following, one};
use crate::{Error, Vouchers};

impl Vouchers {
    /// Records a holder's request. A pending request is not recorded twice.
    pub async fn request(&self, number: u32, origin: &Origin) -> Result<(), Error> {
        self.request_all(&one(number), origin).await.map(|_| ())
    }

    /// Records a request that arrived at an earlier instant, which decides whether it was in time.
    pub async fn request_made_at(
        &self,
        number: u32,
        made_at: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<(), Error> {
        self.request_by(&one(number), made_at, origin).await.map(|_| ())
    }

    /// Records requests of eligible holders, and returns how many are new. A single ineligible
    /// holder is rejected with the reason.
    pub async fn request_all(
        &self,
        mailboxes: &RoaringBitmap,
        origin: &Origin,
    ) -> Result<u64, Error> {
        self.request_by(mailboxes, DateTime::<Utc>::MAX_UTC, origin).await
    }

    async fn request_by(
        &self,
        mailboxes: &RoaringBitmap,
        made_at: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<u64, Error> {
        let before = self.rules(|_, rules| rules.registered_before).await?;
        let requested_in_time = self.registry.requested_before(mailboxes, before).await?;
        let command = || VoucherCommand::Request {
            mailboxes: mailboxes.clone(),
            requested_in_time: requested_in_time.clone(),
        };
        Ok(affected(&self.decide_by(made_at, origin, command).await?))
    }

    /// Records that a requester was verified.
    pub async fn verify(
        &self,
        number: u32,
        proof: Verification,
        origin: &Origin,
    ) -> Result<(), Error> {
        let origin = self.caused_by_request(number, origin).await?;
        self.verify_all(&one(number), proof, &origin).await.map(|_| ())
    }

    /// Records that requesters were verified, and returns how many had not been.
    pub async fn verify_all(
        &self,
        mailboxes: &RoaringBitmap,
        proof: Verification,
        origin: &Origin,
    ) -> Result<u64, Error> {
        let verify = || VoucherCommand::Verify { mailboxes: mailboxes.clone(), proof };
        Ok(affected(&self.decide(origin, verify).await?))
    }

    /// Refuses a request, with a short code for the reason, e.g. `not-the-holder`. The holder may
    /// request a voucher again.
    pub async fn refuse(&self, number: u32, cause: &str, origin: &Origin) -> Result<(), Error> {
        let origin = self.caused_by_request(number, origin).await?;
        let refuse = || VoucherCommand::Refuse { mailboxes: one(number), cause: cause.to_owned() };
        self.decide(&origin, refuse).await.map(|_| ())
    }

    /// Revokes a voucher. Its holder gets no other.
    pub async fn revoke(&self, number: u32, origin: &Origin) -> Result<(), Error> {
        self.decide(origin, || VoucherCommand::Revoke { number }).await.map(|_| ())
    }

    /// Expires vouchers that were not redeemed in time, and returns how many.
    pub async fn expire(&self, origin: &Origin) -> Result<u64, Error> {
        Ok(affected(&self.decide(origin, || VoucherCommand::Expire).await?))
    }

    /// Claims a round of reminders for holders who are due one by the plan, and returns how many.
    /// The caller queues their letters afterwards.
    pub async fn remind(
        &self,
        scheduled_for: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<u64, Error> {
        let remind = || VoucherCommand::Remind { scheduled_for };
        Ok(affected(&self.decide(origin, remind).await?))
    }

    /// The origin, caused by the pending request of a mailbox unless it names a cause.
    async fn caused_by_request(&self, number: u32, origin: &Origin) -> Result<Origin, Error> {
        if origin.correlation_id.is_some() {
            return Ok(origin.clone());
        }
        let cause = self.journal.state().await?.vouchers.cause_of(number);
        Ok(following(&self.journal, origin, cause).await?)
    }
}

/// The number of mailboxes in these events.
fn affected(events: &[Event]) -> u64 {
    events.iter().filter_map(|event| event.subjects().into_set()).map(|set| set.len()).sum()
}
