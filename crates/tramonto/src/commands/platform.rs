//! `tramonto platform rebuild`: the mail directory, made anew from the log and the registry.
//!
//! Invariant: the file gets its name only once every right stands in it as the log has it, so that
//! being killed half-way never leaves a directory in which what was closed is open.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use domain::{Capabilities, Capability, MailboxSet, Plan, State};
use eventstore::{Clock, EventStore, Journal, SqliteStore};
use platform::{
    Directory, EffectKey, Mode, Platform, PostgresDirectory, Right, RightsView, SetRights,
};
use registry::Registry;
use roaring::RoaringBitmap;
use serde_json::json;

use crate::cli::{Global, PlatformCommand, PlatformViewArgs};
use crate::embedded::Store;
use crate::output::Output;
use crate::output::text::mailboxes;
use crate::{Error, RealClock, StoreUrl};
use engine::parts::{Part, Provision};

mod check;
mod mail_settings;

pub(super) async fn execute(command: &PlatformCommand, global: &Global) -> Result<ExitCode, Error> {
    match command {
        PlatformCommand::Check(args) => return check::check(args, global).await,
        PlatformCommand::CreateView(args) => view(args, global).await?,
        PlatformCommand::Rebuild => rebuild(global).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn view(args: &PlatformViewArgs, global: &Global) -> Result<(), Error> {
    let columns = args.columns.columns.clone();
    let view = RightsView::new(args.name.clone(), columns).map_err(Error::Invalid)?;
    match &global.store {
        StoreUrl::Folder(_) => {
            let directory = Directory::open(&global.home()?.directory()).await?;
            directory.make_view(&view).await?;
            directory.close().await?;
        }
        StoreUrl::Postgres(_) => {
            let directory = PostgresDirectory::open(global.settings()?.connect_options()?).await?;
            directory.make_view(&view).await?;
            directory.close().await;
        }
    }
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "view-made", "view": view.name() }));
    }
    out.line(format!("the mail servers can look rights up in the view {}", view.name()))
}

async fn rebuild(global: &Global) -> Result<(), Error> {
    let home = global.home()?;
    home.expect_store()?;
    let _lock = home.lock()?;
    let place = home.directory();
    if place.exists() {
        return Err(Error::Refused(format!(
            "{} is there; a directory is never overwritten: move the file away first",
            place.display()
        )));
    }
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let log = SqliteStore::open_read_only(&home.log(), Arc::clone(&clock)).await?;
    let Some(programme) = Store::programme(&log).await? else {
        return Err(Error::NotFound(
            "the log has no plan yet; there is nothing to make".to_owned(),
        ));
    };
    let registry = Arc::new(Registry::open(&home.registry(), &programme).await?);
    let draft = Draft::at(&place)?;
    let directory = Arc::new(Directory::create(&draft.0, Mode::Production).await?);
    let log: Arc<dyn EventStore> = Arc::new(log);
    let journal = Arc::new(Journal::new(programme, log, clock, State::default(), 0));
    let mut provision =
        Provision::new(Arc::clone(&journal), registry, Arc::<Directory>::clone(&directory));
    provision.tick(journal.now()).await?;
    drop(provision);
    let snapshot = journal.state().await?;
    let state = &*snapshot;
    if let Some(plan) = state.plan() {
        for call in calls(state, plan, journal.now()) {
            directory.set(&call).await?;
        }
    }
    if let Some(directory) = Arc::into_inner(directory) {
        directory.close().await?;
    }
    draft.take_place(&place)?;
    let made = state.rights.activated().len();
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "platform-rebuilt", "mailboxes": made }));
    }
    out.line(format!(
        "{} holds {} with the rights that the log has",
        place.display(),
        mailboxes(made)
    ))
}

/// What tells a directory, in which everyone may do everything, the rights that the log has.
fn calls(state: &State, plan: &Plan, now: chrono::DateTime<chrono::Utc>) -> Vec<SetRights> {
    let key = EffectKey {
        programme: plan.programme.clone(),
        revision: state.programme.revision(),
        phase: None,
        repairs: None,
    };
    let rights = &state.rights;
    let call = |capability: Capability, mailboxes: RoaringBitmap, right| SetRights {
        key: key.clone(),
        mailboxes: MailboxSet::from(mailboxes),
        capabilities: Capabilities::from(capability),
        right,
        // A new directory: nothing was decided in it before.
        decided_at: 0,
    };
    let mut calls = Vec::new();
    for capability in Capabilities::OF_PLATFORM.iter() {
        let closed = rights.activated() - rights.open(capability);
        calls.push(call(capability, closed, Right::Until(now)));
        let armed = rights.armed(capability);
        calls.extend(armed.map(|(until, set)| call(capability, set.clone(), Right::Until(until))));
    }
    calls
}

/// A directory that has not got its name yet.
struct Draft(PathBuf);

impl Draft {
    fn at(place: &Path) -> Result<Self, Error> {
        let mut name = place.as_os_str().to_owned();
        name.push(".rebuilding");
        let draft = Self(name.into());
        draft.remove()?;
        Ok(draft)
    }

    /// What an earlier attempt left.
    fn remove(&self) -> Result<(), Error> {
        for more in ["-shm", "-wal", ""] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(more);
            match fs::remove_file(&name) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(Path::new(&name), source));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn take_place(self, place: &Path) -> Result<(), Error> {
        fs::rename(&self.0, place).map_err(|source| failed(place, source))?;
        // Its write-ahead log, which is empty.
        self.remove()
    }
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        advice: format!("the directory can't be put in place ({source}); look at its folder"),
        source,
    }
}
