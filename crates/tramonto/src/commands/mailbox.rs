//! `tramonto mailbox`: one mailbox, for the helpdesk and for the auditor.

use engine::actions::mailboxes::Withdraw;
use engine::store::Store;

use super::act::{act, query};
use super::mailbox_words::words;
use crate::Error;
use crate::cli::{Global, MailboxCommand, ShowMailboxArgs};
use crate::output::Output;

pub(super) async fn execute(command: MailboxCommand, global: &Global) -> Result<(), Error> {
    match command {
        MailboxCommand::Show(args) => show(args, global).await,
        MailboxCommand::Withdraw(args) => {
            act(Withdraw { mailbox: args.mailbox }, &args.reason, global).await
        }
    }
}

async fn show(args: ShowMailboxArgs, global: &Global) -> Result<(), Error> {
    let ShowMailboxArgs { mailbox, as_of, known_at } = args;
    let mailbox = async |store: &Store| store.mailbox_as_of(&mailbox, as_of, known_at).await;
    let shown = query(global, mailbox).await?;
    let mut out = Output::open();
    if global.json { out.document(&shown.view) } else { out.text(words(&shown.view, &shown.plan)) }
}
