//! Asking the office, and what a holder is told where it says no.
//!
//! Invariant: what was asked in time is served, whenever its link is used. Deliberately absent: the rules, which
//! are the domain's; here it is only looked up which of them a holder met.

use chrono::{DateTime, Utc};
use domain::{Capability, Proof, State, VoucherStanding};
use vouchers::Grant;

use super::Desk;
use crate::Error;
use crate::store::{Confirmed, LetterKind, New};

/// Why a holder gets no voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// They have had one.
    Had,
    /// The one they were granted is not valid any more.
    Ended,
    /// Vouchers can't be had now.
    Closed,
    /// All of the plan's are issued.
    NoneLeft,
    /// The plan does not give them one.
    NotEligible,
}

impl Refusal {
    /// As it is stored, and by which its letter's words are found.
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

/// What became of a code whose letter is due.
pub(super) enum Coded {
    /// Here it is.
    Made(Grant),
    /// It was handed over in another way: the letter has nothing to say.
    Elsewhere,
    /// There is none any more.
    No(Refusal),
}

impl Desk {
    /// Writes a request down that came at an instant; why not, where there is nothing to ask for.
    pub(super) async fn request(
        &self,
        mailbox: u32,
        asked_at: DateTime<Utc>,
    ) -> Result<Option<Refusal>, Error> {
        let standing = {
            let known = self.office.journal().known().await?;
            let vouchers = &known.state().vouchers;
            let delivered = vouchers.delivered().contains(mailbox);
            let standing = vouchers.standing(mailbox);
            // It was granted and never arrived: who proves who they are gets it now.
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
            // It waits, and the plan may have closed meanwhile: it was asked in time.
            VoucherStanding::Requested | VoucherStanding::Verified => Ok(None),
            VoucherStanding::None | VoucherStanding::Refused => {
                match self.office.request_asked(mailbox, asked_at, &self.origin).await {
                    Ok(()) => Ok(None),
                    Err(vouchers::Error::Rejected(_)) => Ok(Some(Refusal::NotEligible)),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Grants what was confirmed.
    pub(super) async fn settle(
        &mut self,
        confirmed: &Confirmed,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let Confirmed { mailbox, message, route, .. } = *confirmed;
        let asked = self.store.message(message).await?;
        let asked_at = asked.map_or(now, |message| message.received_at);
        let why = self.grant(mailbox, asked_at, now).await?;
        let kind = if why.is_some() { LetterKind::Refused } else { LetterKind::Granted };
        let letter =
            New { kind, message, mailbox: Some(mailbox), route, why: why.map(Refusal::code) };
        tracing::info!(message, granted = why.is_none(), "a confirmation was acted upon");
        self.store.settled(confirmed, letter, now).await
    }

    /// Grants a voucher to who has proven who they are, or tells why not. The code waits in memory for its letter.
    async fn grant(
        &mut self,
        mailbox: u32,
        asked_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Refusal>, Error> {
        if let Some(why) = self.request(mailbox, asked_at).await? {
            return Ok(Some(why));
        }
        let verified = self.office.verify(mailbox, Proof::Confirmation, &self.origin).await;
        match verified {
            // Where it was granted already, there is nothing to verify any more.
            Ok(()) | Err(vouchers::Error::Rejected(_)) => {}
            Err(error) => return Err(error.into()),
        }
        match self.office.issue(mailbox, &self.origin).await {
            Ok(grant) => {
                self.grants.insert(mailbox, grant);
                Ok(None)
            }
            // The code was made in another life of this process: another is made with the letter.
            Err(vouchers::Error::Minted) => Ok(None),
            Err(vouchers::Error::Rejected(_)) => {
                let known = self.office.journal().known().await?;
                Ok(Some(why_not(known.state(), mailbox, now)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A voucher's code, for its letter. What is kept in memory stays there where this fails.
    pub(super) async fn code(&mut self, mailbox: u32, now: DateTime<Utc>) -> Result<Coded, Error> {
        {
            let known = self.office.journal().known().await?;
            let vouchers = &known.state().vouchers;
            let delivered = vouchers.delivered().contains(mailbox);
            match vouchers.standing(mailbox) {
                VoucherStanding::Valid if !delivered => {}
                VoucherStanding::Valid | VoucherStanding::Redeemed { .. } => {
                    return Ok(Coded::Elsewhere);
                }
                VoucherStanding::Expired | VoucherStanding::Revoked => {
                    return Ok(Coded::No(Refusal::Ended));
                }
                VoucherStanding::None
                | VoucherStanding::Requested
                | VoucherStanding::Verified
                | VoucherStanding::Refused => {}
            }
            let issue = vouchers.issue_of(mailbox);
            // Somebody may have replaced it meanwhile.
            if let Some(grant) = self.grants.remove(&mailbox).filter(|grant| grant.issue == issue) {
                return Ok(Coded::Made(grant));
            }
        }
        let issued = match self.office.issue(mailbox, &self.origin).await {
            Err(vouchers::Error::Minted) => self.office.reissue(mailbox, &self.origin).await,
            issued => issued,
        };
        match issued {
            Ok(grant) => Ok(Coded::Made(grant)),
            Err(vouchers::Error::Rejected(_)) => {
                let known = self.office.journal().known().await?;
                Ok(Coded::No(why_not(known.state(), mailbox, now)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Which rule stands in the way of who is refused one.
fn why_not(state: &State, mailbox: u32, now: DateTime<Utc>) -> Refusal {
    let Some(plan) = state.plan() else { return Refusal::Closed };
    let Some(rules) = &plan.vouchers else { return Refusal::Closed };
    let over = rules.redeem_by.is_some_and(|last| domain::civil_date(now, plan.zone) > last);
    match state.vouchers.standing(mailbox) {
        VoucherStanding::Expired | VoucherStanding::Revoked => Refusal::Ended,
        VoucherStanding::Valid | VoucherStanding::Redeemed { .. } if !over => Refusal::Had,
        VoucherStanding::Valid
        | VoucherStanding::Redeemed { .. }
        | VoucherStanding::None
        | VoucherStanding::Requested
        | VoucherStanding::Verified
        | VoucherStanding::Refused => {
            if over || !plan.allowed_at(now).contains(Capability::RequestVoucher) {
                Refusal::Closed
            } else if rules.max_issued.is_some_and(|most| state.vouchers.issued().len() >= most) {
                Refusal::NoneLeft
            } else {
                Refusal::NotEligible
            }
        }
    }
}
