//! Reads a TOML document value by value, with line numbers, and collects every problem. (serde
//! stops at the first problem and loses the lines.)

use std::ops::Range;

use chrono::{Datelike, NaiveDate};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{PlanDiagnostic, PlanError};
use super::section::Key;

/// Valid years of a plan. The compiled time zone rules end with 2099; later, midnight in summer
/// would be an hour late.
const YEARS: Range<i32> = 1900..2100;

/// A plan has some kilobytes; a larger file is not a plan but, for example, a registry.
const LARGEST_FILE: usize = 1 << 20;

/// Later syntax errors are usually consequences of the first ones.
const MOST_SYNTAX_ERRORS: usize = 10;

/// Characters in a one-line string.
const LONGEST_TEXT: usize = 1000;

/// Characters in a text of several lines.
const LONGEST_LETTER: usize = 10_000;

/// A value and its line.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// All values; `None` if one has a problem. Each is read first, so that all problems are reported.
pub(super) fn all<T>(values: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let values: Vec<Option<T>> = values.collect();
    values.into_iter().collect()
}

/// A document, with the problems and warnings found so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// The offset of each line.
    lines: Vec<usize>,
    problems: Vec<PlanDiagnostic>,
    warnings: Vec<PlanDiagnostic>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect();
        Self { text, lines, problems: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(PlanDiagnostic { line, message: message.into() });
    }

    pub(super) fn warning(&mut self, line: usize, message: impl Into<String>) {
        self.warnings.push(PlanDiagnostic { line, message: message.into() });
    }

    /// The value; an error is a problem of this line.
    pub(super) fn checked<T>(&mut self, line: usize, value: Result<T, impl ToString>) -> Option<T> {
        value.map_err(|error| self.problem(line, error.to_string())).ok()
    }

    /// Parses the document; `None`, with problems, if it is not TOML.
    pub(super) fn document(&mut self) -> Option<DeTable<'t>> {
        if self.text.len() > LARGEST_FILE {
            let message = format!(
                "the file is larger than {LARGEST_FILE} bytes and cannot be a plan; name the \
                 plan's TOML file"
            );
            self.problem(1, message);
            return None;
        }
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in errors.iter().take(MOST_SYNTAX_ERRORS) {
            let line = error.span().map_or(1, |span| self.line(span.start));
            self.problem(line, format!("invalid TOML: {}", error.message()));
        }
        errors.is_empty().then(|| document.into_inner())
    }

    /// The plan and its warnings, or all problems.
    pub(super) fn finish<T>(
        mut self,
        file: &str,
        plan: Option<T>,
    ) -> Result<(T, Vec<PlanDiagnostic>), PlanError> {
        self.warnings.sort_by_key(|notice| notice.line);
        match plan {
            Some(plan) if self.problems.is_empty() => Ok((plan, self.warnings)),
            _ => {
                self.problems.sort_by_key(|problem| problem.line);
                Err(PlanError { file: file.to_owned(), problems: self.problems })
            }
        }
    }

    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }

    pub(super) fn at<T>(&self, value: Spanned<T>) -> At<T> {
        At { line: self.line(value.span().start), value: value.into_inner() }
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong_kind(&mut self, line: usize, Key(name, example): Key, value: &DeValue<'t>) {
        let kind = value.type_str();
        self.problem(line, format!("{name} has type {kind}; write for example {name} = {example}"));
    }

    /// A non-empty line of bounded length without control characters.
    pub(super) fn printable(&mut self, line: usize, key: Key, text: &str) -> Option<String> {
        self.bounded(line, key, text.trim(), false)
    }

    /// A non-empty text of bounded length without control characters but line ends.
    pub(super) fn paragraphs(&mut self, line: usize, key: Key, text: &str) -> Option<String> {
        self.bounded(line, key, text.trim_end().trim_start_matches('\n'), true)
    }

    fn bounded(
        &mut self,
        line: usize,
        Key(name, example): Key,
        text: &str,
        of_lines: bool,
    ) -> Option<String> {
        let (longest, form) = if of_lines {
            (LONGEST_LETTER, "plain lines")
        } else {
            (LONGEST_TEXT, "one plain line")
        };
        let message = if text.is_empty() {
            format!("{name} is empty; write for example {name} = {example}")
        } else if text.chars().any(|letter| letter.is_control() && !(of_lines && letter == '\n')) {
            format!("{name} contains a control character; write {form}")
        } else if text.chars().count() > longest {
            format!("{name} is too long; write at most {longest} characters")
        } else {
            return Some(text.to_owned());
        };
        self.problem(line, message);
        None
    }

    /// The line of the first occurrence of `words` at or after `line`; `line` itself if there is
    /// none.
    pub(super) fn line_of(&self, line: usize, words: &str) -> usize {
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied();
        let found = start.and_then(|start| Some(start + self.text.get(start..)?.find(words)?));
        found.map_or(line, |offset| self.line(offset))
    }

    /// A civil date, written as a TOML date or as a string of the same form.
    pub(super) fn date_from(&mut self, key: Key, value: &At<DeValue<'t>>) -> Option<At<NaiveDate>> {
        let (line, Key(name, example)) = (value.line, key);
        let written = match &value.value {
            DeValue::Datetime(datetime) => datetime.to_string(),
            DeValue::String(text) => self.printable(line, key, text)?,
            other @ (DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_)) => {
                self.wrong_kind(line, key, other);
                return None;
            }
        };
        // The round trip rejects forms that chrono accepts leniently, such as 2015-3-8.
        let date: Option<NaiveDate> = written.parse().ok();
        let message = match date.filter(|date| date.to_string() == written) {
            Some(date) if YEARS.contains(&date.year()) => return Some(At { line, value: date }),
            Some(date) => {
                let Range { start, end } = YEARS;
                format!("{name} = {date} is out of range; write a date from {start} to {}", end - 1)
            }
            None => format!(
                "{name} = {written} is not a civil date; write for example {name} = {example}"
            ),
        };
        self.problem(line, message);
        None
    }
}
