//! Where a store is: a folder of this machine, or a `PostgreSQL` database that services share.
//!
//! Invariant: neither `Debug` nor `Display` shows a password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

/// What `--store` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// The folder of an embedded store.
    Folder(PathBuf),
    /// A database.
    Postgres(PostgresUrl),
}

/// The URL of a database, e.g. `postgres://tramonto@db.example/tramonto`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

impl PostgresUrl {
    /// How to connect: the URL, a password that is kept elsewhere, and the certificate authority
    /// that must have issued the server's certificate.
    pub fn connect_options(
        &self,
        password: Option<&str>,
        authority: Option<&Path>,
    ) -> Result<PgConnectOptions, String> {
        // The library's own message may hold the URL.
        let mut options: PgConnectOptions = self.0.as_str().parse().map_err(|_hidden| {
            format!("{self} is not the URL of a database; write postgres://USER@HOST/NAME")
        })?;
        options = options.application_name("tramonto");
        if let Some(password) = password {
            options = options.password(password);
        }
        if let Some(authority) = authority {
            options = options.ssl_root_cert(authority).ssl_mode(PgSslMode::VerifyFull);
        }
        Ok(options)
    }
}

impl FromStr for PostgresUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text itself is not repeated: it may hold a password.
        let url = Url::parse(text)
            .map_err(|problem| format!("not a URL ({problem}); write postgres://USER@HOST/NAME"))?;
        match url.scheme() {
            "postgres" | "postgresql" => Ok(Self(url)),
            scheme => Err(format!("{scheme}:// is not supported; write postgres://USER@HOST/NAME")),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("name a folder, or a database as postgres://USER@HOST/NAME".to_owned());
        }
        if !text.contains("://") {
            return Ok(Self::Folder(text.into()));
        }
        text.parse().map(Self::Postgres).map_err(|problem: String| format!("{problem} or a folder"))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// A URL as it may be shown: its password, and secrets among its parameters, become `***`.
pub fn without_secrets(url: &Url) -> String {
    let mut shown = url.clone();
    // A URL that cannot have a password has none to hide.
    if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
        return format!("{}:***", url.scheme());
    }
    let is_secret = |name: &str| matches!(name, "password" | "sslpassword" | "token");
    let masked = url.query_pairs().map(|(name, value)| {
        let value = if is_secret(&name) { "***".to_owned() } else { value.into_owned() };
        (name.into_owned(), value)
    });
    let masked: Vec<(String, String)> = masked.collect();
    if !masked.is_empty() {
        shown.query_pairs_mut().clear().extend_pairs(masked);
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
            let url: StoreUrl = text.parse().unwrap();
            for shown in [url.to_string(), format!("{url:?}")] {
                assert!(!shown.contains("secret") && shown.contains("***"), "{shown}");
            }
        }
        let wrong = "mysql://anna:secret@db/t".parse::<StoreUrl>().unwrap_err();
        assert!(!wrong.contains("secret"), "{wrong}");
    }

    #[test]
    fn a_path_is_a_folder_and_a_url_a_database() {
        assert_eq!("some/folder".parse(), Ok(StoreUrl::Folder("some/folder".into())));
        let url: StoreUrl = "postgresql://db/t".parse().unwrap();
        let StoreUrl::Postgres(url) = url else { panic!("{url:?}") };
        let options = url.connect_options(Some("secret"), None).unwrap();
        assert_eq!((options.get_host(), options.get_database()), ("db", Some("t")));
    }
}
