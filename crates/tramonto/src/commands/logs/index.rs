//! `tramonto mail-log index`.

use archive::{Domains, IndexRequest};
use serde_json::json;

use super::Desk;
use crate::Error;
use crate::cli::{Global, IndexArgs};
use crate::output::Output;
use crate::output::progress::{self, per_second};
use crate::output::text::{count, table};

pub(super) async fn execute(desk: &Desk, args: &IndexArgs, global: &Global) -> Result<(), Error> {
    let now = desk.reading.journal().now();
    let zone = desk
        .office
        .read_state(|state| {
            state.may_index_logs(now)?;
            Ok::<_, domain::Rejection>(state.plan().map(|plan| plan.zone))
        })
        .await??;
    let zone = zone.unwrap_or(chrono_tz::Europe::Rome);
    let domains =
        if args.domain.is_empty() { of_registry(desk).await? } else { args.domain.clone() };
    let request = IndexRequest {
        files: args.files.clone(),
        domains: Domains::new(domains),
        zone,
        not_after: args.not_after,
    };
    let bar = progress::spinner("index", "lines", global.json);
    let indexed = desk.office.read_logs(request, |lines| bar.set_position(lines)).await?;
    bar.finish_and_clear();
    let speed = per_second(indexed.counts.lines, bar.elapsed());
    let mut out = Output::open();
    if global.json {
        return out.object(&json!({ "done": "indexed", "files": indexed.files,
            "lines": indexed.counts.lines, "kept": indexed.counts.kept,
            "broken": indexed.counts.broken, "messages": indexed.messages,
            "lines_per_second": speed }));
    }
    let rows = indexed.files.iter().map(|file| {
        let end = match (file.damaged, file.unfinished, file.known && file.counts.lines == 0) {
            (true, ..) => "cut off or damaged: give it again once it is whole",
            (_, true, _) => "ends inside a line, which is read once it is whole",
            (.., true) => "read before",
            _ => "",
        };
        let numbers = [file.counts.lines, file.counts.kept, file.counts.broken].map(count);
        let [lines, kept, broken] = numbers;
        vec![file.name.clone(), lines, kept, broken, end.to_owned()]
    });
    out.text(table(
        &["file", "new lines", "of messages", "broken", ""],
        &[1, 2, 3],
        rows.collect(),
    ))?;
    out.line(format!(
        "{} lines, {} lines/s; {} messages added or gone on with",
        count(indexed.counts.lines),
        count(speed),
        count(indexed.messages)
    ))
}

/// The domain of the first address that the registry still knows: all of them are of one service.
async fn of_registry(desk: &Desk) -> Result<Vec<String>, Error> {
    let registry = desk.reading.registry().await?;
    let known = desk.office.read_state(|state| state.rights.registered() - state.erasure.erased());
    let first = match known.await?.min() {
        Some(number) => registry.find(number).await?,
        None => None,
    };
    let address = first.map(|entry| entry.registration.address);
    let domain = address.as_deref().and_then(|address| address.rsplit_once('@'));
    domain.map(|(_, domain)| vec![domain.to_owned()]).ok_or_else(|| {
        Error::Usage("the registry is empty; name the service's domain with --domain".to_owned())
    })
}
