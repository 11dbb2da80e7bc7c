//! Redeeming: what a provider shows, and what comes of it.

use chrono::NaiveDate;
use domain::{Event, ProviderId, VoucherCode, VoucherCommand, VoucherStanding, free_through};
use eventstore::Origin;
use keyring::Refused;
use serde::Serialize;

use super::Office;
use crate::{Error, Kept, TYP, Token, VoucherId};

/// No code is as long, however it is written; every token is longer.
const LONGEST_CODE: usize = 80;

/// A voucher that was redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redemption {
    /// Its name to providers.
    pub voucher: VoucherId,
    /// Who opens the mailbox.
    pub provider: ProviderId,
    /// The civil day.
    pub on: NaiveDate,
    /// The last day of the free year.
    pub free_through: NaiveDate,
    /// Was it redeemed by the same provider before? Nothing is recorded then.
    pub again: bool,
}

impl Office {
    /// A provider redeems what a holder showed: a code, however it is written, or a token. The same provider
    /// who asks again is answered as the first time; another is told who was first, and when.
    pub async fn redeem(
        &self,
        shown: &str,
        provider: &ProviderId,
        origin: &Origin,
    ) -> Result<Redemption, Error> {
        let Kept { number, issue } = self.read(shown).await?;
        let redeem = || VoucherCommand::Redeem { number, issue, provider: provider.clone() };
        let events = self.decide(origin, redeem).await?;
        let redeemed = events.into_iter().find_map(|event| {
            if let Event::VoucherRedeemed(event) = event { Some(event) } else { None }
        });
        let (on, again) = match redeemed {
            Some(event) => (event.on, false),
            None => (self.redeemed_on(number).await?, true),
        };
        Ok(Redemption {
            voucher: self.voucher(number),
            provider: provider.clone(),
            on,
            free_through: free_through(on),
            again,
        })
    }

    /// Which code of which voucher was shown. That it was made says nothing of what it is worth.
    pub async fn read(&self, shown: &str) -> Result<Kept, Error> {
        let shown = shown.trim();
        if shown.len() > LONGEST_CODE {
            return self.read_token(shown);
        }
        // The check symbol first: what was misread is looked up nowhere.
        let code: VoucherCode = shown.parse()?;
        self.book.find(&code).await?.ok_or(Error::NoSuchCode)
    }

    fn read_token(&self, shown: &str) -> Result<Kept, Error> {
        let programme = self.journal.programme();
        let verified = self.keyring.verify::<Token>(TYP, shown, self.journal.now());
        let token = verified.map_err(Error::Token)?;
        let number = token.sub.number(&self.names).filter(|_| token.iss == programme.as_str());
        let number = number.ok_or(Error::Token(Refused::Malformed))?;
        Ok(Kept { number, issue: token.issue })
    }

    async fn redeemed_on(&self, number: u32) -> Result<NaiveDate, Error> {
        let snapshot = self.journal.state().await?;
        match snapshot.vouchers.standing(number) {
            VoucherStanding::Redeemed { on, .. } => Ok(on),
            VoucherStanding::None
            | VoucherStanding::Requested
            | VoucherStanding::Verified
            | VoucherStanding::Refused
            | VoucherStanding::Valid
            | VoucherStanding::Expired
            | VoucherStanding::Revoked => Err(Error::NoSuchCode),
        }
    }
}
