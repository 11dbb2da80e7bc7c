//! `tramonto mailbox` and `tramonto hold`: one mailbox, for the helpdesk and for the auditor.

use engine::actions::holds::{PlaceHold, ReleaseHold};
use engine::actions::mailboxes::Withdraw;
use engine::store::Store;

use super::act::{act, query, show};
use super::mailbox_words::words;
use crate::Error;
use crate::cli::{Global, HoldCommand, MailboxCommand};

pub(super) async fn execute(command: MailboxCommand, global: &Global) -> Result<(), Error> {
    match command {
        MailboxCommand::Show { mailbox, as_of, known_at } => {
            let mailbox =
                async |store: &Store| store.mailbox_as_of(&mailbox, as_of, known_at).await;
            let shown = query(global, mailbox).await?;
            show(&shown.view, |view| words(view, &shown.plan), global)
        }
        MailboxCommand::Withdraw { mailbox, reason } => {
            act(Withdraw { mailbox }, &reason, global).await
        }
    }
}

pub(super) async fn hold(command: HoldCommand, global: &Global) -> Result<(), Error> {
    match command {
        HoldCommand::Place { mailbox, capability, until, reason } => {
            let capabilities = capability.into_iter().collect();
            act(PlaceHold { mailbox, capabilities, until }, &reason, global).await
        }
        HoldCommand::Release { mailbox, hold, reason } => {
            act(ReleaseHold { mailbox, hold }, &reason, global).await
        }
    }
}
