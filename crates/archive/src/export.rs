//! A message-log export: the log entries of one mailbox, as its holder receives them.
//!
//! A ZIP file of four: `messages.csv` for spreadsheets, `messages.json` for programs,
//! `manifest.json` with counts, period and the SHA-256 of both, and `manifest.jws`, the programme's
//! signature of the manifest's SHA-256.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use domain::{MailboxId, ProgrammeId};
use keyring::Keyring;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::table::csv;
use crate::{Entry, Error, Kind};

/// The `typ` of a manifest's signature.
pub const SIGNED_AS: &str = "log-export+jwt";
/// The permissions of unpacked files: private to their owner.
const MODE: u32 = 0o600;

/// The subject of an export.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The programme.
    pub programme: ProgrammeId,
    /// The log request.
    pub request: Uuid,
    /// The mailbox's number.
    pub number: u32,
    /// The mailbox's address.
    pub address: String,
    /// The first requested civil day.
    pub from: Option<NaiveDate>,
    /// The last requested civil day.
    pub through: Option<NaiveDate>,
    /// The zone of shown instants.
    pub zone: Tz,
}

/// A packed export.
#[derive(Debug)]
pub struct Export {
    /// The ZIP file.
    pub bytes: Vec<u8>,
    /// The number of files in it.
    pub files: u32,
    /// The number of entries.
    pub rows: u64,
    /// The instant of the first.
    pub first: Option<DateTime<Utc>>,
    /// The instant of the last.
    pub last: Option<DateTime<Utc>>,
    /// SHA-256 of the ZIP file, in hexadecimal.
    pub sha256: String,
}

#[derive(Serialize)]
struct Row<'a> {
    message_id: &'a str,
    at: String,
    sender: Option<&'a str>,
    recipients: &'a [String],
    subject: Option<&'a str>,
    event: Kind,
    related: &'a [String],
    provider: Option<&'a str>,
}

#[derive(Serialize)]
struct Manifest<'a> {
    programme: &'a ProgrammeId,
    request: Uuid,
    mailbox: MailboxId,
    address: &'a str,
    prepared_at: String,
    zone: &'static str,
    asked_from: Option<NaiveDate>,
    asked_through: Option<NaiveDate>,
    rows: u64,
    first: Option<String>,
    last: Option<String>,
    events: BTreeMap<&'static str, u64>,
    files: Vec<FileEntry>,
}

#[derive(Serialize)]
struct FileEntry {
    name: &'static str,
    form: &'static str,
    bytes: usize,
    sha256: String,
}

/// The signed claims.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a ProgrammeId,
    iat: i64,
    request: Uuid,
    rows: u64,
    manifest_sha256: String,
}

impl Export {
    /// Packs and signs log entries.
    pub fn pack(
        subject: &Subject,
        entries: &[Entry],
        keys: &Keyring,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let shown = |at: DateTime<Utc>| {
            at.with_timezone(&subject.zone).to_rfc3339_opts(SecondsFormat::Millis, false)
        };
        let rows: Vec<Row<'_>> = entries
            .iter()
            .map(|entry| Row {
                message_id: &entry.message_id,
                at: shown(entry.at),
                sender: entry.sender.as_deref(),
                recipients: &entry.recipients,
                subject: entry.subject.as_deref(),
                event: entry.kind,
                related: &entry.related,
                provider: entry.provider.as_deref(),
            })
            .collect();
        let table = csv(entries, shown)?;
        let json = json(&rows)?;
        let mut events = BTreeMap::new();
        for entry in entries {
            *events.entry(entry.kind.name()).or_default() += 1;
        }
        let describe = |name, form, bytes: &[u8]| FileEntry {
            name,
            form,
            bytes: bytes.len(),
            sha256: sha256(bytes),
        };
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let (first, last) = (entries.first().map(|it| it.at), entries.last().map(|it| it.at));
        let manifest = json_of(&Manifest {
            programme: &subject.programme,
            request: subject.request,
            mailbox: MailboxId::new(&subject.programme, subject.number),
            address: &subject.address,
            prepared_at: shown(now),
            zone: subject.zone.name(),
            asked_from: subject.from,
            asked_through: subject.through,
            rows: count,
            first: first.map(shown),
            last: last.map(shown),
            events,
            files: vec![
                describe(
                    "messages.csv",
                    "CSV, UTF-8 with byte order mark, semicolons, CRLF; a text that a spreadsheet \
                     would take for a formula has an apostrophe before it",
                    &table,
                ),
                describe("messages.json", "JSON, UTF-8, every text as it was logged", &json),
            ],
        })?;
        let signature = keys.sign(
            SIGNED_AS,
            &Claims {
                iss: &subject.programme,
                iat: now.timestamp(),
                request: subject.request,
                rows: count,
                manifest_sha256: sha256(&manifest),
            },
            now,
        )?;
        let files: [(&str, &[u8]); 4] = [
            ("messages.csv", &table),
            ("messages.json", &json),
            ("manifest.json", &manifest),
            ("manifest.jws", signature.as_bytes()),
        ];
        let bytes = zipped(&files).map_err(Error::export)?;
        let sha256 = sha256(&bytes);
        Ok(Self { bytes, files: 4, rows: count, first, last, sha256 })
    }
}

fn zipped(files: &[(&str, &[u8])]) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(MODE);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn json(rows: &[Row<'_>]) -> Result<Vec<u8>, Error> {
    // One entry per line, so that large exports can be read line by line.
    let mut text = b"[".to_vec();
    for (index, row) in rows.iter().enumerate() {
        text.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        let row = serde_json::to_vec(row).map_err(Error::export)?;
        text.extend_from_slice(&row);
    }
    text.extend_from_slice(b"\n]\n");
    Ok(text)
}

fn json_of(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec_pretty(value).map_err(Error::export)
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
