//! `tramonto erasure`: the end of what is known of holders as people, and the proof of it.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use domain::{ErasureCommand, ErasureGround, LogCommand, MailboxId};
use eventstore::{Decision, Origin, archive_stream, erasure_stream, voucher_stream};
use roaring::RoaringBitmap;
use serde_json::json;

use super::decide::{decide, origin};
use super::reading::Reading;
use crate::cli::{EraseArgs, EraseCommand, Global, Reason, SearchTerm, Target, VerifyErasureArgs};
use crate::erasure::{Places, Whose, expect_no_logs, place_of_logs};
use crate::exit::Exit;
use crate::log::postgres_options;
use crate::output::Output;
use crate::output::text::{count, mailboxes, table};
use crate::{Error, Home, StorePlace};
use engine::traces::traces;

/// So many texts are looked for at once at most.
const MOST_TEXTS: usize = 100;
/// No longer text is read from standard input.
const LONGEST_INPUT: u64 = 64 << 10;

pub(super) async fn execute(args: EraseArgs, global: &Global) -> Result<ExitCode, Error> {
    let EraseArgs { archive, no_archive, command } = args;
    let archive = place_of_logs(archive, no_archive, global)?;
    let wherever = Wherever { global, archive, never: no_archive };
    match command {
        EraseCommand::Start(args) => match args.mailbox {
            Some(mailbox) => holder(&mailbox, &args.reason, &wherever).await?,
            None => all(&args.reason, &wherever).await?,
        },
        EraseCommand::Resume => finish(&wherever).await?,
        EraseCommand::Verify(args) => return verify(args, &wherever).await,
    }
    Ok(Exit::Done.into())
}

/// Where the store is, and the log of messages.
struct Wherever<'a> {
    global: &'a Global,
    archive: Option<Home>,
    /// Is it said that there never was a log of messages?
    never: bool,
}

impl Wherever<'_> {
    /// Where the log of messages is, or will be: who is erased before any log is read must not come back with it.
    fn archive_to_be(&self, whose: &Whose) -> Result<Option<Home>, Error> {
        match (&self.archive, &self.global.store) {
            (Some(home), _) => Ok(Some(Home::new(home.folder()))),
            (None, StorePlace::Folder(_)) if whose.logs_may_come && !self.never => {
                self.global.home().map(Some)
            }
            (None, StorePlace::Folder(_) | StorePlace::Postgres(_)) => Ok(None),
        }
    }

    /// Refuses to pass over a log of messages that the log of events knows of.
    async fn expect(&self, reading: &Reading) -> Result<(), Error> {
        match self.archive {
            Some(_) => Ok(()),
            None => expect_no_logs(&*reading.journal.state().await?),
        }
    }
}

async fn holder(mailbox: &Target, reason: &Reason, wherever: &Wherever<'_>) -> Result<(), Error> {
    let global = wherever.global;
    let reading = Reading::open_to_decide(global).await?;
    let number = reading.number_of(mailbox).await?;
    let origin = origin(global, reason);
    order(&reading, wherever, ErasureGround::Demand, &origin, |_| [number].into()).await?;
    let done = carry_out(&reading, wherever, &origin).await;
    let id = MailboxId::new(reading.programme(), number);
    reading.close().await;
    told(global, &done?, &format!("the personal data of the holder of mailbox {id}"))
}

async fn all(reason: &Reason, wherever: &Wherever<'_>) -> Result<(), Error> {
    let global = wherever.global;
    let reading = Reading::open_to_decide(global).await?;
    let origin = origin(global, reason);
    let everyone = |state: &domain::State| state.rights.registered().clone();
    order(&reading, wherever, ErasureGround::End, &origin, everyone).await?;
    let done = carry_out(&reading, wherever, &origin).await;
    let kept = {
        let snapshot = reading.journal.state().await?;
        let state = &*snapshot;
        state.rights.registered().len() - state.erasure.ordered().len()
    };
    reading.close().await;
    told(global, &done?, "the personal data of everyone who can be erased")?;
    if kept > 0 && !global.json {
        let kept = mailboxes(kept);
        let line = format!("those of {kept} are kept: a hold, or something still due to them");
        return Output::open().line(line);
    }
    Ok(())
}

async fn finish(wherever: &Wherever<'_>) -> Result<(), Error> {
    let global = wherever.global;
    let reading = Reading::open_to_decide(global).await?;
    let origin = Origin { actor: global.actor(), ..Origin::part("") };
    let done = carry_out(&reading, wherever, &origin).await;
    reading.close().await;
    told(global, &done?, "what an erasure had left")
}

/// Decides whose personal data go. Links that have had their time keep nobody.
async fn order(
    reading: &Reading,
    wherever: &Wherever<'_>,
    ground: ErasureGround,
    origin: &Origin,
    whose: impl Fn(&domain::State) -> RoaringBitmap,
) -> Result<(), Error> {
    wherever.expect(reading).await?;
    let now = reading.now().await?;
    decide(reading, &archive_stream(reading.programme())?, origin, |state| {
        Ok(state.decide_log_request(LogCommand::Expire, now)?)
    })
    .await?;
    let programme = reading.programme();
    // Whatever is granted or asked for meanwhile may be due to them.
    let on = Decision::on(erasure_stream(programme)?)
        .depends_on(voucher_stream(programme)?)
        .depends_on(archive_stream(programme)?);
    decide(reading, on, origin, |state| {
        let command = ErasureCommand::Order { ground, mailboxes: whose(state) };
        Ok(state.decide_erasure(command, now)?)
    })
    .await
    .map(|_| ())
}

