//! Each owner of personal data, as the erasure drives it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use keyring::Keyring;
use platform::Directory;

use super::{Erase, Whose};
use crate::store::StoreSettings;
use crate::{Error, Home, StoreUrl};

/// The index of mail logs, and the folder of its exports.
pub(super) struct MailLogIndex {
    index: archive::Index,
    exports: PathBuf,
    keys: Keyring,
}

impl MailLogIndex {
    pub(super) async fn open(home: &Home, keys: Keyring) -> Result<Self, Error> {
        let index = archive::Index::open(&home.archive()).await?;
        Ok(Self { index, exports: home.exports(), keys })
    }
}

#[async_trait]
impl Erase for MailLogIndex {
    async fn erase(
        &self,
        whose: &Whose<'_>,
        erased: &mut BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        let pending = whose.pending;
        let held = self.index.held().await?;
        let anything = held.messages + held.links > 0;
        if pending.ended && !pending.logs_destroyed && anything {
            return Err(Error::Refused(
                "the mail logs still exist; destroy them first: tramonto mail-log destroy"
                    .to_owned(),
            ));
        }
        let named = anything || !pending.ended;
        let addresses = if named { whose.addresses().await? } else { Vec::new() };
        let known_by = if named { whose.identifiers().await? } else { Vec::new() };
        let theirs = archive::ErasureSubjects {
            numbers: &pending.holders,
            addresses: &addresses,
            known_by: &known_by,
            keys: &self.keys,
            requests: &pending.requests,
        };
        let gone = archive::erase(&self.index, &self.exports, theirs).await?;
        erased.insert("exports".to_owned(), gone.exports);
        if gone.withdrawn > 0 {
            erased.insert("withdrawn-exports".to_owned(), gone.withdrawn);
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(self.index.close().await?)
    }
}

/// The messages of the intake. Once the programme has ended none is of any use, so all of them go.
pub(super) struct Messages(intake::Store);

impl Messages {
    /// `None` where no message was ever received.
    pub(super) async fn open(settings: &StoreSettings) -> Result<Option<Self>, Error> {
        if matches!(settings.url, StoreUrl::Folder(_)) && !settings.home()?.intake().exists() {
            return Ok(None);
        }
        Ok(Some(Self(settings.open_messages().await?)))
    }
}

#[async_trait]
impl Erase for Messages {
    async fn erase(
        &self,
        whose: &Whose<'_>,
        erased: &mut BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        let gone = if whose.pending.ended {
            self.0.erase_all().await?
        } else {
            self.0.erase(&whose.pending.holders, &whose.identifiers().await?).await?
        };
        erased.insert("messages".to_owned(), gone);
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(self.0.close().await?)
    }
}

/// The mail directory.
pub(super) struct Rights(Directory);

impl Rights {
    /// `None` where there is none.
    pub(super) async fn open(settings: &StoreSettings) -> Result<Option<Self>, Error> {
        let in_folder = matches!(settings.url, StoreUrl::Folder(_));
        if in_folder && !settings.home()?.directory().exists() {
            return Ok(None);
        }
        Ok(Some(Self(settings.open_directory().await?)))
    }
}

#[async_trait]
impl Erase for Rights {
    async fn erase(
        &self,
        whose: &Whose<'_>,
        erased: &mut BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        let addresses = self.0.erase(&whose.pending.holders).await?;
        erased.insert("directory".to_owned(), addresses);
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(self.0.close().await?)
    }
}

/// The registry. It belongs to the store, which closes it.
pub(super) struct Holders;

#[async_trait]
impl Erase for Holders {
    async fn erase(
        &self,
        whose: &Whose<'_>,
        erased: &mut BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        let rows = whose.registry.erase(&whose.pending.holders).await?;
        erased.insert("registry".to_owned(), rows);
        Ok(())
    }
}
