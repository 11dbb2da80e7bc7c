//! Indexes logs: one thread reads and joins lines, another writes the messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sql::{Param, Statement, Transaction, params};
use tokio::sync::mpsc;

use super::{Index, read, stored};
use crate::codec::{Packed, pack, pack_ascending};
use crate::hashes::ErasedAddresses;
use crate::join::{Join, Joined, Open};
use crate::message::{Domains, Message};
use crate::source::{Counts, End, OpenFile, Source, first_instant, open, unreadable};
use crate::syslog::Stamps;
use crate::{Error, reader};

/// Lines in a segment, which is one transaction.
const LINES: u64 = 500_000;
/// Rows in one statement.
const ROWS: usize = 100;
/// Dictionary entries cached between segments.
const CACHED: usize = 1_000_000;

/// Logs to index.
#[derive(Debug, Clone)]
pub struct IndexRequest {
    /// The files, in any order.
    pub files: Vec<PathBuf>,
    /// The service's domains: messages of others are skipped.
    pub domains: Domains,
    /// The zone of time stamps without one.
    pub zone: Tz,
    /// The files were written no later than this; defaults to each file's modification time.
    pub not_after: Option<DateTime<Utc>>,
}

/// The result of indexing logs.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Indexed {
    /// The files, in the order of reading.
    pub files: Vec<IndexedFile>,
    /// All new lines.
    pub counts: Counts,
    /// Messages added or continued.
    pub messages: u64,
}

/// The result of indexing one file.
#[derive(Debug, Clone, serde::Serialize)]
pub struct IndexedFile {
    /// Its name, without its folder.
    pub name: String,
    /// Was it indexed before, in part or whole?
    pub known: bool,
    /// Its new lines.
    pub counts: Counts,
    /// Does it end within a line? That line is read once it is complete.
    pub unfinished: bool,
    /// Is it a truncated or damaged compressed file?
    pub damaged: bool,
}

/// A message from the reading thread.
enum Step {
    Write(Box<(Joined, Source)>),
    Read(IndexedFile),
    Failed(Error),
}

impl Index {
    /// Indexes logs as [`crate::Archive::read_logs`] does, without filtering erased holders.
    pub async fn read_logs(
        &self,
        request: IndexRequest,
        progress: impl FnMut(u64),
    ) -> Result<Indexed, Error> {
        self.read_logs_without(ErasedAddresses::default(), request, progress).await
    }

    /// Indexes logs, each line once however often it is given, without messages of erased holders.
    /// `progress` is called with the number of lines from time to time.
    pub(crate) async fn read_logs_without(
        &self,
        erased_addresses: ErasedAddresses,
        request: IndexRequest,
        mut progress: impl FnMut(u64),
    ) -> Result<Indexed, Error> {
        let _lock = self.lock()?;
        let sources = self.sources().await?;
        let next = self.next_message().await?;
        let join = Join::new(request.domains.clone(), self.unfinished().await?, next);
        let join = join.without(erased_addresses);
        let next_source = sources.iter().filter_map(|source| source.id).max().unwrap_or(0) + 1;
        let (sender, mut steps) = mpsc::channel(1);
        let reading = tokio::task::spawn_blocking(move || {
            let mut reading = Reading { request, sources, join, next_source, steps: sender };
            if let Err(error) = reading.all() {
                reading.send(Step::Failed(error));
            }
        });
        let mut indexed = Indexed::default();
        let mut names = HashMap::new();
        let mut done = Ok(());
        while let Some(step) = steps.recv().await {
            match step {
                Step::Write(step) => {
                    let (joined, source) = *step;
                    indexed.messages += count(joined.done.len());
                    progress(indexed.counts.lines + source.counts.lines);
                    done = self.write(&joined, &source, &mut names).await;
                }
                Step::Read(file) => {
                    indexed.counts.lines += file.counts.lines;
                    indexed.counts.kept += file.counts.kept;
                    indexed.counts.broken += file.counts.broken;
                    indexed.files.push(file);
                }
                Step::Failed(error) => done = Err(error),
            }
            if done.is_err() {
                break;
            }
        }
        // The reading thread ends when the channel closes.
        drop(steps);
        reading.await.map_err(Error::export)?;
        done?;
        Ok(indexed)
    }

    async fn next_message(&self) -> Result<i64, Error> {
        const NEXT: &str = "SELECT coalesce(max(id), 0) + 1 FROM message";
        Ok(self.tables.all(NEXT, Vec::new(), |(next,): (i64,)| Ok(next)).await?.pop().unwrap_or(1))
    }

