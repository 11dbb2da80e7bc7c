//! `tramonto message`: what came by e-mail, and what an operator does about it.
//!
//! Deliberately absent from every list: who wrote, and what. A message is named by its number; its
//! text is shown only where that is asked for.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use engine::actions::messages::{RefuseMessage, ReleaseMessage};
use intake::{Kind, Message, NewMessage, Templates};
use mail::Headers;
use serde_json::{Value, json};

use super::act::{act, answer, decide_on};
use super::{message_on_input, read};
use crate::cli::{
    Global, LettersArgs, ListMessagesArgs, MessageArgs, MessageCommand, RefuseMessageArgs,
    ReleaseMessageArgs, ShowMessageArgs,
};
use crate::output::Output;
use crate::output::text::{count, table, utc};
use crate::{Error, RealClock, requests};

/// No message is larger than any that is taken.
const LARGEST: u64 = 104_857_600;

pub(super) async fn execute(command: MessageCommand, global: &Global) -> Result<(), Error> {
    match command {
        MessageCommand::Receive(args) => receive(&args, global).await,
        MessageCommand::List(args) => list(&args, global).await,
        MessageCommand::Show(args) => show(&args, global).await,
        MessageCommand::Release(ReleaseMessageArgs { number, holder }) => {
            let store = decide_on(global).await?;
            let done = store.run(ReleaseMessage { number, holder }, &global.caller(None)).await;
            store.close().await?;
            answer(&done?, global)
        }
        MessageCommand::Refuse(RefuseMessageArgs { number, reason }) => {
            act(RefuseMessage { number }, &reason, global).await
        }
        MessageCommand::ExportTemplates(args) => export_templates(&args, global),
    }
}

async fn receive(args: &MessageArgs, global: &Global) -> Result<(), Error> {
    let content = match &args.file {
        Some(path) => read(path)?,
        None => message_on_input(LARGEST)?,
    };
    let received_at = eventstore::Clock::now(&RealClock);
    let return_path = || Headers::parse(&content)?.return_path().map(str::to_owned);
    let sender = args.sender.clone().or_else(return_path);
    let store = requests::open(global).await?;
    let number = store.insert_one(NewMessage { sender, received_at, content }).await?;
    store.close().await?;
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "message-kept", "number": number }));
    }
    out.line(format!("message {number} is kept"))
}

async fn list(args: &ListMessagesArgs, global: &Global) -> Result<(), Error> {
    let (mut messages, mut counts, mut letters) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(store) = requests::open_to_look(global).await? {
        messages = store.messages(args.status, args.after, args.limit).await?;
        counts = store.message_counts().await?;
        letters = store.letter_counts().await?;
        store.close().await?;
    }
    let mut out = Output::open();
    if global.json {
        let counts: Vec<_> = counts
            .iter()
            .map(|(status, reason, count)| {
                json!({ "status": status.code(), "reason": reason, "messages": count })
            })
            .collect();
        let messages: Vec<_> = messages.iter().map(document).collect();
        let letters: Vec<_> = letters
            .iter()
            .map(
                |(kind, status, count)| json!({ "kind": kind, "status": status, "letters": count }),
            )
            .collect();
        let all = json!({ "messages": messages, "counts": counts, "letters": letters });
        return out.document(&all);
    }
    if counts.is_empty() {
        return out.line("no message has come yet");
    }
    let rows = counts.iter().map(|(status, reason, many)| {
        let reason = reason.clone().unwrap_or_default();
        vec![status.code().to_owned(), reason, count(*many)]
    });
    out.text(table(&["status", "reason", "messages"], &[2], rows.collect()))?;
    if !letters.is_empty() {
        let rows = letters
            .iter()
            .map(|(kind, status, many)| vec![kind.clone(), status.clone(), count(*many)]);
        out.line("")?;
        out.text(table(&["letter", "status", "letters"], &[2], rows.collect()))?;
    }
    if messages.is_empty() {
        return Ok(());
    }
    let rows = messages.iter().map(|message| {
        let mailbox = message.mailbox.map(|number| number.to_string()).unwrap_or_default();
        let reason = message.reason.clone().unwrap_or_default();
        vec![message.number.to_string(), utc(message.received_at), reason, mailbox]
    });
    out.line("")?;
    out.text(table(&["number", "received", "reason", "mailbox"], &[0, 3], rows.collect()))
}

fn document(message: &Message) -> Value {
    json!({
        "number": message.number,
        "received_at": message.received_at,
        "status": message.status.code(),
        "reason": message.reason,
        "mailbox": message.mailbox,
        "released": message.released,
    })
}

async fn show(args: &ShowMessageArgs, global: &Global) -> Result<(), Error> {
    let store = requests::open_to_look(global).await?;
    let store = store.ok_or_else(|| unknown(args.number))?;
    let message = store.message(args.number).await?.ok_or_else(|| unknown(args.number))?;
    let content = store.content(args.number).await?.unwrap_or_default();
    store.close().await?;
    if args.content {
        let mut out = std::io::stdout().lock();
        return out.write_all(&content).map_err(crate::output::failed);
    }
    let reading = requests::reader(&args.reading).read(message.sender.as_deref(), &content);
    let (codes, addresses) = match &reading.kind {
        Kind::Request(named) => (named.codes.len(), named.addresses.len()),
        Kind::NoIdentifier | Kind::Automatic(_) | Kind::Receipt(_) | Kind::Unreadable(_) => (0, 0),
    };
    let mut shown = document(&message);
    if let Value::Object(shown) = &mut shown {
        shown.insert("read_as".to_owned(), json!(reading.kind.code()));
        shown.insert("bytes".to_owned(), json!(content.len()));
        shown.insert("names_codici_fiscali".to_owned(), json!(codes));
        shown.insert("names_addresses".to_owned(), json!(addresses));
        shown.insert("certified".to_owned(), json!(reading.certified));
        shown.insert("authentication".to_owned(), json!(reading.authentication.code()));
    }
    let mut out = Output::open();
    if global.json {
        return out.document(&shown);
    }
    let mut rows = Vec::new();
    for (name, value) in shown.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        rows.push(vec![name.replace('_', " "), value]);
    }
    out.text(table(&["message", &args.number.to_string()], &[], rows))?;
    out.line("its text is somebody's personal data; --content writes it")
}

fn export_templates(args: &LettersArgs, global: &Global) -> Result<(), Error> {
    let unusable = |path: &Path, source: std::io::Error| Error::File {
        path: path.to_owned(),
        advice: format!(
            "it can't be written ({source}); name a folder of your own without templates"
        ),
        source,
    };
    std::fs::create_dir_all(&args.folder).map_err(|source| unusable(&args.folder, source))?;
    for (name, template) in Templates::files() {
        let path = args.folder.join(name);
        let made = File::create_new(&path).and_then(|mut file| file.write_all(template.as_bytes()));
        made.map_err(|source| unusable(&path, source))?;
    }
    let (many, folder) = (Templates::files().len(), &args.folder);
    let mut out = Output::open();
    if global.json {
        return out
            .object(&json!({ "done": "templates-written", "templates": many, "folder": folder }));
    }
    out.line(format!(
        "{many} templates are in {folder}; give it to `tramonto service intake` with --letters",
        folder = folder.display()
    ))
}

fn unknown(number: i64) -> Error {
    Error::NotFound(format!("there is no message {number}; look at `tramonto message list`"))
}
