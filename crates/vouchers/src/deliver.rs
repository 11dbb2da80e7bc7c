//! Generating codes, and delivering them.

use std::collections::{BTreeSet, HashSet};

use domain::{Event, State, VoucherCode, VoucherCommand, VoucherStanding};
use eventstore::Origin;
use roaring::RoaringBitmap;

use crate::decide::one;
use crate::{CodeId, Error, NewCode, TYP, Token, Vouchers};

/// What a holder presents to redeem a voucher: its code, or a token that a provider can verify
/// offline.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Which code of which voucher.
    pub id: CodeId,
    /// The code, to be shown or read out.
    pub code: VoucherCode,
    /// The signed token, to be scanned. It is as valuable as the code.
    pub token: String,
    /// The last day for a redemption; absent if vouchers do not expire.
    pub redeem_by: Option<chrono::NaiveDate>,
}

/// Valid vouchers whose delivery is not recorded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Undelivered {
    /// No current code was generated.
    pub without_code: RoaringBitmap,
    /// The current code was generated, and may be lost.
    pub with_code: RoaringBitmap,
}

impl Vouchers {
    /// Generates the code of a voucher that was issued and not delivered. Fails with
    /// [`Error::Pending`] until a worker has issued the voucher, and with [`Error::CodeExists`] if
    /// its code was generated before.
    pub async fn deliver(&self, number: u32) -> Result<Credentials, Error> {
        let issue = self.deliverable(number).await?.ok_or(Error::Pending)?;
        self.credentials(CodeId { number, issue }).await
    }

    /// The number of the code to deliver; `None` while a worker has yet to issue the voucher. A
    /// rejection names the reason why none will be issued.
    pub async fn deliverable(&self, number: u32) -> Result<Option<u32>, Error> {
        let snapshot = self.journal.state().await?;
        let vouchers = &snapshot.vouchers;
        let issued = vouchers.standing(number) == VoucherStanding::Valid;
        if issued && !vouchers.delivered.contains(number) {
            return Ok(Some(vouchers.issue_of(number)));
        }
        let issue = VoucherCommand::Issue { mailboxes: one(number) };
        snapshot.decide_voucher(issue, self.journal.now())?;
        Ok(None)
    }

    /// Replaces the code of a voucher, whether it was lost or never generated. The previous code is
    /// invalid as soon as this is recorded. A repeated command fails with [`Error::CodeExists`].
    pub async fn reissue(&self, number: u32, origin: &Origin) -> Result<Credentials, Error> {
        let events = self.decide(origin, || VoucherCommand::Reissue { number }).await?;
        let id = events.iter().find_map(reissued).ok_or(Error::CodeExists)?;
        self.credentials(id).await
    }

    /// Replaces the codes of these vouchers, except of those that can no longer be redeemed.
    pub async fn reissue_all(
        &self,
        mailboxes: &RoaringBitmap,
        origin: &Origin,
    ) -> Result<Vec<NewCode>, Error> {
        let events = self
            .decide_on(origin, |state, now| {
                let valid = mailboxes & state.vouchers.valid();
                let mut events = Vec::new();
                for number in &valid {
                    events.extend(state.decide_voucher(VoucherCommand::Reissue { number }, now)?);
                }
                Ok(events)
            })
            .await?;
        self.generate(events.iter().filter_map(reissued).collect()).await
    }

    /// Records that codes were delivered. Replaced codes are skipped: their holders have an invalid
    /// code, and the current one has yet to be delivered.
    pub async fn record_delivered(&self, codes: &[CodeId], origin: &Origin) -> Result<(), Error> {
        let deliver = |state: &State, now| {
            let current = codes.iter().filter(|id| state.vouchers.issue_of(id.number) == id.issue);
            let mailboxes = current.map(|id| id.number).collect();
            Ok(state.decide_voucher(VoucherCommand::Deliver { mailboxes }, now)?)
        };
        self.decide_on(origin, deliver).await.map(|_| ())
    }

    /// Generates the current codes of valid vouchers that have none.
    pub async fn generate_missing(&self, mailboxes: &RoaringBitmap) -> Result<Vec<NewCode>, Error> {
        let missing: Vec<CodeId> = {
            let snapshot = self.journal.state().await?;
            let vouchers = &snapshot.vouchers;
            let these = &(mailboxes & vouchers.valid()) - &vouchers.delivered;
            these.iter().map(|number| current_code(&snapshot, number)).collect()
        };
        self.generate(missing).await
    }

    /// The valid vouchers whose delivery is not recorded.
    pub async fn undelivered(&self) -> Result<Undelivered, Error> {
        let (undelivered, current) = {
            let snapshot = self.journal.state().await?;
            let vouchers = &snapshot.vouchers;
            let undelivered = vouchers.valid() - &vouchers.delivered;
            let current = undelivered.iter().map(|number| current_code(&snapshot, number));
            let current: BTreeSet<CodeId> = current.collect();
            (undelivered, current)
        };
        let codes = self.codes.codes_of(&undelivered).await?.into_iter();
        let with_code = codes.filter(|id| current.contains(id)).map(|id| id.number);
        let with_code: RoaringBitmap = with_code.collect();
        Ok(Undelivered { without_code: undelivered - &with_code, with_code })
    }

    /// Signs the token of a code.
    pub async fn token(&self, id: CodeId) -> Result<String, Error> {
        let (programme, now) = (self.journal.programme(), self.journal.now());
        let voucher = self.voucher(id.number);
        let token =
            self.rules(|plan, _| Token::new(programme, plan, voucher, id.issue, now)).await?;
        Ok(self.keyring.sign(TYP, &token, now)?)
    }

    async fn credentials(&self, id: CodeId) -> Result<Credentials, Error> {
        // Signed first, so that a failure of the keys loses no generated code.
        let token = self.token(id).await?;
        let redeem_by = self.rules(|_, rules| rules.redeem_by).await?;
        let mut generated = self.generate(vec![id]).await?;
        let NewCode { code, .. } = generated.pop().ok_or(Error::CodeExists)?;
        Ok(Credentials { id, code, token, redeem_by })
    }

    /// Generates codes. Codes that another process inserted first are left out: that process
    /// delivers them.
    async fn generate(&self, ids: Vec<CodeId>) -> Result<Vec<NewCode>, Error> {
        let mut codes = Vec::with_capacity(ids.len());
        for id in ids {
            let bits = u128::from_le_bytes(keyring::random_bytes()?);
            codes.push(NewCode { id, code: VoucherCode::from_random(bits) });
        }
        let inserted: HashSet<CodeId> = self.codes.insert(&codes).await?.into_iter().collect();
        codes.retain(|new| inserted.contains(&new.id));
        Ok(codes)
    }
}

fn current_code(state: &State, number: u32) -> CodeId {
    CodeId { number, issue: state.vouchers.issue_of(number) }
}

fn reissued(event: &Event) -> Option<CodeId> {
    if let Event::VoucherReissued(event) = event {
        return Some(CodeId { number: event.number, issue: event.issue });
    }
    None
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}
