//! Codes of vouchers: made, delivered to the caller, and only then recorded as delivered.
//!
//! Invariant: a code exists in plain form in the caller's [`CodeSink`] alone. After a crash between
//! the two steps the code counts as lost and is replaced: at most one batch of them.

use std::collections::HashMap;

use chrono::NaiveDate;
use domain::{MailboxId, Rejection, VoucherCode};
use eventstore::Origin;
use roaring::RoaringBitmap;
use vouchers::{CodeId, Credentials, NewCode, VoucherId, Vouchers};

use super::vouchers::of_call;
use super::{Action, At, Caller, Convergent};
use crate::issuing::{left_over, until_issued};
use crate::store::Store;
use crate::{Error, MailboxRef};

/// How many codes are delivered and recorded at once.
const BATCH: usize = 16_384;

/// Delivers the code of a holder whose request is verified.
pub struct IssueVoucher<'a> {
    /// Whose.
    pub mailbox: MailboxRef,
    /// Where the code goes.
    pub codes: &'a mut dyn CodeSink,
}

/// Delivers the codes of all verified requests, up to the plan's limit.
pub struct IssueVouchers<'a> {
    /// Whether each code comes with its token.
    pub tokens: bool,
    /// Where the codes go.
    pub codes: &'a mut dyn CodeSink,
}

/// Replaces the code of a holder.
pub struct ReissueVoucher<'a> {
    /// Whose.
    pub mailbox: MailboxRef,
    /// Where the code goes.
    pub codes: &'a mut dyn CodeSink,
}

/// Replaces all codes whose delivery is not recorded.
pub struct ReissueUndelivered<'a> {
    /// Whether each code comes with its token.
    pub tokens: bool,
    /// Where the codes go.
    pub codes: &'a mut dyn CodeSink,
}

/// Where codes go; they count as delivered once it has taken them.
pub trait CodeSink: Send + Sync {
    /// So many codes will come, where they come in batches.
    fn begin(&mut self, _codes: u64) {}

    /// Takes codes, and returns once they cannot be lost any more.
    fn take(&mut self, codes: Vec<IssuedCode>) -> Result<(), Error>;
}

/// A code on its way to its holder.
pub struct IssuedCode {
    /// Whose.
    pub mailbox: MailboxId,
    /// The address of the mailbox; `None` where the caller named it.
    pub address: Option<String>,
    /// The voucher.
    pub voucher: VoucherId,
    /// Which code of it: 1 for the first.
    pub issue: u32,
    /// What the holder shows to a provider.
    pub code: VoucherCode,
    /// The same, signed; worth as much as the code.
    pub token: Option<String>,
    /// The last day on which it can be redeemed; `None` where it does not expire.
    pub redeem_by: Option<NaiveDate>,
}

/// How many codes were delivered.
#[derive(Debug)]
pub struct CodesDelivered {
    /// Codes delivered.
    pub vouchers: u64,
    /// Why some verified requests are left without a voucher.
    pub stopped: Option<String>,
    /// Codes made before whose delivery is not recorded.
    pub undelivered: u64,
}

impl Convergent for IssueVoucher<'_> {
    const DONE: &'static str = "issued";
    type Result = ();

    async fn run(self, store: &Store, by: &Origin) -> Result<At<()>, Error> {
        let (number, vouchers) = (store.number_of(&self.mailbox).await?, store.vouchers().await?);
        until_issued(store, Some(number)).await?;
        let code = vouchers.deliver(number).await?;
        deliver_one(store, code, self.codes, by).await
    }
}

impl Action for ReissueVoucher<'_> {
    const DONE: &'static str = "reissued";
    type Result = ();

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<()>, Error> {
        let (number, by) = (store.number_of(&self.mailbox).await?, caller.origin());
        let code = of_call(store, caller).await?.reissue(number, &by).await?;
        deliver_one(store, code, self.codes, &by).await
    }
}