/// Erases those of whom it is decided in every place, and records it.
async fn carry_out(
    reading: &Reading,
    wherever: &Wherever<'_>,
    origin: &Origin,
) -> Result<BTreeMap<String, u64>, Error> {
    let whose = Whose::pending(&*reading.journal.state().await?);
    if whose.holders.is_empty() {
        return Ok(BTreeMap::new());
    }
    wherever.expect(reading).await?;
    if let Some(archive) = &wherever.archive {
        archive::delete_expired(&reading.journal, &archive.extracts()).await?;
    }
    let archive = wherever.archive_to_be(&whose)?;
    let places = Places::open(wherever.global, archive.as_ref(), reading.programme()).await?;
    let erased = places.erase(&whose).await;
    places.close().await;
    let erased = erased?;
    let stream = erasure_stream(reading.programme())?;
    let now = reading.now().await?;
    decide(reading, &stream, origin, |state| {
        let (places, mailboxes) = (erased.clone(), whose.holders.clone());
        Ok(state.decide_erasure(ErasureCommand::Done { places, mailboxes }, now)?)
    })
    .await?;
    Ok(erased)
}

fn told(global: &Global, places: &BTreeMap<String, u64>, whose: &str) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "holders-erased", "places": places }));
    }
    if places.is_empty() {
        return out.line("nothing is to be done: everything that was to be erased is gone");
    }
    let each = places.iter().map(|(place, rows)| format!("{place} {}", count(*rows)));
    let each = each.collect::<Vec<_>>().join(", ");
    out.line(format!("{whose} are gone: {each}; what backups hold is yours to delete"))
}

async fn verify(args: VerifyErasureArgs, wherever: &Wherever<'_>) -> Result<ExitCode, Error> {
    let global = wherever.global;
    let texts = if args.texts.is_empty() { given()? } else { args.texts };
    let texts: Vec<String> = texts.iter().map(|text| text.as_str().to_owned()).collect();
    let found = match &global.store {
        StorePlace::Folder(folder) => {
            global.home()?.expect_store()?;
            in_files(folder.clone(), texts.clone()).await?
        }
        StorePlace::Postgres(url) => {
            sql::residue(postgres_options(global, url)?, &SCHEMAS, &texts).await?
        }
    };
    let mut found = found;
    if let Some(archive) = &wherever.archive {
        if matches!(global.store, StorePlace::Postgres(_))
            || global.home()?.folder() != archive.folder()
        {
            let (folder, texts) = (archive.folder().to_owned(), texts.clone());
            found.extend(in_files(folder, texts).await?);
        }
        if archive.archive().exists() {
            let index = archive::Index::open_read_only(&archive.archive()).await?;
            let rows = index.residue(&texts).await?;
            index.close().await?;
            found.push(("log of messages, as it is read".to_owned(), rows));
        }
    }
    if let Some(letters) = in_messages(global, &texts).await? {
        found.push(("e-mails, as they are read".to_owned(), letters));
    }
    let left: u64 = found.iter().map(|(_, traces)| traces).sum();
    let mut out = Output::open();
    if global.json {
        let found: BTreeMap<_, _> = found.into_iter().collect();
        out.document(&json!({ "texts": texts.len(), "places": found, "found": left }))?;
    } else {
        let row = |(place, traces): &(String, u64)| vec![place.clone(), count(*traces)];
        out.text(table(&["place", "traces"], &[1], found.iter().map(row).collect()))?;
        let places = count(u64::try_from(found.len()).unwrap_or(u64::MAX));
        out.line(match left {
            0 => format!("nothing is left of what was looked for, in {places} places"),
            _ => format!("{} traces are left", count(left)),
        })?;
    }
    Ok(if left == 0 { Exit::Done.into() } else { Exit::Found.into() })
}

async fn in_files(folder: PathBuf, texts: Vec<String>) -> Result<Vec<(String, u64)>, Error> {
    let looked = tokio::task::spawn_blocking(move || traces(&folder, &texts)).await;
    looked.map_err(|_stopped| Error::Usage("the search was stopped".to_owned()))?
}

/// In how many e-mails one of the texts stands as their reader sees it, whatever they are encoded in; `None` where no
/// e-mail ever came.
async fn in_messages(global: &Global, texts: &[String]) -> Result<Option<u64>, Error> {
    let Some(store) = crate::requests::open_to_look(global).await? else { return Ok(None) };
    let mut messages = 0;
    for text in texts {
        messages += store.residue(text).await?;
    }
    store.close().await?;
    Ok(Some(messages))
}

/// Everything of ours in a database.
const SCHEMAS: [&str; 7] =
    ["tramonto", "registry", "directory", "projection", "vouchers", "intake", "archive"];

/// The texts on standard input, one a line.
fn given() -> Result<Vec<SearchTerm>, Error> {
    let input = std::io::stdin().lock().take(LONGEST_INPUT);
    let mut texts = Vec::new();
    for line in input.lines() {
        let line = line.map_err(|source| Error::File {
            path: "standard input".into(),
            advice: "it can't be read; give one text a line, in UTF-8".to_owned(),
            source,
        })?;
        if !line.trim().is_empty() {
            texts.push(line.parse().map_err(Error::Usage)?);
        }
    }
    match texts.len() {
        0 => Err(Error::Usage("there is nothing to look for; give one text a line".to_owned())),
        1..=MOST_TEXTS => Ok(texts),
        _ => Err(Error::Usage(format!("look for {MOST_TEXTS} texts at a time at most"))),
    }
}
