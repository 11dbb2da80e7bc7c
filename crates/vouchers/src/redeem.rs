//! Redemptions: a provider presents a code or a token.

use chrono::NaiveDate;
use domain::{Event, ProviderId, VoucherCode, VoucherCommand, free_through};
use eventstore::Origin;
use keyring::Refused;
use serde::Serialize;

use crate::vouchers::redeemed_on;
use crate::{CodeId, Error, TYP, Token, VoucherId, Vouchers};

/// No code is longer in any spelling; every token is.
const LONGEST_CODE: usize = 80;

/// A redeemed voucher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redemption {
    /// The id of the voucher that providers see.
    pub voucher: VoucherId,
    /// The provider that opens the new mailbox.
    pub provider: ProviderId,
    /// The civil day.
    pub on: NaiveDate,
    /// The last day of the free year.
    pub free_through: NaiveDate,
    /// Had the same provider redeemed the voucher before? A repetition records nothing.
    pub again: bool,
}

impl Vouchers {
    /// Redeems what a holder presented to a provider: a code in any spelling, or a token. A
    /// repetition by the same provider returns the first result; another provider is rejected with
    /// the name of the first and the day.
    pub async fn redeem(
        &self,
        presented: &str,
        provider: &ProviderId,
        origin: &Origin,
    ) -> Result<Redemption, Error> {
        let CodeId { number, issue } = self.identify(presented).await?;
        let redeem = || VoucherCommand::Redeem { number, issue, provider: provider.clone() };
        let events = self.decide(origin, redeem).await?;
        let redeemed = events.into_iter().find_map(|event| {
            if let Event::VoucherRedeemed(event) = event { Some(event) } else { None }
        });
        let again = redeemed.is_none();
        let on = if let Some(event) = redeemed {
            event.on
        } else {
            let standing = self.journal.state().await?.vouchers.standing(number);
            redeemed_on(&standing).ok_or(Error::UnknownCode)?
        };
        Ok(Redemption {
            voucher: self.voucher(number),
            provider: provider.clone(),
            on,
            free_through: free_through(on),
            again,
        })
    }

    /// Which code of which voucher is presented. It may be invalid by now.
    pub async fn identify(&self, presented: &str) -> Result<CodeId, Error> {
        let presented = presented.trim();
        if presented.len() > LONGEST_CODE {
            return self.identify_token(presented);
        }
        // The check symbol first: a mistyped code causes no query.
        let code: VoucherCode = presented.parse()?;
        self.codes.find(&code).await?.ok_or(Error::UnknownCode)
    }

    fn identify_token(&self, presented: &str) -> Result<CodeId, Error> {
        let programme = self.journal.programme();
        let verified = self.keyring.verify::<Token>(TYP, presented, self.journal.now());
        let token = verified.map_err(Error::Token)?;
        let number = token.sub.number(&self.names).filter(|_| token.iss == programme.as_str());
        let number = number.ok_or(Error::Token(Refused::Malformed))?;
        Ok(CodeId { number, issue: token.issue })
    }
}
