//! Decisions about vouchers. None of them makes a code.
//!
//! The rules are the domain's and the bookkeeping that of the `vouchers` crate; an action names the
//! holders and the caller.

use domain::{ProviderId, Verification};
use eventstore::Origin;
use roaring::RoaringBitmap;
use views::{
    RemindersClaimed, VoucherRedeemed, VoucherRefused, VoucherRevoked, VouchersExpired,
    VouchersMarked,
};
use vouchers::Vouchers;

use super::{Action, At, Caller, Convergent};
use crate::store::Store;
use crate::{Error, MailboxRef};

/// Records that holders request their vouchers. Of many, ineligible holders are skipped; a single
/// one is refused.
pub struct RequestVouchers {
    /// Whose.
    pub mailboxes: RoaringBitmap,
}

/// Records that the requesters were verified.
pub struct VerifyVouchers {
    /// Whose.
    pub mailboxes: RoaringBitmap,
    /// How.
    pub proof: Verification,
}

/// Refuses the request of a holder, who may request again.
pub struct RefuseVoucher {
    /// Whose.
    pub mailbox: MailboxRef,
    /// Why, as a short code.
    pub cause: String,
}

/// Revokes the voucher of a holder, who gets no other.
pub struct RevokeVoucher {
    /// Whose.
    pub mailbox: MailboxRef,
}

/// Redeems the voucher with a code, however it is written, or with a token.
pub struct RedeemVoucher {
    /// What the holder showed.
    pub code: String,
    /// Who opens the mailbox.
    pub provider: ProviderId,
}

/// Ends the vouchers that were not redeemed in time.
pub struct ExpireVouchers;

/// Claims a batch of reminders for holders who have not used their voucher.
pub struct RemindHolders;

impl Action for RequestVouchers {
    const DONE: &'static str = "requested";
    type Result = VouchersMarked;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<VouchersMarked>, Error> {
        let all = of_call(store, caller).await?;
        let vouchers = all.request_all(&self.mailboxes, &caller.origin()).await?;
        let left_as_they_were = self.mailboxes.len().saturating_sub(vouchers);
        store.at_end(VouchersMarked { mark: Self::DONE, vouchers, left_as_they_were }).await
    }
}

impl Action for VerifyVouchers {
    const DONE: &'static str = "verified";
    type Result = VouchersMarked;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<VouchersMarked>, Error> {
        let (all, origin) = (of_call(store, caller).await?, caller.origin());
        let vouchers = all.verify_all(&self.mailboxes, self.proof, &origin).await?;
        let left_as_they_were = self.mailboxes.len().saturating_sub(vouchers);
        store.at_end(VouchersMarked { mark: Self::DONE, vouchers, left_as_they_were }).await
    }
}

impl Action for RefuseVoucher {
    const DONE: &'static str = "refused";
    type Result = VoucherRefused;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<VoucherRefused>, Error> {
        let Self { mailbox, cause } = self;
        let number = store.number_of(&mailbox).await?;
        of_call(store, caller).await?.refuse(number, &cause, &caller.origin()).await?;
        store.at_end(VoucherRefused { mailbox: store.id_of(number), cause }).await
    }
}

impl Action for RevokeVoucher {
    const DONE: &'static str = "revoked";
    type Result = VoucherRevoked;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<VoucherRevoked>, Error> {
        let number = store.number_of(&self.mailbox).await?;
        of_call(store, caller).await?.revoke(number, &caller.origin()).await?;
        store.at_end(VoucherRevoked { mailbox: store.id_of(number) }).await
    }
}

impl Action for RedeemVoucher {
    const DONE: &'static str = "redeemed";
    type Result = VoucherRedeemed;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<VoucherRedeemed>, Error> {
        let vouchers = of_call(store, caller).await?;
        let redemption = vouchers.redeem(&self.code, &self.provider, &caller.origin()).await?;
        store.at_end(VoucherRedeemed { redemption }).await
    }
}

impl Convergent for ExpireVouchers {
    const DONE: &'static str = "expired";
    type Result = VouchersExpired;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<VouchersExpired>, Error> {
        let vouchers = store.vouchers().await?.expire(by).await?;
        store.at_end(VouchersExpired { vouchers }).await
    }
}

impl Convergent for RemindHolders {
    const DONE: &'static str = "reminders-claimed";
    type Result = RemindersClaimed;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<RemindersClaimed>, Error> {
        let (all, messages) = (store.vouchers().await?, store.messages().await?);
        let now = store.journal().now();
        let vouchers = intake::claim_reminders(messages, all, now, by).await?;
        store.at_end(RemindersClaimed { vouchers }).await
    }
}

/// The vouchers for this call: a repeated one leads to nothing more.
pub(super) async fn of_call(store: &Store, caller: &Caller) -> Result<Vouchers, Error> {
    let vouchers = store.vouchers().await?;
    Ok(match &caller.key {
        Some(key) => vouchers.for_command(key.id("voucher")),
        None => vouchers.clone(),
    })
}
