//! The message logs of a store: the index of mail logs, and the exports of log requests.
//!
//! Invariant: they are kept in a folder, that of an embedded store or a named one, never in a
//! database that services share.

use std::sync::Arc;

use archive::{Archive, Holder, Index};
use eventstore::Journal;
use registry::Registry;

use super::{Store, StoreSettings};
use crate::{Error, Home, StoreUrl};

impl StoreSettings {
    /// The folder of the mail-log index and of the exports.
    pub fn archive_home(&self) -> Result<Home, Error> {
        match (&self.archive, &self.url) {
            (Some(folder), _) => Ok(Home::new(folder)),
            (None, StoreUrl::Folder(_)) => self.home(),
            (None, StoreUrl::Postgres(_)) => Err(Error::Invalid(
                "the index of mail logs is kept in a folder, not in a database; name it with \
                 --archive"
                    .to_owned(),
            )),
        }
    }

    /// Whether the folder of the message logs is known.
    pub fn has_archive(&self) -> bool {
        self.archive.is_some() || matches!(self.url, StoreUrl::Folder(_))
    }

    /// Opens the message logs over an open event log; creates them where they are missing.
    pub async fn open_archive(&self, journal: Arc<Journal>) -> Result<Archive, Error> {
        let home = self.archive_home()?;
        home.create()?;
        let index = Index::open(&home.archive()).await?;
        Ok(Archive::new(journal, index, self.keyring()?, home.exports()))
    }
}

impl Store {
    /// The message logs.
    pub async fn archive(&self) -> Result<&Archive, Error> {
        let open = || self.settings.open_archive(Arc::clone(&self.journal));
        self.archive.get_or_try_init(open).await
    }
}

/// The holder of a mailbox, and whether the registry has an address for notices.
pub(crate) async fn holder(registry: &Registry, number: u32) -> Result<(Holder, bool), Error> {
    let entry = registry.find(number).await?.ok_or_else(|| {
        Error::NotFound("the registry no longer has the mailbox's holder".to_owned())
    })?;
    let of = entry.registration;
    let codice_fiscale = of.codice_fiscale.as_str().to_owned();
    Ok((Holder { address: of.address, codice_fiscale }, of.notify_email.is_some()))
}
