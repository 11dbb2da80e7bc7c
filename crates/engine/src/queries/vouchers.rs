//! What became of the vouchers.

use vouchers::Report;

use crate::Error;
use crate::store::Store;

impl Store {
    /// How many vouchers were requested, issued and redeemed, by month and provider.
    pub async fn voucher_report(&self) -> Result<Report, Error> {
        let now = self.now().await?;
        Ok(Report::of(&*self.journal().state().await?, now))
    }
}
