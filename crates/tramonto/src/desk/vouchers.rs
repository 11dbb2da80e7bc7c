//! Commands about vouchers. None of them makes a code: an answer on the bus is read by more than its addressee.

use bus::CloudEvent;
use domain::Verification;
use eventstore::Origin;
use vouchers::{Error, Office};

use super::body::{self, Redeem, Refuse, Voucher};
use super::{Desk, Outcome, Trouble, actor, correlation, id_of};

impl Desk {
    pub(super) async fn request_voucher(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Voucher { mailbox, reason } = body::read(&command.data)?;
        let (number, office) = (self.number_of(mailbox)?, self.office(command)?);
        office.request(number, &origin(command, Some(reason))).await?;
        self.done(format!("the request of mailbox {mailbox} is recorded")).await
    }

    pub(super) async fn verify_voucher(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Voucher { mailbox, reason } = body::read(&command.data)?;
        let (number, office) = (self.number_of(mailbox)?, self.office(command)?);
        office.verify(number, Verification::Officer, &origin(command, Some(reason))).await?;
        self.done(format!("the request of mailbox {mailbox} is verified")).await
    }

    pub(super) async fn refuse_voucher(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Refuse { mailbox, cause, reason } = body::read(&command.data)?;
        let (number, office) = (self.number_of(mailbox)?, self.office(command)?);
        office.refuse(number, &cause, &origin(command, Some(reason))).await?;
        self.done(format!("the request of mailbox {mailbox} is refused: {cause}")).await
    }

    pub(super) async fn redeem_voucher(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Redeem { code, provider, reason } = body::read(&command.data)?;
        let office = self.office(command)?;
        let redeemed = office.redeem(&code, &provider, &origin(command, reason)).await?;
        self.done(format!(
            "voucher {} is redeemed by {provider} on {}; its mailbox is free through {}",
            redeemed.voucher, redeemed.on, redeemed.free_through
        ))
        .await
    }

    pub(super) async fn revoke_voucher(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Voucher { mailbox, reason } = body::read(&command.data)?;
        let (number, office) = (self.number_of(mailbox)?, self.office(command)?);
        office.revoke(number, &origin(command, Some(reason))).await?;
        self.done(format!("the voucher of mailbox {mailbox} is worth nothing any more")).await
    }

    /// The office for this very command.
    fn office(&self, command: &CloudEvent) -> Result<Office, Trouble> {
        let office = self.office.as_ref().ok_or_else(|| {
            Trouble::Refused("this service has no keys for vouchers; start it with --keys".into())
        })?;
        Ok(office.for_command(id_of(command, "voucher")))
    }

    async fn done(&self, sentence: String) -> Result<Outcome, Trouble> {
        let position = self.journal.state().await?.position();
        Ok(Outcome::Accepted { sentence, position })
    }
}

fn origin(command: &CloudEvent, reason: Option<String>) -> Origin {
    let correlation_id = correlation(command);
    Origin { reason, correlation_id, ..Origin::part(&actor(command)) }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        if error.may_retry() {
            Self::Now(error.to_string())
        } else {
            Self::Refused(error.to_string())
        }
    }
}
