//! One table of a TOML document: known keys are taken and checked for their type; keys left at the
//! end are unknown.

use std::ops::RangeInclusive;

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::near;
use super::reader::{At, Reader, all};

/// A key and an example value; for a section, its heading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(pub(super) &'static str, pub(super) &'static str);

/// The keys of the plan itself, to detect one written below a heading.
const PLAN_KEYS: [&str; 14] = [
    "programme",
    "title",
    "zone",
    "sources",
    "in-service",
    "phase",
    "vouchers",
    "recurring",
    "drift",
    "retry",
    "refusals",
    "notice",
    "canaries",
    "message-logs",
];

/// A table of the document.
pub(super) struct Section<'t> {
    name: &'static str,
    pub(super) line: usize,
    /// Keys that were not taken yet.
    left: Vec<(At<String>, At<DeValue<'t>>)>,
    /// Keys that were asked for.
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    /// Wraps a table.
    pub(super) fn new(
        reader: &Reader<'t>,
        Key(_, name): Key,
        line: usize,
        table: DeTable<'t>,
    ) -> Self {
        let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'t>>)| {
            let At { line, value: key } = reader.at(key);
            (At { line, value: String::from(key) }, reader.at(value))
        };
        Self { name, line, left: table.into_iter().map(entry).collect(), known: Vec::new() }
    }

    /// Is the key present and not taken yet?
    pub(super) fn has(&mut self, key: Key) -> bool {
        self.index(key).is_some()
    }

    fn index(&mut self, Key(name, _): Key) -> Option<usize> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.left.iter().position(|(written, _)| written.value == name)
    }

    /// Takes an optional value.
    pub(super) fn optional(&mut self, key: Key) -> Option<At<DeValue<'t>>> {
        let index = self.index(key)?;
        Some(self.left.remove(index).1)
    }

    /// Takes a required value; a missing one is a problem.
    pub(super) fn required(
        &mut self,
        reader: &mut Reader<'t>,
        key: Key,
    ) -> Option<At<DeValue<'t>>> {
        let value = self.optional(key);
        if value.is_none() {
            let Key(name, example) = key;
            let section = self.name;
            reader.problem(
                self.line,
                format!("{section} has no {name}; add for example {name} = {example}"),
            );
        }
        value
    }

    /// Takes a required string of one line.
    pub(super) fn text(&mut self, reader: &mut Reader<'t>, key: Key) -> Option<At<String>> {
        self.string(reader, key, Reader::printable)
    }

    /// Takes a required string of one or more lines.
    pub(super) fn paragraphs(&mut self, reader: &mut Reader<'t>, key: Key) -> Option<At<String>> {
        self.string(reader, key, Reader::paragraphs)
    }

    fn string(
        &mut self,
        reader: &mut Reader<'t>,
        key: Key,
        check: impl FnOnce(&mut Reader<'t>, usize, Key, &str) -> Option<String>,
    ) -> Option<At<String>> {
        let At { line, value } = self.required(reader, key)?;
        let Some(text) = value.as_str() else {
            reader.wrong_kind(line, key, &value);
            return None;
        };
        check(reader, line, key, text).map(|value| At { line, value })
    }

    /// Takes a required string and parses it.
    pub(super) fn parsed<T, E: ToString>(
        &mut self,
        reader: &mut Reader<'t>,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        let At { line, value } = self.text(reader, key)?;
        let value = reader.checked(line, parse(&value))?;
        Some(At { line, value })
    }

    /// Takes a required list of strings, which may be empty.
    pub(super) fn required_texts(
        &mut self,
        reader: &mut Reader<'t>,
        key: Key,
    ) -> Option<Vec<At<String>>> {
        let value = self.required(reader, key)?;
        texts(reader, key, value)
    }

    /// Takes an optional list of strings, empty if missing; `None` if it or a member is invalid.
    pub(super) fn texts(&mut self, reader: &mut Reader<'t>, key: Key) -> Option<Vec<At<String>>> {
        match self.optional(key) {
            Some(value) => texts(reader, key, value),
            None => Some(Vec::new()),
        }
    }

    /// Takes every string under a key of two lower-case letters, in the order of the file; `None`
    /// if one is invalid.
    pub(super) fn languages(
        &mut self,
        reader: &mut Reader<'t>,
    ) -> Option<Vec<At<(String, String)>>> {
        let language =
            |name: &str| name.len() == 2 && name.bytes().all(|letter| letter.is_ascii_lowercase());
        let (texts, left) = std::mem::take(&mut self.left)
            .into_iter()
            .partition::<Vec<_>, _>(|(name, _)| language(&name.value));
        self.left = left;
        self.known.extend(["it", "en"]);
        all(texts.into_iter().map(|(At { value: name, .. }, At { line, value })| {
            let Some(text) = value.as_str() else {
                let kind = value.type_str();
                reader.problem(line, format!("{name} has type {kind}; write a string"));
                return None;
            };
            let key = Key("the text", r#""this mailbox is closed""#);
            let text = reader.printable(line, key, text)?;
            Some(At { line, value: (name, text) })
        }))
    }

    /// Takes a required civil date.
    pub(super) fn date(&mut self, reader: &mut Reader<'t>, key: Key) -> Option<At<NaiveDate>> {
        let value = self.required(reader, key)?;
        reader.date_from(key, &value)
    }

    /// Takes an optional civil date; an invalid one is a problem and counts as missing.
    pub(super) fn optional_date(
        &mut self,
        reader: &mut Reader<'t>,
        key: Key,
    ) -> Option<At<NaiveDate>> {
        let value = self.optional(key)?;
        reader.date_from(key, &value)
    }

    /// Takes an optional boolean, `false` if missing.
    pub(super) fn flag(&mut self, reader: &mut Reader<'t>, key: Key) -> Option<At<bool>> {
        let line = self.line;
        let Some(At { line, value }) = self.optional(key) else {
            return Some(At { line, value: false });
        };
        if value.as_bool().is_none() {
            reader.wrong_kind(line, key, &value);
        }
        value.as_bool().map(|value| At { line, value })
    }

    /// Takes an optional whole number within a range, or a default.
    pub(super) fn number(
        &mut self,
        reader: &mut Reader<'t>,
        key: Key,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> Option<At<u32>> {
        let line = self.line;
        let Some(At { line, value }) = self.optional(key) else {
            return Some(At { line, value: default });
        };
        let Some(written) = value.as_integer() else {
            reader.wrong_kind(line, key, &value);
            return None;
        };
        let number = u32::from_str_radix(written.as_str(), written.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (Key(name, _), least, most) = (key, range.start(), range.end());
            reader.problem(
                line,
                format!(
                    "{name} = {written} is out of range; write a number from {least} to {most}"
                ),
            );
        }
        number.map(|value| At { line, value })
    }

    /// Takes a required sub-table.
    pub(super) fn required_table(&mut self, reader: &mut Reader<'t>, key: Key) -> Option<Self> {
        if !self.has(key) {
            let message = format!("{} has no section {}; add it", self.name, key.1);
            reader.problem(self.line, message);
        }
        self.table(reader, key)
    }

    /// Takes an optional sub-table.
    pub(super) fn table(&mut self, reader: &mut Reader<'t>, key: Key) -> Option<Self> {
        let At { line, value } = self.optional(key)?;
        let Key(name, section) = key;
        let DeValue::Table(table) = value else {
            let kind = value.type_str();
            let message = format!("{name} has type {kind}; write it once, as a section {section}");
            reader.problem(line, message);
            return None;
        };
        Some(Self::new(reader, key, line, table))
    }

    /// Takes all sub-tables of a name, in the order of the file; `None` if the value is not a list.
    pub(super) fn tables(&mut self, reader: &mut Reader<'t>, key: Key) -> Option<Vec<Self>> {
        let Some(At { line, value }) = self.optional(key) else { return Some(Vec::new()) };
        let Key(name, section) = key;
        let DeValue::Array(array) = value else {
            let message =
                format!("{name} is a list: write its section with two brackets, {section}");
            reader.problem(line, message);
            return None;
        };
        let mut tables = Vec::with_capacity(array.len());
        let empty = array.is_empty();
        for element in array {
            match reader.at(element) {
                At { line, value: DeValue::Table(table) } => {
                    tables.push(Self::new(reader, key, line, table));
                }
                At { line, value } => {
                    let kind = value.type_str();
                    let message =
                        format!("{name} holds a value of type {kind}; write sections {section}");
                    reader.problem(line, message);
                }
            }
        }
        (empty || !tables.is_empty()).then_some(tables)
    }

    /// Reports every key that was not taken as unknown, with a suggestion.
    pub(super) fn finish(self, reader: &mut Reader<'t>) {
        let names = || self.known.iter().copied();
        for (At { line, value: key }, _) in &self.left {
            let section = self.name;
            let suggestion = match near::word(key, names()) {
                Some(name) => format!("did you mean {name}?"),
                // In TOML, a key after a heading belongs to that section.
                None if PLAN_KEYS.contains(&key.as_str()) => {
                    format!("{key} belongs to the plan: write it above the first section")
                }
                None => format!("its keys are {}", self.known.join(", ")),
            };
            let key: String = key.chars().take(60).collect();
            reader.problem(*line, format!("{section} has no key {key:?}; {suggestion}"));
        }
    }
}

fn texts<'t>(reader: &mut Reader<'t>, key: Key, value: At<DeValue<'t>>) -> Option<Vec<At<String>>> {
    let At { line, value } = value;
    let DeValue::Array(array) = value else {
        reader.wrong_kind(line, key, &value);
        return None;
    };
    all(array.into_iter().map(|element| {
        let At { line, value } = reader.at(element);
        let Some(text) = value.as_str() else {
            reader.wrong_kind(line, key, &value);
            return None;
        };
        let value = reader.printable(line, key, text)?;
        Some(At { line, value })
    }))
}
