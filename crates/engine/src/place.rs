//! Where a store is: a folder on this machine, or a PostgreSQL database that services share.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use crate::{Error, Home};

/// What `--store` names. Neither its `Debug` nor its `Display` form shows a password.
#[derive(Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// The folder of an embedded store.
    Folder(PathBuf),
    /// A database, e.g. `postgres://tramonto@db.example/tramonto`.
    Postgres(Url),
}

impl StorePlace {
    /// The folder; a database is refused, for what only an embedded store has.
    pub fn home(&self) -> Result<Home, Error> {
        match self {
            Self::Folder(folder) => Ok(Home::new(folder)),
            Self::Postgres(_) => Err(Error::Usage(format!(
                "this command works on an embedded store, a folder, and {self} is a database; name a \
                 folder with --store"
            ))),
        }
    }
}

impl FromStr for StorePlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("name a folder, or a database as postgres://USER@HOST/NAME".to_owned());
        }
        if !text.contains("://") {
            return Ok(Self::Folder(text.into()));
        }
        // The text itself is not repeated: there may be a password in it.
        let url = Url::parse(text).map_err(|problem| {
            format!("that is no URL ({problem}); write postgres://USER@HOST/NAME")
        })?;
        if matches!(url.scheme(), "postgres" | "postgresql") {
            return Ok(Self::Postgres(url));
        }
        let scheme = url.scheme();
        Err(format!("a store can't be at {scheme}://; name a folder, or postgres://USER@HOST/NAME"))
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Postgres(url) => without_secrets(url).fmt(f),
        }
    }
}

impl fmt::Debug for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorePlace({self})")
    }
}

/// A URL as it may be shown: a password, and what stands behind a question mark, become `***`.
pub fn without_secrets(url: &Url) -> String {
    let mut shown = url.clone();
    // A URL that can't have a password has none to hide.
    if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
        return format!("{}:***", url.scheme());
    }
    let secret = |name: &str| matches!(name, "password" | "sslpassword" | "token");
    let hidden: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| {
            let value = if secret(&name) { "***".to_owned() } else { value.into_owned() };
            (name.into_owned(), value)
        })
        .collect();
    if !hidden.is_empty() {
        shown.query_pairs_mut().clear().extend_pairs(hidden);
    }
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for text in
            ["postgres://anna:secret@db/t?sslmode=require", "postgres://db/t?password=secret"]
        {
            let place: StorePlace = text.parse().unwrap();
            for shown in [place.to_string(), format!("{place:?}")] {
                assert!(!shown.contains("secret") && shown.contains("***"), "{shown}");
            }
        }
        let wrong = "mysql://anna:secret@db/t".parse::<StorePlace>().unwrap_err();
        assert!(!wrong.contains("secret"), "{wrong}");
    }

    #[test]
    fn a_path_is_a_folder_and_a_url_a_database() {
        assert_eq!("some/folder".parse(), Ok(StorePlace::Folder("some/folder".into())));
        let place: StorePlace = "postgresql://db/t".parse().unwrap();
        assert!(matches!(place, StorePlace::Postgres(_)));
        assert!(place.home().is_err());
    }
}
