//! Where a platform's own table of messages is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use archive::LogTable;
use sql::{PostgresUrl, TableName};

use crate::Error;

const FORM: &str = "write postgres://USER@HOST/NAME#SCHEMA.TABLE, or FILE#TABLE for a SQLite file";

/// A table or view, and the database that it is in. No form of it shows a password.
#[derive(Clone, PartialEq, Eq)]
pub enum LogTableUrl {
    /// In a `SQLite` file.
    File(PathBuf, TableName),
    /// In a `PostgreSQL` database.
    Postgres(PostgresUrl, TableName),
}

impl LogTableUrl {
    /// Opens the table, which is only read.
    pub(crate) async fn open(&self, password: Option<&str>) -> Result<LogTable, Error> {
        Ok(match self {
            Self::File(path, table) => LogTable::open(path, table.clone()).await?,
            Self::Postgres(url, table) => {
                let options = url.connect_options(password, None).map_err(Error::Invalid)?;
                LogTable::connect(options, table.clone()).await?
            }
        })
    }
}

impl FromStr for LogTableUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text itself is not repeated: there may be a password in it.
        let (database, table) =
            text.rsplit_once('#').ok_or_else(|| format!("no table is named; {FORM}"))?;
        let table = table.parse()?;
        if database.is_empty() {
            return Err(format!("no database is named; {FORM}"));
        }
        if !database.contains("://") {
            return Ok(Self::File(database.into(), table));
        }
        let url: Result<PostgresUrl, String> = database.parse();
        Ok(Self::Postgres(url.map_err(|problem| format!("{problem}#SCHEMA.TABLE"))?, table))
    }
}

impl fmt::Display for LogTableUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, table) => write!(f, "{}#{table}", path.display()),
            Self::Postgres(url, table) => write!(f, "{url}#{table}"),
        }
    }
}

impl fmt::Debug for LogTableUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogTableUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_behind_its_database_and_no_password_is_shown() {
        let place: LogTableUrl = "postgres://anna:secret@db/mail#pec.log".parse().unwrap();
        for shown in [place.to_string(), format!("{place:?}")] {
            assert!(shown.contains("***") && shown.contains("#pec.log"), "{shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
        let place: LogTableUrl = "some/a#b.db#log".parse().unwrap();
        assert_eq!(place, LogTableUrl::File("some/a#b.db".into(), "log".parse().unwrap()));
        for wrong in ["mail.db", "#log", "mail.db#", "mail.db#a;b", "mysql://anna:secret@db/t#log"]
        {
            let told = wrong.parse::<LogTableUrl>().unwrap_err();
            assert!(told.contains("write ") && !told.contains("secret"), "{told}");
        }
    }
}
