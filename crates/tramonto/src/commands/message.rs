//! `tramonto message`: messages received by e-mail, and what an operator does about them.
//!
//! Deliberately absent from every list: who wrote, and what. A message is named by its number; its
//! text is printed only on request.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use engine::actions::messages::{self, RefuseMessage, ReleaseMessage};
use engine::queries::{self, LetterCount, MessageCount, MessageList};
use intake::{Reader, Templates};
use serde_json::json;

use super::act::{self, act, answer, print, run};
use super::{message_on_input, read};
use crate::Error;
use crate::cli::{Global, ListMessagesArgs, MessageCommand, ReadingArgs, ShowMessageArgs};
use crate::output::text::{count, table, utc};
use crate::output::{self, Output};

/// No message is larger than the largest that the LMTP server may accept.
const LARGEST: u64 = 104_857_600;

pub(super) async fn execute(command: MessageCommand, global: &Global) -> Result<(), Error> {
    match command {
        MessageCommand::Receive { file, sender } => receive(file, sender, global).await,
        MessageCommand::List(args) => list(&args, global).await,
        MessageCommand::Show(args) => show(&args, global).await,
        MessageCommand::Release { number, holder } => {
            answer(&run(ReleaseMessage { number, holder }, None, global).await?, global)
        }
        MessageCommand::Refuse { number, reason } => {
            act(RefuseMessage { number }, &reason, global).await
        }
        MessageCommand::ExportTemplates { folder } => export_templates(&folder, global),
    }
}

async fn receive(
    file: Option<PathBuf>,
    sender: Option<String>,
    global: &Global,
) -> Result<(), Error> {
    let content = match file {
        Some(path) => read(&path)?,
        None => message_on_input(LARGEST)?,
    };
    let number = messages::receive(&global.settings()?, sender, content).await?;
    let kept = json!({ "done": "message-kept", "number": number });
    print(&kept, format!("message {number} is kept"), global)
}

async fn list(args: &ListMessagesArgs, global: &Global) -> Result<(), Error> {
    let settings = global.settings()?;
    let list = queries::messages(&settings, args.status, args.after, args.limit).await?;
    act::show(&list, words, global)
}

fn words(list: &MessageList) -> String {
    if list.counts.is_empty() {
        return "no message has been received yet\n".to_owned();
    }
    let rows = list.counts.iter().map(|MessageCount { status, reason, messages }| {
        vec![(*status).to_owned(), reason.clone().unwrap_or_default(), count(*messages)]
    });
    let mut tables = vec![table("status | reason | >messages", rows)];
    if !list.letters.is_empty() {
        let rows = list.letters.iter().map(|LetterCount { kind, status, letters }| {
            vec![kind.clone(), status.clone(), count(*letters)]
        });
        tables.push(table("letter | status | >letters", rows));
    }
    if !list.messages.is_empty() {
        let rows = list.messages.iter().map(|message| {
            let mailbox = message.mailbox.map(|number| number.to_string()).unwrap_or_default();
            let reason = message.reason.clone().unwrap_or_default();
            vec![message.number.to_string(), utc(message.received_at), reason, mailbox]
        });
        tables.push(table(">number | received | reason | >mailbox", rows));
    }
    tables.join("\n")
}

async fn show(args: &ShowMessageArgs, global: &Global) -> Result<(), Error> {
    let reader = reader(&args.reading);
    let (details, content) = queries::message(&global.settings()?, args.number, &reader).await?;
    if args.content {
        let mut out = std::io::stdout().lock();
        return out.write_all(&content).map_err(output::failed);
    }
    let mut out = Output::open();
    if global.json {
        return out.document(&details);
    }
    let shown = serde_json::to_value(&details).map_err(|error| output::failed(error.into()))?;
    let rows = shown.as_object().into_iter().flatten().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        vec![name.replace('_', " "), value]
    });
    out.text(table(&format!("message | {}", args.number), rows))?;
    out.line("the text is personal data; --content prints it")
}

/// How messages are classified.
pub(super) fn reader(args: &ReadingArgs) -> Reader {
    Reader { authserv_id: args.authserv_id.clone(), ..Reader::default() }
}

fn export_templates(folder: &Path, global: &Global) -> Result<(), Error> {
    let unusable = |path: &Path, source: std::io::Error| {
        Error::file(path, "cannot be written; name a folder of your own without templates")(source)
    };
    std::fs::create_dir_all(folder).map_err(|source| unusable(folder, source))?;
    for (name, template) in Templates::files() {
        let path = folder.join(name);
        let made = File::create_new(&path).and_then(|mut file| file.write_all(template.as_bytes()));
        made.map_err(|source| unusable(&path, source))?;
    }
    let many = Templates::files().len();
    let written = json!({ "done": "templates-written", "templates": many, "folder": folder });
    let words = format!(
        "{many} templates are in {folder}; give it to `tramonto service intake` with --letters",
        folder = folder.display()
    );
    print(&written, words, global)
}
