//! `tramonto logs`: an operator at the archive of message logs.
//!
//! Invariant: a link is shown once, to whoever asked for it to be made, and is kept nowhere. No address is
//! in any answer.

mod index;
mod listing;

use std::path::PathBuf;
use std::sync::Arc;

use archive::{Holder, Index, LogArchive, LogTable, Office, Ready};
use chrono::TimeDelta;
use domain::{Event, LogCommand, LogRequested, MailboxId, Requester};
use projections::Registry;
use serde_json::json;
use uuid::Uuid;

use super::decide::origin;
use super::reading::Reading;
use super::voucher::keys;
use crate::cli::{
    Global, LogRequestArgs, LogTablePlace, LogsArgs, LogsCommand, PROOF, PrepareArgs, ReasonArgs,
};
use crate::log::{LOG_TABLE_PASSWORD, password, reached};
use crate::output::Output;
use crate::output::text::{count, utc};
use crate::{Error, Home, StorePlace};

/// The office of the archive, opened for a command.
struct Desk {
    reading: Reading,
    office: Office,
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
) -> Result<Office, Error> {
    let home = folder(named, global)?;
    home.create()?;
    let index = Index::open(&home.archive()).await?;
    Ok(Office::new(journal, index, keys::of(global)?, home.extracts()))
}

/// Does anything say where the index is?
pub(crate) fn is_here(named: Option<&PathBuf>, global: &Global) -> bool {
    named.is_some() || matches!(global.store, StorePlace::Folder(_))
}

/// The office that hands extracts out on the public pages; `None` where nothing says where the index is.
pub(crate) async fn served(
    named: Option<&PathBuf>,
    global: &Global,
) -> Result<Option<Office>, Error> {
    if !is_here(named, global) {
        return Ok(None);
    }
    let reading = Reading::open_to_decide(global).await?;
    Ok(Some(office(Arc::clone(&reading.journal), named, global).await?))
}

impl Desk {
    async fn open(named: Option<&PathBuf>, global: &Global) -> Result<Self, Error> {
        let reading = Reading::open_to_decide(global).await?;
        let office = office(Arc::clone(&reading.journal), named, global).await?;
        Ok(Self { reading, office })
    }

    async fn close(self) -> Result<(), Error> {
        self.office.close().await?;
        self.reading.close().await;
        Ok(())
    }

    fn id(&self, number: u32) -> MailboxId {
        MailboxId::new(self.reading.programme(), number)
    }

