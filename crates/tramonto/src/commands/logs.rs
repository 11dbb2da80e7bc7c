//! `tramonto mail-log` and `tramonto log-request`: an operator at the archive of message logs.
//!
//! Invariant: a link is shown once, to whoever asked for it to be made, and is kept nowhere. No address is
//! in any answer.

mod destroy;
mod index;
mod listing;
mod prepare;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use archive::{Archive, Holder, Index};
use domain::{LogCommand, LogRequested, MailboxId};
use engine::store::Store;
use registry::Registry;
use serde_json::json;
use uuid::Uuid;

use super::act::decide_on;
use super::decide::origin;
use crate::cli::{
    CreateLogRequestArgs, Global, LogRequestArgs, LogRequestCommand, MailLogArgs, MailLogCommand,
    PROOF,
};
use crate::exit::Exit;
use crate::output::Output;
use crate::output::text::count;
use crate::{Error, Home, StorePlace};

/// The office of the archive, opened for a command.
struct Desk {
    reading: Store,
    office: Archive,
}

/// Where the index and the extracts of a store are.
pub(crate) fn folder(named: Option<&PathBuf>, global: &Global) -> Result<Home, Error> {
    match (named, &global.store) {
        (Some(folder), _) => Ok(Home::new(folder)),
        (None, StorePlace::Folder(_)) => global.home(),
        (None, StorePlace::Postgres(_)) => Err(Error::Usage(
            "the index of mail logs is kept in a folder, not in a database; name it with --archive"
                .to_owned(),
        )),
    }
}

/// The office over an open log.
pub(crate) async fn office(
    journal: Arc<eventstore::Journal>,
    named: Option<&PathBuf>,
    global: &Global,
) -> Result<Archive, Error> {
    let home = folder(named, global)?;
    home.create()?;
    let index = Index::open(&home.archive()).await?;
    Ok(Archive::new(journal, index, global.settings()?.keyring()?, home.extracts()))
}

/// Does anything say where the index is?
pub(crate) fn is_here(named: Option<&PathBuf>, global: &Global) -> bool {
    named.is_some() || matches!(global.store, StorePlace::Folder(_))
}

/// The office that hands extracts out on the public pages; `None` where nothing says where the index is.
pub(crate) async fn served(
    named: Option<&PathBuf>,
    global: &Global,
) -> Result<Option<Archive>, Error> {
    if !is_here(named, global) {
        return Ok(None);
    }
    let store = decide_on(global).await?;
    Ok(Some(office(Arc::clone(store.journal()), named, global).await?))
}

impl Desk {
    async fn open(named: Option<&PathBuf>, global: &Global) -> Result<Self, Error> {
        let reading = decide_on(global).await?;
        let office = office(Arc::clone(reading.journal()), named, global).await?;
        Ok(Self { reading, office })
    }

    async fn close(self) -> Result<(), Error> {
        self.office.close().await?;
        self.reading.close().await
    }

    fn id(&self, number: u32) -> MailboxId {
        self.reading.id_of(number)
    }

    /// Whose mailbox it is, as the registry knows, and whether they have an address for notices.
    async fn holder(&self, number: u32) -> Result<(Holder, bool), Error> {
        holder(self.reading.registry().await?, number).await
    }
}

/// Whose mailbox it is, and whether they have an address for notices.
pub(crate) async fn holder(registry: &Registry, number: u32) -> Result<(Holder, bool), Error> {
    let entry = registry.find(number).await?.ok_or_else(|| {
        Error::Usage("the registry does not know the mailbox any more".to_owned())
    })?;
    let of = entry.registration;
    let holder =
        Holder { address: of.address, codice_fiscale: of.codice_fiscale.as_str().to_owned() };
    Ok((holder, of.notify_email.is_some()))
}

/// `tramonto mail-log`.
pub(super) async fn mail_logs(args: MailLogArgs, global: &Global) -> Result<ExitCode, Error> {
    let MailLogArgs { archive, command } = args;
    let desk = Desk::open(archive.as_ref(), global).await?;
    let mut code = Exit::Done.into();
    match &command {
        MailLogCommand::Index(args) => index::execute(&desk, args, global).await?,
        MailLogCommand::Status => code = destroy::destroyed(&desk, global).await?,
        MailLogCommand::Destroy(args) => destroy::destroy(&desk, args, global).await?,
    }
    desk.close().await?;
    Ok(code)
}

/// `tramonto log-request`.
pub(super) async fn requests(args: LogRequestArgs, global: &Global) -> Result<ExitCode, Error> {
    let LogRequestArgs { archive, command } = args;
    let desk = Desk::open(archive.as_ref(), global).await?;
    let mut code = Exit::Done.into();
    match &command {
        LogRequestCommand::Create(args) => request(&desk, args, global).await?,
        LogRequestCommand::Verify(args) => {
            let command = LogCommand::Verify { request: args.request, proof: PROOF };
            desk.office.decide(command, &origin(global, &args.reason)).await?;
            told(global, "verified", args.request, "it is sure who asked; prepare the extract")?;
        }
        LogRequestCommand::Refuse(args) => {
            let cause = args.cause.as_str().to_owned();
            let command = LogCommand::Refuse { request: args.request, cause };
            desk.office.decide(command, &origin(global, &args.reason)).await?;
            told(global, "refused", args.request, "the request is refused")?;
        }
        LogRequestCommand::Prepare(args) => code = prepare::execute(&desk, args, global).await?,
        LogRequestCommand::Expire(args) => {
            let ended = desk.office.expire(&origin(global, &args.reason)).await?.len();
            let ended = u64::try_from(ended).unwrap_or(u64::MAX);
            let words = format!("{} links ended; their extracts are deleted", count(ended));
            answer(global, &json!({ "done": "expired", "links": ended }), &words)?;
        }
        LogRequestCommand::List => listing::list(&desk, global).await?,
        LogRequestCommand::Show(args) => listing::show(&desk, args.request, global).await?,
    }
    desk.close().await?;
    Ok(code)
}

fn answer(global: &Global, told: &serde_json::Value, words: &str) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json { out.object(told) } else { out.line(words) }
}

fn told(global: &Global, done: &str, request: Uuid, words: &str) -> Result<(), Error> {
    answer(global, &json!({ "done": done, "request": request }), &format!("{request}: {words}"))
}

async fn request(desk: &Desk, args: &CreateLogRequestArgs, global: &Global) -> Result<(), Error> {
    let number = desk.reading.number_of(&args.mailbox).await?;
    let request = desk.reading.journal().new_id();
    let (by, from, through) = (args.by.into(), args.from, args.through);
    let received_on = args.received_on;
    let asked = LogRequested { request, number, by, from, through, received_on };
    let command = LogCommand::Request(asked);
    desk.office.decide(command, &origin(global, &args.reason)).await?;
    let told = json!({ "done": "requested", "request": request, "mailbox": desk.id(number) });
    let words = format!(
        "request {request}: make sure who asks, then `tramonto log-request verify {request}`"
    );
    answer(global, &told, &words)
}
