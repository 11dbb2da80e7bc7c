//! Entries as CSV that an Italian spreadsheet opens directly.

use chrono::{DateTime, Utc};
use csv::{Terminator, WriterBuilder};

use crate::{Entry, Error};

/// Without it spreadsheets assume windows-1252.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Characters that start a formula in a spreadsheet, also in full width.
const FORMULA: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The entries as CSV.
pub(crate) fn csv(
    entries: &[Entry],
    shown: impl Fn(DateTime<Utc>) -> String,
) -> Result<Vec<u8>, Error> {
    let mut writer = WriterBuilder::new()
        .delimiter(b';')
        .terminator(Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.to_vec());
    let head =
        ["message_id", "at", "sender", "recipients", "subject", "event", "related", "provider"];
    writer.write_record(head).map_err(Error::export)?;
    for entry in entries {
        let row = [
            escaped(&entry.message_id),
            shown(entry.at),
            escaped(entry.sender.as_deref().unwrap_or_default()),
            escaped(&entry.recipients.join(" ")),
            escaped(entry.subject.as_deref().unwrap_or_default()),
            entry.kind.name().to_owned(),
            escaped(&entry.related.join(" ")),
            escaped(entry.provider.as_deref().unwrap_or_default()),
        ];
        writer.write_record(&row).map_err(Error::export)?;
    }
    writer.into_inner().map_err(Error::export)
}

/// Neutralises formulas: subjects are written by strangers.
fn escaped(text: &str) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn formulas_are_neutralised_and_every_text_is_one_cell() {
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
