//! `tramonto platform`: the mail directory, and what mail servers read of it.

use std::process::ExitCode;

use engine::actions::directory::{self, DirectoryRebuilt};
use platform::{Directory, RightsView};
use serde_json::json;

use crate::cli::{Global, PlatformCommand, PlatformViewArgs};
use crate::output::Output;
use crate::output::text::mailboxes;
use crate::{Error, StoreUrl};

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
    let directory = match &global.store {
        StoreUrl::Folder(_) => Directory::open(&global.home()?.directory()).await?,
        StoreUrl::Postgres(_) => Directory::connect(global.settings()?.connect_options()?).await?,
    };
    directory.make_view(&view).await?;
    directory.close().await?;
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "view-made", "view": view.name() }));
    }
    out.line(format!("the mail servers can look rights up in the view {}", view.name()))
}

async fn rebuild(global: &Global) -> Result<(), Error> {
    let DirectoryRebuilt { file, mailboxes: made } =
        directory::rebuild(&global.settings()?).await?;
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "platform-rebuilt", "mailboxes": made }));
    }
    out.line(format!("{} holds {} with the rights of the log", file.display(), mailboxes(made)))
}
