//! `tramonto registry import`: a registry file into the store.

use std::path::Path;
use std::process::ExitCode;

use domain::RegistryImported;
use engine::actions::registrations::ImportRegistry;
use engine::store::Store;
use registry::{Encoding, Progress, Source, Summary, rejects_of};
use serde_json::json;

use super::act::run_on;
use crate::Error;
use crate::cli::{Global, ImportArgs};
use crate::exit::Exit;
use crate::output::Output;
use crate::output::progress::{self, show_read};
use crate::output::text::count;

/// The name of the file of rejects where the rows came from standard input.
const STREAM_REJECTS: &str = "registry.rejects.csv";

pub(super) async fn execute(args: ImportArgs, global: &Global) -> Result<ExitCode, Error> {
    let encoding = encoding(&args.encoding)?;
    let from_stream = args.file == Path::new("-");
    let source = if from_stream {
        if args.control.is_some() {
            return Err(Error::Invalid(
                "rows from standard input cannot be checked against a control file; give the path \
                 of a file"
                    .to_owned(),
            ));
        }
        Source::Stream(Box::new(std::io::stdin()))
    } else {
        expect_file(&args.file)?;
        if let Some(control) = &args.control {
            expect_file(control)?;
        }
        Source::File { path: args.file.clone(), control: args.control.clone() }
    };
    let rejects = if from_stream { STREAM_REJECTS.into() } else { rejects_of(&args.file) };
    let ignore_extra = args.ignore_extra;
    let store = Store::open_to_import(global.settings()?, &global.actor()).await?;
    let bar = progress::file("import", global.json);
    let mut progress =
        |read: Progress| show_read(&bar, read.bytes_read, read.bytes_total, read.rows);
    let action =
        ImportRegistry { source, encoding, rejects, ignore_extra, progress: &mut progress };
    let done = run_on(store, action, args.reason.as_ref(), global).await;
    bar.finish_and_clear();
    let summary = done?.result;
    print(&summary, global)?;
    Ok(if summary.balance.rejected > 0 { Exit::Rejected.into() } else { Exit::Done.into() })
}

/// Checks the file before a store is created for it.
fn expect_file(file: &Path) -> Result<(), Error> {
    let found = std::fs::metadata(file)
        .map_err(Error::file(file, "cannot be read; check its path and permissions"))?;
    if found.is_dir() {
        let file = file.display();
        return Err(Error::Invalid(format!("{file} is a directory; give the path of a file")));
    }
    Ok(())
}

fn encoding(name: &str) -> Result<Encoding, Error> {
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Ok(Encoding::Utf8),
        "windows-1252" | "cp1252" | "latin1" | "iso-8859-1" => Ok(Encoding::Windows1252),
        _ => Err(Error::Invalid(format!(
            "--encoding {name:?} is not supported; write utf-8 or windows-1252"
        ))),
    }
}

fn print(summary: &Summary, global: &Global) -> Result<(), Error> {
    let RegistryImported { sha256, read, accepted, unchanged, changed, rejected } =
        &summary.balance;
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({
            "sha256": sha256, "read": read, "accepted": accepted, "unchanged": unchanged,
            "changed": changed, "rejected": rejected, "rejects": summary.rejects,
            "resumed": summary.resumed, "recorded": summary.recorded,
        }));
    }
    if summary.resumed {
        out.line("continued an interrupted import of this file")?;
    }
    let [read, accepted, unchanged, changed, rejected] =
        [*read, *accepted, *unchanged, *changed, *rejected].map(count);
    out.line(format!(
        "read {read} = accepted {accepted} + unchanged {unchanged} + changed {changed} + rejected \
         {rejected}"
    ))?;
    match &summary.rejects {
        Some(path) => {
            out.line(format!("the rejected rows and their reasons are in {}", path.display()))
        }
        None => Ok(()),
    }
}
