//! Where a store is and what opens it, as plain settings: no command line, no environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::KeySource;
use crate::{Error, Home, StorePlace, without_secrets};

/// A store and what opens it.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The folder or the database.
    pub place: StorePlace,
    /// The password of the database user.
    pub password: Option<SecretString>,
    /// The certificate authority of the database (PEM); with it, the server's name is verified too.
    pub root_certificate: Option<PathBuf>,
    /// The programme's keys; `None` for those in the folder of the store.
    pub keys: Option<KeySource>,
    /// The folder of the mail-log index and the exports; `None` for that of the store.
    pub archive: Option<PathBuf>,
}

impl StoreSettings {
    /// The settings of an embedded store with its own keys.
    pub fn embedded(folder: impl Into<PathBuf>) -> Self {
        let place = StorePlace::Folder(folder.into());
        Self { place, password: None, root_certificate: None, keys: None, archive: None }
    }

    /// The folder of an embedded store; a database is refused.
    pub fn home(&self) -> Result<Home, Error> {
        self.place.home()
    }

    /// The options that connect to the database; a folder is refused.
    pub fn connect_options(&self) -> Result<PgConnectOptions, Error> {
        let StorePlace::Postgres(url) = &self.place else {
            return Err(Error::Invalid(format!(
                "{} is a folder, not a database; name one with --store postgres://USER@HOST/NAME",
                self.place
            )));
        };
        let options = connect_options(url, self.password.as_ref())?;
        let Some(authority) = &self.root_certificate else { return Ok(options) };
        expect_certificates(authority)?;
        Ok(options.ssl_root_cert(authority).ssl_mode(PgSslMode::VerifyFull))
    }

    /// The messages of the intake, for writing.
    pub async fn open_messages(&self) -> Result<intake::Store, Error> {
        Ok(match &self.place {
            StorePlace::Folder(_) => {
                let home = self.home()?;
                home.expect_store()?;
                intake::Store::open(&home.intake()).await?
            }
            StorePlace::Postgres(_) => intake::Store::connect(self.connect_options()?).await?,
        })
    }

    /// The messages of the intake, for reading; `None` where none ever came.
    pub async fn open_messages_to_read(&self) -> Result<Option<intake::Store>, Error> {
        if matches!(self.place, StorePlace::Postgres(_)) {
            return Ok(Some(intake::Store::connect(self.connect_options()?).await?));
        }
        let home = self.home()?;
        home.expect_store()?;
        if !home.intake().exists() {
            return Ok(None);
        }
        Ok(Some(intake::Store::open_read_only(&home.intake()).await?))
    }
}

/// The options that connect to a database.
pub fn connect_options(
    url: &Url,
    password: Option<&SecretString>,
) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url.as_str()).map_err(|_hidden: sqlx::Error| {
        // The library's own words can hold the URL.
        let shown = without_secrets(url);
        Error::Invalid(format!(
            "{shown} is not the URL of a database; write postgres://USER@HOST/NAME"
        ))
    })?;
    let options = options.application_name("tramonto");
    Ok(match password {
        Some(password) => options.password(password.expose_secret()),
        None => options,
    })
}

/// Checks that a file holds PEM certificates; the TLS libraries would only report an unreachable
/// server.
pub fn expect_certificates(file: &Path) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::File {
        path: file.to_owned(),
        advice: "the certificates cannot be read; check the path and the file's permissions"
            .to_owned(),
        source,
    })?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{} holds no certificate; name the file (PEM) with the certificate of the authority",
        file.display()
    )))
}
