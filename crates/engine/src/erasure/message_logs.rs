//! The folder of the mail logs. An erasure never skips them silently: their holders would be
//! reported as erased.

use std::path::PathBuf;

use domain::{LogStanding, State};

use super::Pending;
use crate::store::StoreSettings;
use crate::{Error, Home, StoreUrl};

/// The folder of the mail logs of a store.
pub struct MessageLogs {
    /// The folder; `None` where there never were any.
    folder: Option<Home>,
    /// Whether the caller states that there never were any.
    never: bool,
}

impl MessageLogs {
    /// Finds the folder: the one that is named, or the store's own.
    pub fn find(
        settings: &StoreSettings,
        named: Option<PathBuf>,
        never: bool,
    ) -> Result<Self, Error> {
        let is_named = named.is_some();
        let home = match (named, &settings.url) {
            (Some(folder), _) => Home::new(folder),
            (None, StoreUrl::Folder(folder)) => Home::new(folder.clone()),
            (None, StoreUrl::Postgres(_)) if never => return Ok(Self { folder: None, never }),
            (None, StoreUrl::Postgres(_)) => {
                return Err(Error::Invalid(
                    "mail logs are kept in a folder, not in a database; name it with --archive, or \
                     use --no-archive if no mail log was ever indexed"
                        .to_owned(),
                ));
            }
        };
        let exists = home.archive().exists() || home.exports().exists();
        let folder = match (exists, never) {
            (true, false) => Some(home),
            (true, true) => {
                return Err(Error::Invalid(
                    "the folder holds mail logs; omit --no-archive".to_owned(),
                ));
            }
            (false, false) if is_named => {
                return Err(Error::NotFound(
                    "the folder of --archive holds no mail logs; name the folder that does, or use \
                     --no-archive if no mail log was ever indexed"
                        .to_owned(),
                ));
            }
            (false, _) => None,
        };
        Ok(Self { folder, never })
    }

    /// The folder, where there is one.
    pub fn folder(&self) -> Option<&Home> {
        self.folder.as_ref()
    }

    /// The folder of the mail logs, or of those to come: a holder erased before any is indexed must
    /// not return with them.
    pub(crate) fn present_or_to_come(
        &self,
        settings: &StoreSettings,
        pending: &Pending,
    ) -> Result<Option<Home>, Error> {
        match (&self.folder, &settings.url) {
            (Some(home), _) => Ok(Some(home.clone())),
            (None, StoreUrl::Folder(_)) if pending.logs_may_come && !self.never => {
                settings.home().map(Some)
            }
            (None, StoreUrl::Folder(_) | StoreUrl::Postgres(_)) => Ok(None),
        }
    }

    /// Refuses to pass over mail logs that the event log knows of.
    pub(crate) fn expect_none_unknown(&self, state: &State) -> Result<(), Error> {
        let mut open = state.log_requests.open.values();
        let ready = open.any(|open| matches!(open.standing, LogStanding::Prepared { .. }));
        let kept =
            state.log_requests.destroyed.as_ref().is_some_and(|(_, gone)| !gone.kept.is_empty());
        if self.folder.is_none() && (ready || kept) {
            return Err(Error::Invalid(
                "mail logs exist: prepared exports, or logs kept by a hold; name their folder with \
                 --archive"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}
