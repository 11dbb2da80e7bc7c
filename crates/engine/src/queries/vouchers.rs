//! Vouchers by outcome.

use domain::MailboxId;
use vouchers::{Report, Status};

use crate::store::Store;
use crate::{Error, MailboxRef};

impl Store {
    /// The voucher of a mailbox.
    pub async fn voucher(&self, mailbox: &MailboxRef) -> Result<(MailboxId, Status), Error> {
        let number = self.number_of(mailbox).await?;
        Ok((self.id_of(number), self.vouchers().await?.status(number).await?))
    }

    /// How many vouchers were requested, issued and redeemed, by month and provider.
    pub async fn voucher_report(&self) -> Result<Report, Error> {
        let now = self.now().await?;
        Ok(Report::of(&*self.journal().state().await?, now))
    }
}
