//! Making codes, and delivering them.

use domain::{Event, State, VoucherCode, VoucherCommand, VoucherStanding};
use eventstore::Origin;
use rand::TryRng;
use rand::rngs::SysRng;
use roaring::RoaringBitmap;

use super::{Office, one};
use crate::{Error, Kept, TYP, Token};

/// A code that was made: to be handed to its holder, and to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minted {
    /// Whose voucher.
    pub number: u32,
    /// Which code of it: 1 for the first.
    pub issue: u32,
    /// What the holder shows to a provider.
    pub code: VoucherCode,
}

/// A voucher with its code, and the token that a provider can verify without asking us.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whose voucher.
    pub number: u32,
    /// Which code of it: 1 for the first.
    pub issue: u32,
    /// What the holder shows to a provider, or reads out.
    pub code: VoucherCode,
    /// The same, signed, for who can scan it. Worth as much as the code.
    pub token: String,
    /// The last civil day on which it can be redeemed; absent where it does not expire.
    pub redeem_by: Option<chrono::NaiveDate>,
}

/// Vouchers that were granted, can be redeemed, and of which it is not recorded that they were handed over.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Undelivered {
    /// The present code was never made.
    pub unmade: RoaringBitmap,
    /// The present code was made; it may be lost.
    pub made: RoaringBitmap,
}

impl Office {
    /// Makes the code of a voucher that was issued and not delivered. Not yet where no worker has issued it:
    /// [`Error::Pending`]; never where its code was made before, of which [`Error::Minted`] tells.
    pub async fn deliver(&self, number: u32) -> Result<Grant, Error> {
        let issue = self.deliverable(number).await?.ok_or(Error::Pending)?;
        self.grant(number, issue).await
    }

    /// Which code of a voucher is to be delivered; `None` while a worker still has to issue it. A rejection says
    /// why no voucher of this holder will be.
    pub async fn deliverable(&self, number: u32) -> Result<Option<u32>, Error> {
        let snapshot = self.journal.state().await?;
        let vouchers = &snapshot.vouchers;
        let issued = vouchers.standing(number) == VoucherStanding::Valid;
        if issued && !vouchers.delivered().contains(number) {
            return Ok(Some(vouchers.issue_of(number)));
        }
        let issue = VoucherCommand::Issue { mailboxes: one(number) };
        snapshot.decide_voucher(issue, self.journal.now())?;
        Ok(None)
    }

    /// Replaces the code of a voucher, whether it was lost or never made. The one before is worth nothing
    /// from the moment this is recorded.
    pub async fn reissue(&self, number: u32, origin: &Origin) -> Result<Grant, Error> {
        let events = self.decide(origin, || VoucherCommand::Reissue { number }).await?;
        let issue = events.iter().find_map(reissued).map_or(1, |kept| kept.issue);
        self.grant(number, issue).await
    }

    /// These codes were handed over. One that was replaced meanwhile is left out: what its holder has is worth
    /// nothing, and the one that replaced it is still to be handed over.
    pub async fn handed_over(&self, codes: &[Kept], origin: &Origin) -> Result<(), Error> {
        let deliver = |state: &State, now| {
            let present =
                codes.iter().filter(|one| state.vouchers.issue_of(one.number) == one.issue);
            let mailboxes = present.map(|one| one.number).collect();
            Ok(state.decide_voucher(VoucherCommand::Deliver { mailboxes }, now)?)
        };
        self.decide_on(origin, deliver).await.map(|_| ())
    }

    /// Replaces the codes of these vouchers, whichever of them can still be redeemed.
    pub async fn reissue_all(
        &self,
        who: &RoaringBitmap,
        origin: &Origin,
    ) -> Result<Vec<Minted>, Error> {
        let events = self
            .decide_on(origin, |state, now| {
                let valid = who & state.vouchers.valid();
                let mut events = Vec::new();
                for number in &valid {
                    events.extend(state.decide_voucher(VoucherCommand::Reissue { number }, now)?);
                }
                Ok(events)
            })
            .await?;
        self.mint(events.iter().filter_map(reissued).collect()).await
    }

    /// Makes the present codes of vouchers that were granted and never got one.
    pub async fn mint_missing(&self, who: &RoaringBitmap) -> Result<Vec<Minted>, Error> {
        let missing: Vec<Kept> = {
            let snapshot = self.journal.state().await?;
            let vouchers = &snapshot.vouchers;
            let these = &(who & vouchers.valid()) - vouchers.delivered();
            these.iter().map(|number| Kept { number, issue: vouchers.issue_of(number) }).collect()
        };
        self.mint(missing).await
    }

    /// Which vouchers were granted and not handed over.
    pub async fn undelivered(&self) -> Result<Undelivered, Error> {
        let (waiting, issues) = {
            let snapshot = self.journal.state().await?;
            let vouchers = &snapshot.vouchers;
            let waiting = vouchers.valid() - vouchers.delivered();
            let issue = |number| Kept { number, issue: vouchers.issue_of(number) };
            let issues: std::collections::BTreeSet<Kept> = waiting.iter().map(issue).collect();
            (waiting, issues)
        };
        let kept = self.book.made_for(&waiting).await?;
        let made = kept.into_iter().filter(|kept| issues.contains(kept));
        let made: RoaringBitmap = made.map(|kept| kept.number).collect();
        Ok(Undelivered { unmade: waiting - &made, made })
    }

    /// The token of one code.
    pub async fn token(&self, number: u32, issue: u32) -> Result<String, Error> {
        let (programme, now) = (self.journal.programme(), self.journal.now());
        let voucher = self.voucher(number);
        let token = self.rules(|plan, _| Token::new(programme, plan, voucher, issue, now)).await?;
        Ok(self.keyring.sign(TYP, &token, now)?)
    }

    async fn grant(&self, number: u32, issue: u32) -> Result<Grant, Error> {
        // Signed first: a code that was made is handed out, whatever becomes of the keys.
        let token = self.token(number, issue).await?;
        let redeem_by = self.rules(|_, rules| rules.redeem_by).await?;
        let mut minted = self.mint(vec![Kept { number, issue }]).await?;
        let Minted { code, .. } = minted.pop().ok_or(Error::Minted)?;
        Ok(Grant { number, issue, code, token, redeem_by })
    }

    /// Makes codes. Whoever enters one into the book is the one who hands it out; those of others are left
    /// out of the answer.
    async fn mint(&self, these: Vec<Kept>) -> Result<Vec<Minted>, Error> {
        let mut codes = Vec::with_capacity(these.len());
        for kept in these {
            let mut bits = [0; 16];
            let drawn = SysRng.try_fill_bytes(&mut bits);
            drawn.map_err(|error| Error::Random(error.to_string()))?;
            codes.push((kept, VoucherCode::from_random(u128::from_le_bytes(bits))));
        }
        let entered = self.book.enter(&codes).await?;
        let entered: std::collections::HashSet<Kept> = entered.into_iter().collect();
        let ours = codes.into_iter().filter(|(kept, _)| entered.contains(kept));
        Ok(ours.map(|(Kept { number, issue }, code)| Minted { number, issue, code }).collect())
    }
}

fn reissued(event: &Event) -> Option<Kept> {
    if let Event::VoucherReissued(event) = event {
        return Some(Kept { number: event.number, issue: event.issue });
    }
    None
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, issue, .. } = self;
        f.debug_struct("Grant")
            .field("number", number)
            .field("issue", issue)
            .finish_non_exhaustive()
    }
}
