//! Commands from the bus: each is parsed, run as an action and answered.
//!
//! Invariant: the same command, known by its id and its source, is carried out once: its
//! idempotency key is made of both. A registration is recognised by its content, as in an import.
//! Deliberately absent: decisions, which are the actions', and personal data in any answer.

mod body;

use std::sync::Arc;

use bus::{Answer, CloudEvent, CommandKind};
use domain::{MailboxId, Verification};
use roaring::RoaringBitmap;

use crate::actions::holds::{PlaceHold, ReleaseHold};
use crate::actions::mailboxes::Withdraw;
use crate::actions::programme::{Pause, Resume};
use crate::actions::registrations::{Activate, Register};
use crate::actions::vouchers::{
    RedeemVoucher, RefuseVoucher, RequestVouchers, RevokeVoucher, VerifyVouchers,
};
use crate::actions::{Action, Caller, IdempotencyKey};
use crate::store::Store;
use crate::{Error, MailboxRef, Reason};
use body::{Hold, Redeem, Refuse, Release, Why, WithMailbox};

/// The commands that the bus carries.
pub const COMMANDS: [CommandKind; 12] = [
    CommandKind::confidential("register"),
    CommandKind::confidential("activate"),
    CommandKind::plain("withdraw"),
    CommandKind::plain("place-hold"),
    CommandKind::plain("release-hold"),
    CommandKind::plain("pause"),
    CommandKind::plain("resume"),
    CommandKind::plain("request-voucher"),
    CommandKind::plain("verify-voucher"),
    CommandKind::plain("refuse-voucher"),
    CommandKind::confidential("redeem-voucher"),
    CommandKind::plain("revoke-voucher"),
];

/// Carries out commands from the bus on a store.
pub struct CommandHandler {
    store: Arc<Store>,
}

impl CommandHandler {
    /// The handler of a store's commands.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// Carries a command out unless an earlier delivery was, and answers it.
    pub async fn handle(&self, kind: &str, command: &CloudEvent) -> Answer {
        match self.dispatch(kind, command).await {
            Ok(answer) => answer,
            Err(Error::Invalid(problem)) => Answer::invalid(problem),
            Err(error) if error.may_retry() => {
                Answer::unavailable(format!("{error}; send it again"))
            }
            Err(error) => Answer::refused(error.to_string()),
        }
    }

    async fn dispatch(&self, kind: &str, command: &CloudEvent) -> Result<Answer, Error> {
        let data = &command.data;
        match kind {
            "register" => {
                let body: body::Register = body::read(data)?;
                let (reason, registration) = body.into_row();
                self.run(Register { registration }, command, reason).await
            }
            "activate" => {
                let body::Activate { registration_id, activated_on } = body::read(data)?;
                self.run(Activate { registration_id, activated_on }, command, None).await
            }
            "withdraw" => {
                let WithMailbox { mailbox, reason } = body::read(data)?;
                let mailbox = MailboxRef::Id(mailbox);
                self.run(Withdraw { mailbox }, command, Some(reason)).await
            }
            "place-hold" => {
                let Hold { mailbox, capabilities, until, reason } = body::read(data)?;
                let mailbox = MailboxRef::Id(mailbox);
                let action = PlaceHold { mailbox, capabilities, until };
                self.run(action, command, Some(reason)).await
            }
            "release-hold" => {
                let Release { mailbox, hold, reason } = body::read(data)?;
                let mailbox = MailboxRef::Id(mailbox);
                self.run(ReleaseHold { mailbox, hold }, command, Some(reason)).await
            }
            "pause" => self.run(Pause, command, Some(reason(command)?)).await,
            "resume" => self.run(Resume, command, Some(reason(command)?)).await,
            "request-voucher" => {
                let WithMailbox { mailbox, reason } = body::read(data)?;
                let mailboxes = self.set_of(mailbox).await?;
                self.run(RequestVouchers { mailboxes }, command, Some(reason)).await
            }
            "verify-voucher" => {
                let WithMailbox { mailbox, reason } = body::read(data)?;
                let (mailboxes, proof) = (self.set_of(mailbox).await?, Verification::Officer);
                self.run(VerifyVouchers { mailboxes, proof }, command, Some(reason)).await
            }
            "refuse-voucher" => {
                let Refuse { mailbox, cause, reason } = body::read(data)?;
                let mailbox = MailboxRef::Id(mailbox);
                self.run(RefuseVoucher { mailbox, cause }, command, Some(reason)).await
            }
            "redeem-voucher" => {
                let Redeem { code, provider, reason } = body::read(data)?;
                self.run(RedeemVoucher { code, provider }, command, reason).await
            }
            "revoke-voucher" => {
                let WithMailbox { mailbox, reason } = body::read(data)?;
                let mailbox = MailboxRef::Id(mailbox);
                self.run(RevokeVoucher { mailbox }, command, Some(reason)).await
            }
            _ => {
                let names = COMMANDS.map(|kind| kind.name).join(", ");
                Err(Error::Invalid(format!("unknown command; send one of {names}")))
            }
        }
    }

    async fn run<A: Action>(
        &self,
        action: A,
        command: &CloudEvent,
        reason: Option<Reason>,
    ) -> Result<Answer, Error>
    where
        A::Result: std::fmt::Display,
    {
        let done = self.store.run(action, &caller(command, reason)).await?;
        Ok(Answer::accepted(done.result.to_string(), done.position))
    }

    async fn set_of(&self, mailbox: MailboxId) -> Result<RoaringBitmap, Error> {
        let number = self.store.number_of(&MailboxRef::Id(mailbox)).await?;
        Ok(RoaringBitmap::from([number]))
    }
}

fn reason(command: &CloudEvent) -> Result<Reason, Error> {
    body::read(&command.data).map(|Why { reason }| reason)
}

/// The sender of a command. The log names its source, which is a system, never a person.
fn caller(command: &CloudEvent, reason: Option<Reason>) -> Caller {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '/' | '.');
    let source: String = command.source.chars().filter(|letter| plain(*letter)).take(60).collect();
    let correlation = command.extensions.get("correlationid");
    Caller {
        actor: format!("bus:{source}"),
        reason,
        key: Some(IdempotencyKey::new(&*command.source, &*command.id)),
        correlation_id: correlation.and_then(|id| id.parse().ok()),
    }
}
