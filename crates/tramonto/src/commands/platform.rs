//! `tramonto platform`: the mail directory, and how mail servers query it.

use std::path::Path;
use std::process::ExitCode;

use engine::actions::directory::{self, DirectoryRebuilt};
use engine::queries::{PlatformQuery, check_platform};
use platform::{Identifier, RightsView};
use serde_json::json;

use super::act::print;
use crate::Error;
use crate::cli::{ColumnArgs, Global, PlatformCheckArgs, PlatformCommand};
use crate::exit::Exit;
use crate::output::Output;
use crate::output::text::mailboxes;

pub(super) async fn execute(command: PlatformCommand, global: &Global) -> Result<ExitCode, Error> {
    match command {
        PlatformCommand::Check(args) => return check(&args, global).await,
        PlatformCommand::CreateView { name, columns } => {
            create_view(&view(&name, &columns)?, global).await?;
        }
        PlatformCommand::Rebuild => rebuild(global).await?,
    }
    Ok(Exit::Done.into())
}

async fn check(args: &PlatformCheckArgs, global: &Global) -> Result<ExitCode, Error> {
    let view = args.view.as_ref().map(|name| view(name, &args.columns)).transpose()?;
    let settings = |file: &Option<_>| file.as_deref().map(settings).transpose();
    let (dovecot, postfix) = (settings(&args.dovecot)?, settings(&args.postfix)?);
    let query = PlatformQuery { view, dovecot, postfix };
    let check = check_platform(global.settings()?, &query).await?;
    let mut out = Output::open();
    if global.json {
        out.document(&check)?;
    } else {
        for (file, text) in &check.lookups {
            out.line(format!("== {file}\n{text}"))?;
        }
        for found in &check.found {
            out.line(format!("found: {found}"))?;
        }
        if check.found.is_empty() {
            out.line(match (&query.postfix, &query.dovecot) {
                (Some(_), Some(_)) => "no problem found: the mail servers enforce the rights",
                (None, None) => {
                    "no problem found in the directory; server settings were not given, so \
                     enforcement was not checked: pass --postfix and --dovecot"
                }
                (None, Some(_)) => {
                    "no problem found in the directory and Dovecot; the enforcement by Postfix was \
                     not checked: pass --postfix"
                }
                (Some(_), None) => {
                    "no problem found in the directory and Postfix; the enforcement by Dovecot was \
                     not checked: pass --dovecot"
                }
            })?;
        }
    }
    Ok(if check.found.is_empty() { Exit::Done.into() } else { Exit::Found.into() })
}

/// The settings of a mail server, as its own program printed them.
fn settings(file: &Path) -> Result<String, Error> {
    std::fs::read_to_string(file).map_err(Error::file(
        file,
        "the settings cannot be read; write them there with `doveconf -n` or `postconf -n`",
    ))
}

fn view(name: &Identifier, columns: &ColumnArgs) -> Result<RightsView, Error> {
    RightsView::new(name.clone(), columns.columns.clone()).map_err(Error::Invalid)
}

async fn create_view(view: &RightsView, global: &Global) -> Result<(), Error> {
    directory::create_view(&global.settings()?, view).await?;
    let words = format!("mail servers can query rights in the view {}", view.name());
    print(&json!({ "done": "view-made", "view": view.name() }), words, global)
}

async fn rebuild(global: &Global) -> Result<(), Error> {
    let DirectoryRebuilt { file, mailboxes: made } =
        directory::rebuild(&global.settings()?).await?;
    let words = format!("{} holds {} with the rights of the log", file.display(), mailboxes(made));
    print(&json!({ "done": "platform-rebuilt", "mailboxes": made }), words, global)
}
