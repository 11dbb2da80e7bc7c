//! Entries as a table for people: CSV that an Italian spreadsheet opens as it is.

use chrono::{DateTime, Utc};
use csv::{Terminator, WriterBuilder};

use crate::{Entry, Error};

/// Without it, a spreadsheet takes the text for windows-1252.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// What a spreadsheet takes for the beginning of a formula, in either width.
const FORMULA: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The entries as CSV.
pub(crate) fn csv(
    entries: &[Entry],
    shown: impl Fn(DateTime<Utc>) -> String,
) -> Result<Vec<u8>, Error> {
    let failed = |error: csv::Error| Error::Extract(error.to_string());
    let mut writer = WriterBuilder::new()
        .delimiter(b';')
        .terminator(Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.to_vec());
    let head =
        ["message_id", "at", "sender", "recipients", "subject", "event", "related", "provider"];
    writer.write_record(head).map_err(failed)?;
    for entry in entries {
        let row = [
            harmless(&entry.message_id),
            shown(entry.at),
            harmless(entry.sender.as_deref().unwrap_or_default()),
            harmless(&entry.recipients.join(" ")),
            harmless(entry.subject.as_deref().unwrap_or_default()),
            entry.kind.name().to_owned(),
            harmless(&entry.related.join(" ")),
            harmless(entry.provider.as_deref().unwrap_or_default()),
        ];
        writer.write_record(&row).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| Error::Extract(error.to_string()))
}

/// A subject comes from anybody: it must not become a formula on the holder's machine.
fn harmless(text: &str) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn no_cell_is_a_formula_and_every_text_is_one_cell() {
        let entry = |subject: &str| Entry {
            message_id: "-1+1@mail.example".to_owned(),
            at: DateTime::UNIX_EPOCH,
            sender: Some("a@b.example".to_owned()),
            recipients: vec!["c@d.example".to_owned(), "e@f.example".to_owned()],
            subject: Some(subject.to_owned()),
            kind: Kind::Delivered,
            related: Vec::new(),
            provider: None,
        };
        let entries =
            ["=HYPERLINK(\"http://evil.example\")", "@SUM(1)", "due; \"tre\"\nquattro", "Perché"]
                .map(entry);
        let bytes = csv(&entries, |at| at.to_rfc3339()).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let text = text.strip_prefix('\u{feff}').unwrap();
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let subjects: Vec<_> = rows.iter().map(|row| row.get(4).unwrap()).collect();
        let expected =
            ["'=HYPERLINK(\"http://evil.example\")", "'@SUM(1)", "due; \"tre\"\nquattro", "Perché"];
        assert_eq!(subjects, expected);
        assert_eq!(rows[0].get(0), Some("'-1+1@mail.example"));
        assert_eq!(rows[0].get(3), Some("c@d.example e@f.example"));
    }
}