    /// The unfinished messages of the last run.
    async fn unfinished(&self) -> Result<Vec<(String, Open)>, Error> {
        const ALL: &str = "SELECT place, message, heard_at FROM unfinished";
        let places: Vec<(String, i64, i64)> = self.tables.all(ALL, Vec::new(), Ok).await?;
        let ids: Vec<i64> = places.iter().map(|(_, id, _)| *id).collect();
        let mut messages = HashMap::new();
        for message in read::messages(&self.tables, &ids).await? {
            messages.insert(message.id, message);
        }
        let found = |(place, id, heard_at): (String, i64, i64)| {
            let message = messages.remove(&Some(id))?;
            let last = DateTime::from_timestamp_millis(heard_at)?;
            Some((place, Open { message, last }))
        };
        Ok(places.into_iter().filter_map(found).collect())
    }

    async fn write(
        &self,
        joined: &Joined,
        source: &Source,
        names: &mut HashMap<String, i64>,
    ) -> Result<(), Error> {
        let mut writing = self.tables.begin().await?;
        self::joined(&mut writing, joined, names).await?;
        if !joined.dropped.is_empty() {
            const DROP: &str = "DELETE FROM message WHERE id IN (SELECT value FROM json_each($1))";
            writing.run(DROP, params![joined.dropped.clone()]).await?;
        }
        writing.run("DELETE FROM unfinished", Vec::new()).await?;
        for (place, open) in &joined.open {
            const OPEN: &str = "INSERT INTO unfinished VALUES ($1, $2, $3)";
            let (id, last) = (open.message.id.unwrap_or(0), open.last.timestamp_millis());
            writing.run(OPEN, params![place.as_str(), id, last]).await?;
        }
        write_source(&mut writing, source).await?;
        writing.commit().await?;
        if names.len() > CACHED {
            names.clear();
        }
        Ok(())
    }
}

/// Writes messages, their dictionary entries and their segment.
pub(super) async fn joined(
    writing: &mut Transaction<'_>,
    joined: &Joined,
    names: &mut HashMap<String, i64>,
) -> Result<(), Error> {
    let open = joined.open.iter().map(|(_, open)| &open.message);
    let messages: Vec<&Message> = joined.done.iter().chain(open).collect();
    add_names(writing, &messages, names).await?;
    let number = |name: &str| if name.is_empty() { 0 } else { *names.get(name).unwrap_or(&0) };
    write_messages(writing, &messages, &number).await?;
    write_segment(writing, &messages, &number).await
}

/// The reading thread.
struct Reading {
    request: IndexRequest,
    sources: Vec<Source>,
    join: Join,
    next_source: i64,
    steps: mpsc::Sender<Step>,
}

