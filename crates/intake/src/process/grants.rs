//! Requests and grants of vouchers, and the reason for a refusal.
//!
//! Invariant: a request made within the window is served, whenever its holder confirms.
//! Deliberately absent: the rules, which are the domain's; here the rule that refused a request is
//! looked up for the letter.

use chrono::{DateTime, Utc};
use domain::{Capability, State, Verification, VoucherStanding};
use vouchers::Credentials;

use super::RequestProcessor;
use crate::Error;
use crate::store::{Confirmed, LetterKind, NewLetter};

/// Why a holder gets no voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The holder already has one.
    Had,
    /// Their voucher is no longer valid.
    Ended,
    /// The voucher window is closed.
    Closed,
    /// The plan's limit is reached.
    NoneLeft,
    /// The plan's rules exclude the holder.
    NotEligible,
}

impl Refusal {
    /// The code that is stored, and that the letter's template uses.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Had => "had",
            Self::Ended => "ended",
            Self::Closed => "closed",
            Self::NoneLeft => "none-left",
            Self::NotEligible => "not-eligible",
        }
    }
}

/// The code for a letter that is due.
pub(super) enum CodeResult {
    /// The code.
    Issued(Credentials),
    /// It was delivered in another way: the letter is obsolete.
    AlreadyDelivered,
    /// There is none.
    Refused(Refusal),
}

impl RequestProcessor {
    /// Records a request made at an instant; returns the refusal if there is nothing to request.
    pub(super) async fn request(
        &self,
        mailbox: u32,
        asked_at: DateTime<Utc>,
    ) -> Result<Option<Refusal>, Error> {
        let standing = {
            let snapshot = self.vouchers.journal.state().await?;
            let vouchers = &snapshot.vouchers;
            let delivered = vouchers.delivered.contains(mailbox);
            let standing = vouchers.standing(mailbox);
            // It was issued but never delivered: the holder gets it once they confirm.
            if standing == VoucherStanding::Valid && !delivered {
                return Ok(None);
            }
            standing
        };
        match standing {
            VoucherStanding::Valid
            | VoucherStanding::Redeemed { .. }
            | VoucherStanding::Expired
            | VoucherStanding::Revoked => Ok(Some(Refusal::Had)),
            // The window may have closed meanwhile: the request was made in time.
            VoucherStanding::Requested | VoucherStanding::Verified => Ok(None),
            VoucherStanding::None | VoucherStanding::Refused => {
                match self.vouchers.request_made_at(mailbox, asked_at, &self.origin).await {
                    Ok(()) => Ok(None),
                    Err(vouchers::Error::Rejected(_)) => Ok(Some(Refusal::NotEligible)),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Verifies a confirmed request, and queues the letter with its code, or a refusal.
    pub(super) async fn issue_confirmed(
        &self,
        confirmed: &Confirmed,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let Confirmed { mailbox, message, route, .. } = *confirmed;
        let asked = self.store.message(message).await?;
        let asked_at = asked.map_or(now, |message| message.received_at);
        let why = self.grant(mailbox, asked_at, now).await?;
        let kind = if why.is_some() { LetterKind::Refused } else { LetterKind::Granted };
        let letter =
            NewLetter { kind, message, mailbox: Some(mailbox), route, why: why.map(Refusal::code) };
        tracing::info!(message, granted = why.is_none(), "confirmation processed");
        self.store.settle_confirmation(confirmed, letter, now).await
    }

    /// Verifies the request of a holder who has confirmed, so that a worker issues the voucher, or
    /// returns the refusal. The code is generated with its letter.
    async fn grant(
        &self,
        mailbox: u32,
        asked_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Refusal>, Error> {
        if let Some(why) = self.request(mailbox, asked_at).await? {
            return Ok(Some(why));
        }
        let verified =
            self.vouchers.verify(mailbox, Verification::Confirmation, &self.origin).await;
        match verified {
            // An issued voucher needs no verification.
            Ok(()) | Err(vouchers::Error::Rejected(_)) => {}
            Err(error) => return Err(error.into()),
        }
        match self.vouchers.deliverable(mailbox).await {
            Ok(_) => Ok(None),
            Err(vouchers::Error::Rejected(_)) => {
                let snapshot = self.vouchers.journal.state().await?;
                Ok(Some(why_not(&snapshot, mailbox, now)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The code for a voucher's letter. On an error the code stays in memory.
    pub(super) async fn code(
        &mut self,
        mailbox: u32,
        now: DateTime<Utc>,
    ) -> Result<CodeResult, Error> {
        {
            let snapshot = self.vouchers.journal.state().await?;
            let vouchers = &snapshot.vouchers;
            let delivered = vouchers.delivered.contains(mailbox);
            match vouchers.standing(mailbox) {
                VoucherStanding::Valid if !delivered => {}
                VoucherStanding::Valid | VoucherStanding::Redeemed { .. } => {
                    return Ok(CodeResult::AlreadyDelivered);
                }
                VoucherStanding::Expired | VoucherStanding::Revoked => {
                    return Ok(CodeResult::Refused(Refusal::Ended));
                }
                VoucherStanding::None
                | VoucherStanding::Requested
                | VoucherStanding::Verified
                | VoucherStanding::Refused => {}
            }
            let issue = vouchers.issue_of(mailbox);
            // It may have been reissued meanwhile.
            if let Some(code) = self.unsent.remove(&mailbox).filter(|it| it.id.issue == issue) {
                return Ok(CodeResult::Issued(code));
            }
        }
        let issued = match self.vouchers.deliver(mailbox).await {
            Err(vouchers::Error::CodeExists) => self.vouchers.reissue(mailbox, &self.origin).await,
            issued => issued,
        };
        match issued {
            Ok(code) => Ok(CodeResult::Issued(code)),
            Err(vouchers::Error::Rejected(_)) => {
                let snapshot = self.vouchers.journal.state().await?;
                Ok(CodeResult::Refused(why_not(&snapshot, mailbox, now)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The rule by which a holder is refused.
fn why_not(state: &State, mailbox: u32, now: DateTime<Utc>) -> Refusal {
    let Some(plan) = state.plan() else { return Refusal::Closed };
    let Some(rules) = &plan.vouchers else { return Refusal::Closed };
    let expired = rules.redeem_by.is_some_and(|last| domain::civil_date(now, plan.zone) > last);
    match state.vouchers.standing(mailbox) {
        VoucherStanding::Expired | VoucherStanding::Revoked => Refusal::Ended,
        VoucherStanding::Valid | VoucherStanding::Redeemed { .. } if !expired => Refusal::Had,
        VoucherStanding::Valid
        | VoucherStanding::Redeemed { .. }
        | VoucherStanding::None
        | VoucherStanding::Requested
        | VoucherStanding::Verified
        | VoucherStanding::Refused => {
            if expired || !plan.allowed_at(now).contains(Capability::RequestVoucher) {
                Refusal::Closed
            } else if rules.max_issued.is_some_and(|most| state.vouchers.issued.len() >= most) {
                Refusal::NoneLeft
            } else {
                Refusal::NotEligible
            }
        }
    }
}
