//! `tramonto mailbox`: one mailbox, for the helpdesk and for the auditor.

use engine::actions::mailboxes::Withdraw;

use super::act::{act, read};
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
    let store = read(global).await?;
    let shown = store.mailbox_as_of(&args.mailbox, args.as_of, args.known_at).await;
    store.close().await?;
    let shown = shown?;
    let mut out = Output::open();
    if global.json { out.document(&shown.view) } else { out.text(words(&shown.view, &shown.plan)) }
}