impl Reading {
    fn all(&mut self) -> Result<(), Error> {
        let (zone, not_after) = (self.request.zone, self.request.not_after);
        let mut files = Vec::new();
        for path in &self.request.files {
            files.push((first_instant(path, zone, not_after)?, path.clone()));
        }
        // Older files first, so that a message is read from its first line to its last.
        files.sort();
        for (_, path) in files {
            let (mut file, mut stamps) = open(&path, &self.sources, zone, not_after)?;
            let read = self.file(&mut file, &mut stamps);
            let Some(read) = read.map_err(|source| unreadable(&path, source))? else {
                return Ok(());
            };
            if !self.send(Step::Read(read)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads a file to its end; `None` if the channel is closed.
    fn file(
        &mut self,
        file: &mut OpenFile,
        stamps: &mut Stamps,
    ) -> Result<Option<IndexedFile>, std::io::Error> {
        let before = file.state();
        let mut written = before.counts.lines;
        let end = loop {
            if let Some(end) = reader::take_line(file, stamps, &mut self.join)? {
                break end;
            }
            if file.lines() - written >= LINES {
                written = file.lines();
                if !self.write(file) {
                    return Ok(None);
                }
            }
        };
        if file.lines() > written && !self.write(file) {
            return Ok(None);
        }
        let state = file.state();
        let new = Counts {
            lines: state.counts.lines - before.counts.lines,
            kept: state.counts.kept - before.counts.kept,
            broken: state.counts.broken - before.counts.broken,
        };
        Ok(Some(IndexedFile {
            name: state.name,
            known: before.id.is_some(),
            counts: new,
            unfinished: end == End::InALine,
            damaged: end == End::Damaged,
        }))
    }

    fn write(&mut self, file: &mut OpenFile) -> bool {
        let mut source = file.state();
        if source.id.is_none() {
            source.id = Some(self.next_source);
            file.set_id(self.next_source);
            self.next_source += 1;
        }
        let joined = self.join.take_out();
        self.sources.retain(|known| known.id != source.id);
        self.sources.push(source.clone());
        self.send(Step::Write(Box::new((joined, source))))
    }

    fn send(&self, step: Step) -> bool {
        self.steps.blocking_send(step).is_ok()
    }
}

/// Adds the messages' names to the dictionary.
async fn add_names(
    writing: &mut Transaction<'_>,
    messages: &[&Message],
    names: &mut HashMap<String, i64>,
) -> Result<(), Error> {
    const FIND: &str = "SELECT text, id FROM name WHERE text IN (SELECT value FROM json_each($1))";
    const LAST: &str = "SELECT coalesce(max(id), 0) FROM name";
    let of = |message: &&Message| {
        let providers = message.provider.clone();
        message.parties().map(str::to_owned).chain(providers).collect::<Vec<_>>()
    };
    let wanted: BTreeSet<String> =
        messages.iter().flat_map(of).filter(|name| !names.contains_key(name)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let json = serde_json::to_string(&wanted).map_err(Error::export)?;
    let found: Vec<(String, i64)> = writing.rows(FIND, params![json]).await?;
    names.extend(found);
    let last: Vec<(i64,)> = writing.rows(LAST, Vec::new()).await?;
    let mut next = last.first().map_or(0, |(last,)| *last);
    let mut rows = Vec::new();
    for name in wanted.into_iter().filter(|name| !names.contains_key(name)).collect::<Vec<_>>() {
        next += 1;
        rows.push(params![next, name.as_str()]);
        names.insert(name, next);
    }
    static MANY: LazyLock<String> = LazyLock::new(|| many("INSERT INTO name VALUES ", 2));
    insert(writing, &MANY, "INSERT INTO name VALUES ($1, $2)", rows).await
}

async fn write_messages(
    writing: &mut Transaction<'_>,
    messages: &[&Message],
    number: &impl Fn(&str) -> i64,
) -> Result<(), Error> {
    const ONE: &str = "INSERT OR REPLACE INTO message VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    static MANY: LazyLock<String> =
        LazyLock::new(|| many("INSERT OR REPLACE INTO message VALUES ", 9));
    let rows = messages.iter().map(|message| row(message, number)).collect();
    insert(writing, &MANY, ONE, rows).await
}

/// A message as it is stored.
fn row(message: &Message, number: &impl Fn(&str) -> i64) -> Vec<Param> {
    let first = message.events.iter().map(|event| event.at).min().unwrap_or_default();
    let packed = message.events.iter().map(|event| Packed {
        at: event.at,
        kind: event.kind,
        recipient: event.recipient.as_deref().map_or(0, |name| number(name).unsigned_abs()),
        related: event.related.clone(),
    });
    params![
        message.id.unwrap_or(0),
        first.timestamp_millis(),
        message.sender.as_deref().map(number),
        message.identifier.as_deref(),
        message.subject.as_deref(),
        message.provider.as_deref().map(number),
        message.login,
        message.queue.as_str(),
        pack(first, &packed.collect::<Vec<_>>()),
    ]
}

async fn write_segment(
    writing: &mut Transaction<'_>,
    messages: &[&Message],
    number: &impl Fn(&str) -> i64,
) -> Result<(), Error> {
    const NEXT: &str =
        "INSERT INTO segment SELECT coalesce(max(id), 0) + 1 FROM segment RETURNING id";
    const ONE: &str = "INSERT INTO posting VALUES ($1, $2, $3)";
    static MANY: LazyLock<String> = LazyLock::new(|| many("INSERT INTO posting VALUES ", 3));
    let mut postings: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
    for message in messages {
        let id = message.id.unwrap_or(0).unsigned_abs();
        for party in message.parties() {
            postings.entry(number(party)).or_default().insert(id);
        }
    }
    if postings.is_empty() {
        return Ok(());
    }
    let segment: Vec<(i64,)> = writing.rows(NEXT, Vec::new()).await?;
    let segment = segment.first().map_or(0, |(segment,)| *segment);
    let rows = postings.into_iter().map(|(name, ids)| {
        let ids: Vec<u64> = ids.into_iter().collect();
        params![segment, name, pack_ascending(&ids)]
    });
    insert(writing, &MANY, ONE, rows.collect()).await
}

async fn write_source(writing: &mut Transaction<'_>, source: &Source) -> Result<(), Error> {
    const WRITE: &str =
        "INSERT OR REPLACE INTO source VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let given = params![
        source.id,
        source.name.as_str(),
        stored(count(source.head.0)),
        source.head.1.as_slice(),
        stored(source.offset),
        source.tail.as_slice(),
        source.last_at.map(|at| at.timestamp_millis()),
        stored(source.counts.lines),
        stored(source.counts.kept),
        stored(source.counts.broken),
    ];
    writing.run(WRITE, given).await?;
    Ok(())
}

/// A statement that inserts [`ROWS`] rows.
fn many(head: &str, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("{head}{}", vec![row; ROWS].join(", "))
}

async fn insert(
    writing: &mut Transaction<'_>,
    many: &'static LazyLock<String>,
    one: &'static str,
    rows: Vec<Vec<Param>>,
) -> Result<(), Error> {
    let many = Statement { sqlite: many.as_str(), postgres: "" };
    let mut rows = rows.into_iter();
    let whole = rows.len() / ROWS;
    for _ in 0..whole {
        writing.run(many, rows.by_ref().take(ROWS).flatten().collect()).await?;
    }
    for row in rows {
        writing.run(one, row).await?;
    }
    Ok(())
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