impl Convergent for IssueVouchers<'_> {
    const DONE: &'static str = "issued";
    type Result = CodesDelivered;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<CodesDelivered>, Error> {
        let (vouchers, journal) = (store.vouchers().await?, store.journal());
        until_issued(store, None).await?;
        // Codes in letters of the intake are left to it; of the others an interrupted command may
        // have left some.
        let issued = {
            let snapshot = journal.state().await?;
            snapshot.vouchers.valid() - &snapshot.vouchers.delivered
        };
        let mut delivered = 0;
        let issued = issued - &in_letters(store).await?;
        self.codes.begin(issued.len());
        for batch in batches(&issued) {
            let new = vouchers.generate_missing(&batch).await?;
            delivered += deliver(store, new, self.tokens, &mut *self.codes, by).await?;
        }
        let stopped = left_over(&*journal.state().await?, journal.now());
        if let Some(why) = stopped.as_ref().filter(|_| delivered == 0) {
            return Err(Rejection(why.clone()).into());
        }
        let undelivered = undelivered(store, vouchers).await?.len();
        store.at_end(CodesDelivered { vouchers: delivered, stopped, undelivered }).await
    }
}

impl Convergent for ReissueUndelivered<'_> {
    const DONE: &'static str = "reissued";
    type Result = CodesDelivered;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<CodesDelivered>, Error> {
        let vouchers = store.vouchers().await?;
        let mut delivered = 0;
        let lost = undelivered(store, vouchers).await?;
        self.codes.begin(lost.len());
        for batch in batches(&lost) {
            let new = vouchers.reissue_all(&batch, by).await?;
            delivered += deliver(store, new, self.tokens, &mut *self.codes, by).await?;
        }
        store.at_end(CodesDelivered { vouchers: delivered, stopped: None, undelivered: 0 }).await
    }
}

async fn deliver_one(
    store: &Store,
    credentials: Credentials,
    codes: &mut dyn CodeSink,
    by: &Origin,
) -> Result<At<()>, Error> {
    let vouchers = store.vouchers().await?;
    let Credentials { id, code, token, redeem_by } = credentials;
    codes.take(vec![IssuedCode {
        mailbox: store.id_of(id.number),
        address: None,
        voucher: vouchers.voucher(id.number),
        issue: id.issue,
        code,
        token: Some(token),
        redeem_by,
    }])?;
    vouchers.record_delivered(&[id], by).await?;
    store.at_end(()).await
}

async fn deliver(
    store: &Store,
    new: Vec<NewCode>,
    tokens: bool,
    codes: &mut dyn CodeSink,
    by: &Origin,
) -> Result<u64, Error> {
    if new.is_empty() {
        return Ok(0);
    }
    let vouchers = store.vouchers().await?;
    let ids: Vec<CodeId> = new.iter().map(|new| new.id).collect();
    let numbers: RoaringBitmap = ids.iter().map(|id| id.number).collect();
    let addresses = vouchers.registry.addresses_of(&numbers).await?;
    let mut addresses: HashMap<u32, String> =
        addresses.into_iter().map(|(number, address, _)| (number, address)).collect();
    let redeem_by = {
        let state = store.journal().state().await?;
        let rules = state.plan().and_then(|plan| plan.vouchers.as_ref());
        rules.and_then(|rules| rules.redeem_by)
    };
    let mut issued = Vec::with_capacity(new.len());
    for NewCode { id, code } in new {
        let CodeId { number, issue } = id;
        let token = if tokens { Some(vouchers.token(id).await?) } else { None };
        let (mailbox, voucher) = (store.id_of(number), vouchers.voucher(number));
        let address = addresses.remove(&number);
        issued.push(IssuedCode { mailbox, address, voucher, issue, code, token, redeem_by });
    }
    codes.take(issued)?;
    vouchers.record_delivered(&ids, by).await?;
    Ok(u64::try_from(ids.len()).unwrap_or(u64::MAX))
}

/// Holders whose code was made, is not recorded as delivered, and is in no letter.
async fn undelivered(store: &Store, vouchers: &Vouchers) -> Result<RoaringBitmap, Error> {
    Ok(vouchers.undelivered().await?.with_code - &in_letters(store).await?)
}

/// Holders whose code is in a letter that the intake still tries to send.
async fn in_letters(store: &Store) -> Result<RoaringBitmap, Error> {
    let Some(messages) = store.settings().open_messages_to_read().await? else {
        return Ok(RoaringBitmap::new());
    };
    let waiting = messages.codes_in_delivery().await?;
    messages.close().await?;
    Ok(waiting)
}

fn batches(numbers: &RoaringBitmap) -> Vec<RoaringBitmap> {
    let all: Vec<u32> = numbers.iter().collect();
    all.chunks(BATCH).map(|batch| batch.iter().copied().collect()).collect()
}