    /// Whose mailbox it is, as the registry knows, and whether they have an address for notices.
    async fn holder(&self, number: u32) -> Result<(Holder, bool), Error> {
        let registry = self.reading.registry().await?;
        let holder = holder(&registry, number).await;
        registry.close().await?;
        holder
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

pub(super) async fn execute(args: LogsArgs, global: &Global) -> Result<(), Error> {
    let LogsArgs { archive, command } = args;
    let desk = Desk::open(archive.as_ref(), global).await?;
    match &command {
        LogsCommand::Index(args) => index::execute(&desk, args, global).await?,
        LogsCommand::Request(args) => request(&desk, args, global).await?,
        LogsCommand::Verify(args) => {
            let command = LogCommand::Verify { request: args.request, proof: PROOF };
            desk.office.decide(command, &origin(global, &args.reason)).await?;
            told(global, "verified", args.request, "it is sure who asked; prepare the extract")?;
        }
        LogsCommand::Refuse(args) => {
            let cause = args.cause.as_str().to_owned();
            let command = LogCommand::Refuse { request: args.request, cause };
            desk.office.decide(command, &origin(global, &args.reason)).await?;
            told(global, "refused", args.request, "the request is refused")?;
        }
        LogsCommand::Prepare(args) => prepare(&desk, args, global).await?,
        LogsCommand::Expire(args) => {
            let ended = desk.office.expire(&origin(global, &args.reason)).await?.len();
            let ended = u64::try_from(ended).unwrap_or(u64::MAX);
            let words = format!("{} links ended; their extracts are deleted", count(ended));
            answer(global, &json!({ "done": "expired", "links": ended }), &words)?;
        }
        LogsCommand::List => listing::list(&desk, global).await?,
        LogsCommand::Show(args) => listing::show(&desk, args.request, global).await?,
        LogsCommand::Destroy(args) => destroy(&desk, args, global).await?,
        LogsCommand::Destroyed => destroyed(&desk, global).await?,
    }
    desk.close().await
}

fn answer(global: &Global, told: &serde_json::Value, words: &str) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json { out.object(told) } else { out.line(words) }
}

fn told(global: &Global, done: &str, request: Uuid, words: &str) -> Result<(), Error> {
    answer(global, &json!({ "done": done, "request": request }), &format!("{request}: {words}"))
}

async fn request(desk: &Desk, args: &LogRequestArgs, global: &Global) -> Result<(), Error> {
    let number = desk.reading.number_of(&args.mailbox).await?;
    let request = desk.reading.journal.new_id();
    let (by, from, through) = (args.by.into(), args.from, args.through);
    let command = LogCommand::Request(LogRequested { request, number, by, from, through });
    desk.office.decide(command, &origin(global, &args.reason)).await?;
    let told = json!({ "done": "requested", "request": request, "mailbox": desk.id(number) });
    let words =
        format!("request {request}: make sure who asks, then `tramonto logs verify {request}`");
    answer(global, &told, &words)
}

async fn prepare(desk: &Desk, args: &PrepareArgs, global: &Global) -> Result<(), Error> {
    let origin = origin(global, &args.reason);
    desk.office.expire(&origin).await?;
    let all = desk.office.look(|state| {
        let open = state.log_requests.to_prepare();
        open.map(|(request, open)| (request, open.number)).collect::<Vec<_>>()
    });
    let requests = match args.request {
        None => all.await?,
        Some(request) => {
            let number =
                desk.office.look(|state| Some(state.log_requests.open().get(&request)?.number));
            let number = number.await?.ok_or_else(|| {
                Error::Usage(format!("no request {request} is open; look at `tramonto logs list`"))
            })?;
            vec![(request, number)]
        }
    };
    let planned = desk.office.look(|state| state.plan().map(domain::Plan::link_days)).await?;
    let days = args.days.map(u32::from).or(planned).unwrap_or_default();
    let lasting = TimeDelta::days(days.into());
    if requests.is_empty() && !global.json {
        return Output::open().line("no verified request waits");
    }
    let office = &desk.office;
    let table = log_table(args).await?;
    let archive: &dyn LogArchive = match &table {
        Some(table) => table,
        None => office.index(),
    };
    let letters = if args.send { Some(crate::requests::open(global).await?) } else { None };
    for (request, number) in requests {
        let (holder, has_address) = desk.holder(number).await?;
        let by = office.look(|state| Some(state.log_requests.open().get(&request)?.by)).await?;
        let letters = letters.as_ref().filter(|_| has_address && by == Some(Requester::Holder));
        if let Some(letters) = letters {
            // Before the extract is on record: the letter waits for it, and a crash in between forgets nobody.
            letters.send_extract(request, number, desk.reading.journal.now()).await?;
        }
        let ready = office.prepare(request, &holder, archive, lasting, &origin).await?;
        show_link(desk, args, (&ready, letters.is_some()), global)?;
    }
    if let Some(letters) = letters {
        letters.close().await?;
    }
    if let Some(table) = table {
        table.close().await;
    }
    Ok(())
}

/// The platform's own table, if one is named.
async fn log_table(args: &PrepareArgs) -> Result<Option<LogTable>, Error> {
    Ok(match &args.log_table {
        None => None,
        Some(LogTablePlace::File(path, table)) => Some(LogTable::open(path, table.clone()).await?),
        Some(LogTablePlace::Postgres(url, table)) => {
            let file = args.log_table_password_file.as_deref();
            let options = reached(url, password(file, LOG_TABLE_PASSWORD)?.as_ref())?;
            Some(LogTable::connect(options, table.clone()).await?)
        }
    })
}

/// Shows a link, unless it goes by letter.
fn show_link(
    desk: &Desk,
    args: &PrepareArgs,
    (ready, goes_by_letter): (&Ready, bool),
    global: &Global,
) -> Result<(), Error> {
    let Ready { prepared, secret } = ready;
    let portal = args.portal.as_str().trim_end_matches('/');
    let link = (!goes_by_letter).then(|| format!("{portal}/logs/{secret}"));
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({
            "done": "prepared", "request": prepared.request, "mailbox": desk.id(prepared.number),
            "rows": prepared.rows, "sha256": prepared.sha256, "expires_at": prepared.expires_at,
            "link": link,
        }));
    }
    let (rows, until) = (count(prepared.rows), utc(prepared.expires_at));
    let link = link.unwrap_or_else(|| "its link goes to its holder by letter".to_owned());
    out.line(format!("request {}: {rows} entries, until {until}\n  {link}", prepared.request))
}

async fn destroy(desk: &Desk, args: &ReasonArgs, global: &Global) -> Result<(), Error> {
    let origin = origin(global, &args.reason);
    desk.office.expire(&origin).await?;
    let now = desk.reading.journal.now();
    let held = desk.office.look(|state| {
        let zone = state.plan().map(|plan| plan.zone);
        zone.map(|zone| state.rights.under_hold(now, zone)).unwrap_or_default()
    });
    let mut kept = Vec::new();
    for number in held.await? {
        kept.push((number, desk.holder(number).await?.0.address));
    }
    let destroyed = desk.office.destroy(&kept, &origin).await?;
    let words = api::summary(&Event::LogsDestroyed(destroyed.clone()));
    let told = json!({ "done": "destroyed", "messages": destroyed.messages,
        "addresses": destroyed.addresses, "extracts": destroyed.extracts, "digest": destroyed.digest });
    answer(global, &told, &format!("{words}; sha256 {}", destroyed.digest))
}

async fn destroyed(desk: &Desk, global: &Global) -> Result<(), Error> {
    let remains = desk.office.remains().await?;
    let gone = remains.are_gone();
    let recorded = remains.destroyed.as_ref().map(|(at, event)| (utc(*at), event.digest.clone()));
    let told = json!({ "gone": gone, "held": remains.held, "extracts": remains.extracts,
        "destroyed": remains.destroyed.as_ref().map(|(at, event)| json!({ "at": at, "record": event })) });
    let words = match recorded {
        Some((at, digest)) if gone => format!("the logs are gone since {at}; sha256 {digest}"),
        Some((at, _)) => format!(
            "logs were destroyed on {at}, and there are {} messages and {} extracts again; destroy them",
            count(remains.held.messages),
            remains.extracts
        ),
        None => format!(
            "the logs are not destroyed: {} messages, {} extracts",
            count(remains.held.messages),
            remains.extracts
        ),
    };
    answer(global, &told, &words)
}
