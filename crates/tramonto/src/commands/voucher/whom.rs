//! The mailboxes of a command, and its code.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use engine::store::Store;
use roaring::RoaringBitmap;

use super::unusable;
use crate::Error;
use crate::cli::{ManyArgs, Target};

/// The longest token; codes are shorter.
const LONGEST: u64 = 16 * 1024;

/// The named mailbox, or those in a file.
pub(super) async fn named(store: &Store, args: &ManyArgs) -> Result<RoaringBitmap, Error> {
    let mut who = RoaringBitmap::new();
    if let Some(mailbox) = &args.mailbox {
        who.insert(store.number_of(mailbox).await?);
        return Ok(who);
    }
    let Some(path) = &args.from else { return Ok(who) };
    let known = store.journal().state().await?.rights.registered.clone();
    for (line, text) in (1_u64..).zip(opened(path)?.lines()) {
        let text = text.map_err(|source| unusable(path, "read", source))?;
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |problem: &str| {
            Error::Invalid(format!(
                "line {line} of {}: {problem}; nothing was done",
                path.display()
            ))
        };
        let target: Target = text.parse().map_err(|problem: String| wrong(&problem))?;
        let number = match target {
            Target::Number(number) => number,
            // The error does not repeat the text: it may be an address.
            other @ (Target::Address(_) | Target::Id(_)) => {
                store.number_of(&other).await.map_err(|error| wrong(&error.to_string()))?
            }
        };
        if !known.contains(number) {
            return Err(wrong("the mailbox is not registered"));
        }
        who.insert(number);
    }
    Ok(who)
}

/// A code or a token from a file or from standard input. No message repeats it.
pub(super) fn secret(path: &Path) -> Result<String, Error> {
    if path == Path::new("-") && io::stdin().is_terminal() {
        // A prompt on standard error: standard output is for the result.
        eprint!("code: ");
    }
    let mut line = String::new();
    let read = opened(path)?.take(LONGEST).read_line(&mut line);
    read.map_err(|source| unusable(path, "read", source))?;
    if line.trim().is_empty() {
        return Err(Error::Invalid(format!(
            "{} holds no code; write the code, or the token, on its first line",
            if path == Path::new("-") {
                "standard input".into()
            } else {
                path.display().to_string()
            }
        )));
    }
    Ok(line)
}

fn opened(path: &Path) -> Result<Box<dyn BufRead + Send>, Error> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(|source| unusable(path, "read", source))?;
    Ok(Box::new(BufReader::new(file)))
}
