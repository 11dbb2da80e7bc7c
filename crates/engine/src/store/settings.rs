//! Where a store is and what opens it, as plain settings: no command line, no environment.

use std::fs;
use std::path::{Path, PathBuf};

use platform::Directory;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::KeySource;
use crate::{Error, Home, StoreUrl};

/// A store and what opens it.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The folder or the database.
    pub url: StoreUrl,
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
        let url = StoreUrl::Folder(folder.into());
        Self { url, password: None, root_certificate: None, keys: None, archive: None }
    }

    /// The folder of an embedded store; a database is refused.
    pub fn home(&self) -> Result<Home, Error> {
        match &self.url {
            StoreUrl::Folder(folder) => Ok(Home::new(folder)),
            url @ StoreUrl::Postgres(_) => Err(Error::Invalid(format!(
                "this command works on an embedded store, a folder, and {url} is a database; name \
                 a folder with --store"
            ))),
        }
    }

    /// The options that connect to the database; a folder is refused.
    pub fn connect_options(&self) -> Result<PgConnectOptions, Error> {
        let StoreUrl::Postgres(url) = &self.url else {
            return Err(Error::Invalid(format!(
                "{} is a folder, not a database; name one with --store postgres://USER@HOST/NAME",
                self.url
            )));
        };
        if let Some(authority) = &self.root_certificate {
            expect_certificates(authority)?;
        }
        let password = self.password.as_ref().map(ExposeSecret::expose_secret);
        url.connect_options(password, self.root_certificate.as_deref()).map_err(Error::Invalid)
    }

    /// The mail directory, which must exist.
    pub async fn open_directory(&self) -> Result<Directory, Error> {
        Ok(match &self.url {
            StoreUrl::Folder(_) => Directory::open(&self.home()?.directory()).await?,
            StoreUrl::Postgres(_) => Directory::connect(self.connect_options()?).await?,
        })
    }

    /// The messages of the intake, for writing.
    pub async fn open_messages(&self) -> Result<intake::Store, Error> {
        Ok(match &self.url {
            StoreUrl::Folder(_) => {
                let home = self.home()?;
                home.expect_store()?;
                intake::Store::open(&home.intake()).await?
            }
            StoreUrl::Postgres(_) => intake::Store::connect(self.connect_options()?).await?,
        })
    }

    /// The messages of the intake, for reading; `None` where none was ever received.
    pub async fn open_messages_to_read(&self) -> Result<Option<intake::Store>, Error> {
        if matches!(self.url, StoreUrl::Postgres(_)) {
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

/// Checks that a file holds PEM certificates; the TLS libraries would only report an unreachable
/// server.
pub fn expect_certificates(file: &Path) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(Error::file(
        file,
        "the certificates cannot be read; check the path and the file's permissions",
    ))?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{} holds no certificate; name the file (PEM) with the certificate of the authority",
        file.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_no_database_and_a_database_no_folder() {
        let folder = StoreSettings::embedded("some/folder");
        assert!(folder.home().is_ok() && folder.connect_options().is_err());
        let database = StoreSettings { url: "postgresql://db/t".parse().unwrap(), ..folder };
        assert!(database.home().is_err() && database.connect_options().is_ok());
    }
}
