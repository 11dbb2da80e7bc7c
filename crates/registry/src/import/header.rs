//! The header line: the separator of fields, and the order of columns.

use domain::Registration;

use super::Error;

/// The layout of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) delimiter: u8,
    /// Fields per row.
    pub(super) fields: usize,
    /// The index of each of [`Registration::COLUMNS`] in a row.
    pub(super) places: [usize; 9],
}

impl Header {
    pub(super) fn read(line: &[u8], ignore_extra: bool) -> Result<Self, Error> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") || line.contains(&0) {
            return Err(unusable(
                "it is not text in UTF-8 or windows-1252 (UTF-16 perhaps); convert it first",
            ));
        }
        let line = String::from_utf8_lossy(line);
        let count = |character| line.matches(character).count();
        let delimiter = if count(';') > count(',') { ';' } else { ',' };
        let names: Vec<String> = line
            .split(delimiter)
            .map(|name| name.trim_matches(['"', ' ']).to_lowercase())
            .collect();
        let place = |column: &&str| names.iter().position(|name| name == column);
        let missing: Vec<&str> =
            Registration::COLUMNS.into_iter().filter(|column| place(column).is_none()).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(unusable(&format!(
                "line 1 has no column {missing}; expected columns, separated by `,` or `;`: {}",
                Registration::COLUMNS.join(", ")
            )));
        }
        let known = |name: &&String| Registration::COLUMNS.contains(&name.as_str());
        for column in Registration::COLUMNS {
            if names.iter().filter(|name| *name == column).count() > 1 {
                return Err(unusable(&format!("line 1 has the column {column} twice")));
            }
        }
        let extra: Vec<&str> =
            names.iter().filter(|name| !known(name)).map(String::as_str).collect();
        if !extra.is_empty() && !ignore_extra {
            return Err(unusable(&format!(
                "line 1 has unknown columns ({}); remove them or use --ignore-extra",
                extra.join(", ").escape_debug().take(200).collect::<String>()
            )));
        }
        let places = Registration::COLUMNS.map(|column| place(&column).unwrap_or(usize::MAX));
        let delimiter = if delimiter == ';' { b';' } else { b',' };
        Ok(Self { delimiter, fields: names.len(), places })
    }
}

fn unusable(problem: &str) -> Error {
    Error::Unusable(problem.to_owned())
}
