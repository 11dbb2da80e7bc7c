//! The view of rights with custom names, for mail servers whose queries cannot change.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The columns of the view `rights`, in order.
pub(super) const COLUMNS: [&str; 13] = [
    "number",
    "address",
    "can_send",
    "read_only",
    "can_receive",
    "can_login",
    "send_reason",
    "read_only_reason",
    "receive_reason",
    "login_reason",
    "password",
    "send_status",
    "receive_status",
];

/// Names used by the mail directory itself.
const TAKEN: [&str; 7] =
    ["directory", "clock", "mailbox", "armed", "decision", "refusal", "rights"];

/// The longest name that neither database truncates.
const LONGEST: usize = 63;

/// An SQL identifier: a letter or `_`, then letters, digits and `_`, 63 at most. It needs no
/// escaping within quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identifier(String);

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let sound = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && text.chars().all(plain)
            && text.len() <= LONGEST;
        if sound {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{:?} is not a name for a view or a column; write a letter, then letters, digits and \
             underscores, {LONGEST} at most",
            text.chars().take(LONGEST).collect::<String>()
        ))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A column under another name, written `address=username`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    column: &'static str,
    name: Identifier,
}

impl FromStr for Renamed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((column, name)) = text.split_once('=') else {
            return Err(format!(
                "{text:?} is not a renamed column; write a column and its new name, as \
                 address=username"
            ));
        };
        let known = COLUMNS.iter().find(|known| **known == column);
        let Some(column) = known else {
            let columns = COLUMNS.join(", ");
            return Err(format!("there is no column {column:?}; the columns are {columns}"));
        };
        if *column == "password" {
            return Err(
                "the column password cannot be renamed: Dovecot reads it by this name".to_owned()
            );
        }
        Ok(Self { column, name: name.parse()? })
    }
}

/// A view of the rights with custom table and column names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RightsView {
    name: Identifier,
    renamed: Vec<Renamed>,
}

impl RightsView {
    /// A view of this name; columns that are not renamed keep theirs.
    pub fn new(name: Identifier, renamed: Vec<Renamed>) -> Result<Self, String> {
        let lower = name.0.to_ascii_lowercase();
        if TAKEN.contains(&lower.as_str()) || lower.starts_with("sqlite_") {
            return Err(format!("{name} is reserved by the mail directory; choose another name"));
        }
        let view = Self { name, renamed };
        let mut names = BTreeSet::new();
        for column in COLUMNS {
            let name = view.column(column).to_ascii_lowercase();
            if !names.insert(name.clone()) {
                return Err(format!(
                    "two columns would be called {name}; give each a name of its own"
                ));
            }
        }
        Ok(view)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name.0
    }

    /// The name of a column of `rights` in the view.
    pub fn column<'a>(&'a self, column: &'a str) -> &'a str {
        let renamed = self.renamed.iter().rev().find(|renamed| renamed.column == column);
        renamed.map_or(column, |renamed| &renamed.name.0)
    }

    /// A query of `rights` rewritten for this view: every renamed identifier in it is replaced.
    pub fn lookup(&self, query: &str) -> String {
        let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let mut made = String::with_capacity(query.len());
        let mut rest = query;
        while let Some(start) = rest.find(word) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|letter| !word(letter)).unwrap_or(from.len());
            let (name, after) = from.split_at(end);
            made.push_str(before);
            made.push_str(if name == "rights" {
                self.name()
            } else if COLUMNS.contains(&name) {
                self.column(name)
            } else {
                name
            });
            rest = after;
        }
        made.push_str(rest);
        made
    }

    /// The columns of its `SELECT`.
    pub(super) fn select(&self) -> String {
        let columns = COLUMNS.map(|column| format!("{column} AS \"{}\"", self.column(column)));
        columns.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, renamed: &[&str]) -> Result<RightsView, String> {
        let renamed = renamed.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        RightsView::new(name.parse()?, renamed)
    }

    #[test]
    fn a_lookup_is_told_in_the_names_of_the_view() {
        let view = view("accounts", &["address=username", "send_reason=why"]).unwrap();
        let query = "SELECT '550 ' || send_status || ' ' || send_reason FROM rights WHERE address \
                     = '%s' AND NOT can_send";
        assert_eq!(
            view.lookup(query),
            "SELECT '550 ' || send_status || ' ' || why FROM accounts WHERE username = '%s' AND \
             NOT can_send"
        );
    }

    #[test]
    fn a_name_that_can_not_be_one_is_refused_with_what_would_be_right() {
        for (name, renamed, told) in [
            ("two words", &[][..], "not a name for a view"),
            ("\"; DROP TABLE mailbox", &[], "not a name for a view"),
            ("Rights", &[], "is reserved"),
            ("sqlite_accounts", &[], "is reserved"),
            ("accounts", &["address=a\"b"], "not a name for a view or a column"),
            ("accounts", &["mail=username"], "the columns are number, address"),
            ("accounts", &["address"], "as address=username"),
            ("accounts", &["password=pw"], "cannot be renamed"),
            ("accounts", &["address=NUMBER"], "two columns would be called number"),
        ] {
            let problem = view(name, renamed).unwrap_err();
            assert!(problem.contains(told), "{name}: {problem}");
        }
    }
}
