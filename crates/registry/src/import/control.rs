//! The control file (`FILE.control`, or one that is named): the sender's statement of the file's
//! content. Checked before the first row is imported.
//!
//! Lines of `key = value`, with or without quotes: `rows`, `sha256` (of the file as delivered),
//! `registered` (rows without a day of activation), `activated` (rows with one); all are optional.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::records::Records;
use super::rows::{fields_of, read_header};
use super::{Error, source};

#[derive(Debug, Default, PartialEq, Eq)]
struct Control {
    rows: Option<u64>,
    sha256: Option<String>,
    registered: Option<u64>,
    activated: Option<u64>,
}

/// Checks a file against the named control file, which must exist, or else against the one beside
/// it, if there is one.
pub(super) fn check(
    file: &Path,
    named: Option<&Path>,
    sha256: &str,
    ignore_extra: bool,
) -> Result<(), Error> {
    let path = named.map_or_else(|| beside(file), Path::to_owned);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::unreadable(&path, error)),
    };
    let mismatch = |problem| Error::Control { path: path.clone(), problem };
    let control = parse(&text).map_err(mismatch)?;
    let mut problems = Vec::new();
    if let Some(expected) = control.sha256.filter(|expected| *expected != sha256) {
        problems.push(format!("its SHA-256 is {sha256}, not {expected}"));
    }
    if control.rows.or(control.registered).or(control.activated).is_some() {
        let (rows, activated) = count(file, ignore_extra)?;
        let counted = [
            ("rows", control.rows, rows),
            ("registered", control.registered, rows - activated),
            ("activated", control.activated, activated),
        ];
        for (key, expected, found) in counted {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                problems.push(format!("{key} is {found}, not {expected}"));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(mismatch(problems.join(", "))) }
}

fn beside(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".control");
    path.into()
}

fn parse(text: &str) -> Result<Control, String> {
    let mut control = Control::default();
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once('=').ok_or("it has a line without key = value")?;
        let value = value.trim().trim_matches('"');
        let count = || {
            let plain = value.replace('_', "");
            plain.parse().map(Some).map_err(|_no| format!("{} is not a whole number", key.trim()))
        };
        match key.trim() {
            "rows" => control.rows = count()?,
            "registered" => control.registered = count()?,
            "activated" => control.activated = count()?,
            "sha256" => control.sha256 = Some(value.to_ascii_lowercase()),
            other => {
                let other: String = other.escape_debug().take(40).collect();
                return Err(format!(
                    "unknown key {other}; expected rows, sha256, registered or activated"
                ));
            }
        }
    }
    Ok(control)
}

/// Counts all rows, and those with a day of activation.
fn count(file: &Path, ignore_extra: bool) -> Result<(u64, u64), Error> {
    let mut records = Records::new(source::open_file(file)?.text);
    let header = read_header(&mut records, ignore_extra)?;
    let [.., place, _, _] = header.places;
    let (mut rows, mut activated) = (0, 0);
    while let Some(record) = records.next().map_err(Error::Interrupted)? {
        rows += 1;
        let text = String::from_utf8_lossy(&record.bytes);
        let is_activated = fields_of(&text, &header, |fields| {
            fields.get(place).is_some_and(|field| !field.trim().is_empty())
        });
        activated += u64::from(is_activated.unwrap_or(false));
    }
    Ok((rows, activated))
}
