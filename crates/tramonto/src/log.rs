//! The log of a store, wherever it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use eventstore::{Clock, EventStore, PostgresStore, SqliteStore};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::Error;
use crate::StorePlace;
use crate::cli::Global;
use engine::without_secrets;

/// A password where no file names one.
const PASSWORD: &str = "TRAMONTO_STORE_PASSWORD";

/// The password of the platform's table of messages, where no file names one.
pub(crate) const LOG_TABLE_PASSWORD: &str = "TRAMONTO_LOG_TABLE_PASSWORD";

/// An open log.
#[derive(Clone)]
pub(crate) enum Log {
    /// A file of an embedded store.
    Sqlite(SqliteStore),
    /// A database that services share.
    Postgres(PostgresStore),
}

impl Log {
    /// The log, whatever it is kept in.
    pub(crate) fn port(&self) -> Arc<dyn EventStore> {
        match self {
            Self::Sqlite(log) => Arc::new(log.clone()),
            Self::Postgres(log) => Arc::new(log.clone()),
        }
    }

    /// Carries out what is queued and closes it.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(log) => log.close().await,
            Self::Postgres(log) => log.close().await,
        }
    }

    /// Opens an embedded log for looking only, and a shared one as the database's roles allow.
    pub(crate) async fn open_to_look(
        global: &Global,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let StorePlace::Postgres(url) = &global.store else {
            let path = embedded(global)?;
            return Ok(Self::Sqlite(SqliteStore::open_read_only(&path, clock).await?));
        };
        Self::shared(global, url, clock).await
    }

    /// Opens a log for decisions.
    pub(crate) async fn open_to_decide(
        global: &Global,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let StorePlace::Postgres(url) = &global.store else {
            return Ok(Self::Sqlite(SqliteStore::open(&embedded(global)?, clock).await?));
        };
        Self::shared(global, url, clock).await
    }

    async fn shared(global: &Global, url: &Url, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let options = postgres_options(global, url)?;
        Ok(Self::Postgres(PostgresStore::connect(options, clock).await?))
    }
}

/// The file of an embedded log, which must be there.
fn embedded(global: &Global) -> Result<PathBuf, Error> {
    let home = global.home()?;
    home.expect_store()?;
    Ok(home.log())
}

/// How the database of a store is reached: the URL, and what belongs to it and is kept elsewhere.
pub(crate) fn postgres_options(global: &Global, url: &Url) -> Result<PgConnectOptions, Error> {
    let password = password(global.store_password_file.as_deref(), PASSWORD)?;
    let mut options = reached(url, password.as_ref())?;
    if let Some(authority) = &global.store_root_certificate {
        expect_certificates(authority)?;
        options = options.ssl_root_cert(authority).ssl_mode(PgSslMode::VerifyFull);
    }
    Ok(options)
}

/// How a database is reached.
pub(crate) fn reached(
    url: &Url,
    password: Option<&SecretString>,
) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url.as_str()).map_err(|_hidden: sqlx::Error| {
        // The library's own words can hold the URL.
        let shown = without_secrets(url);
        Error::Usage(format!(
            "{shown} is no address of a database; write postgres://USER@HOST/NAME"
        ))
    })?;
    let options = options.application_name("tramonto");
    Ok(match password {
        Some(password) => options.password(password.expose_secret()),
        None => options,
    })
}

/// Holds the file certificates that can be read? The libraries would say that the server can't be reached.
pub(crate) fn expect_certificates(file: &Path) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::File {
        path: file.to_owned(),
        advice: "the certificates can't be read; look at the path and the rights of the file"
            .to_owned(),
        source,
    })?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} holds no certificate; name the file (PEM) with the one of the authority",
        file.display()
    )))
}

/// A secret from the file that holds it, or else from a variable of the environment.
pub(crate) fn password(file: Option<&Path>, variable: &str) -> Result<Option<SecretString>, Error> {
    let Some(file) = file else {
        return Ok(std::env::var(variable).ok().map(SecretString::from));
    };
    let text = fs::read_to_string(file).map_err(|source| Error::File {
        path: file.to_owned(),
        advice: "the secret can't be read; look at the path and the rights of the file".to_owned(),
        source,
    })?;
    Ok(Some(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())))
}
