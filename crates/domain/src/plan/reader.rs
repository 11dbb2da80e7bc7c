//! A TOML document read value by value, each with its line, where every problem is kept and none stops
//! the reading. (serde stops at the first, and loses the lines.)

use std::ops::Range;

use chrono::{Datelike, NaiveDate};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::Key;
use super::problem::{PlanError, PlanWarning, Problem};

/// The years that a plan may speak of: a slip of the keyboard is outside, and so is what lies beyond 2099,
/// where the zone rules that are compiled in end and a summer's midnight would be an hour late.
const YEARS: Range<i32> = 1900..2100;

/// A plan is some kilobytes; a larger file is another one, such as a registry.
const LARGEST_FILE: usize = 1 << 20;

/// What follows the first few errors of syntax mostly follows from them.
const MOST_SYNTAX_ERRORS: usize = 10;

/// Longer than any sentence about a source.
const LONGEST_TEXT: usize = 1000;

/// Longer than any letter that is read to its end.
const LONGEST_LETTER: usize = 10_000;

/// A value and the line it stands on.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// What has been found so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
    problems: Vec<Problem>,
    warnings: Vec<PlanWarning>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect();
        Self { text, lines, problems: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(Problem { line, message: message.into() });
    }

    pub(super) fn warning(&mut self, line: usize, message: impl Into<String>) {
        self.warnings.push(PlanWarning { line, message: message.into() });
    }

    /// The document's table; `None`, with its problems kept, where it is not TOML.
    pub(super) fn document(&mut self) -> Option<DeTable<'t>> {
        if self.text.len() > LARGEST_FILE {
            let message = format!(
                "the file is larger than any plan ({LARGEST_FILE} bytes); name the plan's TOML file"
            );
            self.problem(1, message);
            return None;
        }
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in errors.iter().take(MOST_SYNTAX_ERRORS) {
            let line = error.span().map_or(1, |span| self.line(span.start));
            self.problem(line, format!("this is not TOML: {}", error.message()));
        }
        errors.is_empty().then(|| document.into_inner())
    }

    /// The plan, where nothing is wrong; otherwise everything that is.
    pub(super) fn finish<T>(
        mut self,
        file: &str,
        plan: Option<T>,
    ) -> Result<(T, Vec<PlanWarning>), PlanError> {
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

    /// Says that a value is of the wrong kind.
    pub(super) fn wrong_kind(&mut self, line: usize, key: Key, value: &DeValue<'t>) {
        let Key { name, example } = key;
        let kind = value.type_str();
        self.problem(
            line,
            format!("{name} can't be of type {kind}; write for example {name} = {example}"),
        );
    }

    /// A text that can be printed on a line: not empty, no control characters, not endless.
    pub(super) fn printable(&mut self, line: usize, key: Key, text: &str) -> Option<String> {
        let Key { name, example } = key;
        let text = text.trim();
        if text.is_empty() {
            self.problem(line, format!("{name} is empty; write for example {name} = {example}"));
        } else if text.chars().any(char::is_control) {
            self.problem(
                line,
                format!("{name} holds a control character; write it as one plain line"),
            );
        } else if text.chars().count() > LONGEST_TEXT {
            self.problem(
                line,
                format!("{name} is too long; write at most {LONGEST_TEXT} characters"),
            );
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// A text of several lines, without other control characters; not empty, not endless.
    pub(super) fn paragraphs(&mut self, line: usize, key: Key, text: &str) -> Option<String> {
        let Key { name, example } = key;
        let text = text.trim_end().trim_start_matches('\n');
        if text.is_empty() {
            self.problem(line, format!("{name} is empty; write for example {name} = {example}"));
        } else if text.chars().any(|letter| letter.is_control() && letter != '\n') {
            let message = format!("{name} holds a control character; write plain lines");
            self.problem(line, message);
        } else if text.chars().count() > LONGEST_LETTER {
            let message = format!("{name} is too long; write at most {LONGEST_LETTER} characters");
            self.problem(line, message);
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// The line on which these words stand, at or after a line; that line where they are written otherwise.
    pub(super) fn line_of(&self, line: usize, words: &str) -> usize {
        let start = line.checked_sub(1).and_then(|place| self.lines.get(place)).copied();
        let found = start.and_then(|start| Some(start + self.text.get(start..)?.find(words)?));
        found.map_or(line, |offset| self.line(offset))
    }

    /// A civil date, written as a TOML date or as a text of the same form.
    pub(super) fn date_from(&mut self, key: Key, value: &At<DeValue<'t>>) -> Option<At<NaiveDate>> {
        let line = value.line;
        let Key { name, example } = key;
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
        // The round trip refuses forms that chrono reads leniently, such as 2015-3-8.
        let date: Option<NaiveDate> = written.parse().ok();
        match date.filter(|date| date.to_string() == written) {
            Some(date) if YEARS.contains(&date.year()) => Some(At { line, value: date }),
            Some(date) => {
                let Range { start, end } = YEARS;
                self.problem(
                    line,
                    format!(
                        "{name} = {date} is out of range; write a date from {start} to {}",
                        end - 1
                    ),
                );
                None
            }
            None => {
                self.problem(
                    line,
                    format!(
                        "{name} = {written} is no civil date; write the day alone, for example {name} = {example}"
                    ),
                );
                None
            }
        }
    }
}
