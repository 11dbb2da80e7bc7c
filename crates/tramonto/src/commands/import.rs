//! `tramonto registry import`: a registry file into the store.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use domain::{Plan, ProgrammeId, State};
use eventstore::{Clock, EventStore, Journal, Origin};
use registry::{Encoding, ImportRequest, Registry, Source, Summary, rejects_of};
use serde_json::json;

use crate::cli::{Global, ImportArgs};
use crate::embedded::Store;
use crate::exit::Exit;
use crate::log::{Log, postgres_options};
use crate::output::Output;
use crate::output::progress::{self, show_read};
use crate::output::text::count;
use crate::{Error, RealClock, StorePlace};

/// The name of the file of rejects where the rows came from standard input.
const STREAM_REJECTS: &str = "registry.rejects.csv";

pub(super) async fn execute(args: ImportArgs, global: &Global) -> Result<ExitCode, Error> {
    let encoding = encoding(&args.encoding)?;
    let from_stream = args.file == Path::new("-");
    let source = if from_stream {
        if args.control.is_some() {
            return Err(Error::Usage(
                "rows from standard input can't be held to a control file before they are read; give \
                 the path of a file"
                    .to_owned(),
            ));
        }
        Source::Stream(Box::new(std::io::stdin()))
    } else {
        expect_file(&args.file)?;
        match &args.control {
            Some(control) => {
                expect_file(control)?;
                Source::Controlled { file: args.file.clone(), control: control.clone() }
            }
            None => Source::File(args.file.clone()),
        }
    };
    let rejects = if from_stream { STREAM_REJECTS.into() } else { rejects_of(&args.file) };
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let usual = Plan::cec_pac()?;
    let programme = usual.programme.clone();
    let store = Target::open(global, Arc::clone(&clock), &programme).await?;
    let log = store.log();
    let actor = global.actor();
    let reason = args.reason.as_ref().map(|reason| reason.as_str().to_owned());
    let journal = if let Some(programme) = Store::programme(&*log).await? {
        Journal::new(programme, Arc::clone(&log), Arc::clone(&clock), State::default(), 0)
    } else {
        let reason = Some("the first import adopts the plan of CEC-PAC".to_owned());
        let origin = Origin { reason, ..Origin::part(&actor) };
        engine::store::adopt(Arc::clone(&log), &global.store, &usual, Arc::clone(&clock), &origin)
            .await?
    };
    let plan = journal.state().await?.plan().cloned().unwrap_or(usual);
    let bar = progress::file("import", global.json);
    let summary = registry::import(
        &*log,
        store.registry(),
        ImportRequest {
            source,
            rejects: Some(rejects),
            encoding,
            ignore_extra: args.ignore_extra,
            plan: &plan,
            now: journal.now(),
            actor: &actor,
            reason: reason.as_deref(),
            progress: &mut |read| show_read(&bar, read.bytes_read, read.bytes_total, read.rows),
        },
    )
    .await;
    bar.finish_and_clear();
    drop(journal);
    store.close().await?;
    let summary = summary?;
    tell(&summary, global)?;
    Ok(if summary.rejected > 0 { Exit::Rejected.into() } else { Exit::Done.into() })
}

/// Where the rows and what they say go.
enum Target {
    Folder(Box<Store>),
    Shared(Log, Box<Registry>),
}

impl Target {
    async fn open(
        global: &Global,
        clock: Arc<dyn Clock>,
        usual: &ProgrammeId,
    ) -> Result<Self, Error> {
        let StorePlace::Postgres(url) = &global.store else {
            let store = Store::open(global.home()?, clock, false, usual).await?;
            return Ok(Self::Folder(Box::new(store)));
        };
        let log = Log::open_to_decide(&global.settings()?, clock).await?;
        let theirs = Store::programme(&*log.port()).await?;
        let options = postgres_options(global, url)?;
        let registry = Registry::connect(options, theirs.as_ref().unwrap_or(usual)).await?;
        Ok(Self::Shared(log, Box::new(registry)))
    }

    fn log(&self) -> Arc<dyn EventStore> {
        match self {
            Self::Folder(store) => Arc::new(store.log.clone()),
            Self::Shared(log, _) => log.port(),
        }
    }

    fn registry(&self) -> &Registry {
        match self {
            Self::Folder(store) => &store.registry,
            Self::Shared(_, registry) => registry,
        }
    }

    async fn close(self) -> Result<(), Error> {
        match self {
            Self::Folder(store) => store.close().await,
            Self::Shared(log, registry) => {
                log.close().await;
                Ok(registry.close().await?)
            }
        }
    }
}

/// A store is not made for a file that is not there.
fn expect_file(file: &Path) -> Result<(), Error> {
    let found = std::fs::metadata(file).map_err(|source| Error::File {
        path: file.to_owned(),
        advice: format!("it can't be read ({source}); look at the path and its rights"),
        source,
    })?;
    if found.is_dir() {
        let file = file.display();
        return Err(Error::Usage(format!("{file} is a directory; give the path of a file")));
    }
    Ok(())
}

fn encoding(name: &str) -> Result<Encoding, Error> {
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Ok(Encoding::Utf8),
        "windows-1252" | "cp1252" | "latin1" | "iso-8859-1" => Ok(Encoding::Windows1252),
        _ => Err(Error::Usage(format!(
            "--encoding {name:?} is not known here; write utf-8 or windows-1252"
        ))),
    }
}

fn tell(summary: &Summary, global: &Global) -> Result<(), Error> {
    let Summary { read, accepted, unchanged, changed, rejected, .. } = *summary;
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({
            "sha256": summary.sha256, "read": read, "accepted": accepted, "unchanged": unchanged,
            "changed": changed, "rejected": rejected, "rejects": summary.rejects,
            "resumed": summary.resumed, "recorded": summary.recorded,
        }));
    }
    if summary.resumed {
        out.line("went on where an earlier import of this file was broken off")?;
    }
    out.line(format!(
        "read {} = accepted {} + unchanged {} + changed {} + rejected {}",
        count(read),
        count(accepted),
        count(unchanged),
        count(changed),
        count(rejected)
    ))?;
    match &summary.rejects {
        Some(path) => {
            out.line(format!("the rejected rows and their reasons are in {}", path.display()))
        }
        None => Ok(()),
    }
}
