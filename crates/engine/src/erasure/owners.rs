//! Each owner of personal data, and how holders are erased from it.

use std::collections::BTreeMap;

use platform::Directory;

use super::Whose;
use crate::{Error, Home};

/// An owner of personal data.
pub(super) enum Owner<'a> {
    /// The index of mail logs, and the folder of its exports.
    MailLogs(&'a Home),
    /// The messages of the intake.
    Messages(&'a intake::Store),
    /// The mail directory.
    Directory(&'a Directory),
    /// The registry.
    Registry,
}

impl Owner<'_> {
    /// Erases holders and adds to `erased` how much there was, by the name of what held it.
    pub(super) async fn erase(
        &self,
        whose: &Whose<'_>,
        erased: &mut BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        let pending = whose.pending;
        let (name, gone) = match self {
            Self::MailLogs(home) => return erase_mail_logs(home, whose, erased).await,
            // Once the programme has ended, no message is of any use: all of them go.
            Self::Messages(messages) if pending.ended => ("messages", messages.erase_all().await?),
            Self::Messages(messages) => {
                let identifiers = whose.identifiers().await?;
                ("messages", messages.erase(&pending.holders, &identifiers).await?)
            }
            Self::Directory(directory) => ("directory", directory.erase(&pending.holders).await?),
            Self::Registry => ("registry", whose.registry.erase(&pending.holders).await?),
        };
        erased.insert(name.to_owned(), gone);
        Ok(())
    }
}

async fn erase_mail_logs(
    home: &Home,
    whose: &Whose<'_>,
    erased: &mut BTreeMap<String, u64>,
) -> Result<(), Error> {
    let index = archive::Index::open(&home.archive()).await?;
    let gone = erase_from(&index, home, whose).await;
    if let Err(error) = index.close().await {
        tracing::warn!(%error, "the index of mail logs could not be closed");
    }
    let gone = gone?;
    erased.insert("exports".to_owned(), gone.exports);
    if gone.withdrawn > 0 {
        erased.insert("withdrawn-exports".to_owned(), gone.withdrawn);
    }
    Ok(())
}

async fn erase_from(
    index: &archive::Index,
    home: &Home,
    whose: &Whose<'_>,
) -> Result<archive::ErasedExports, Error> {
    let pending = whose.pending;
    let held = index.held().await?;
    let anything = held.messages + held.links > 0;
    if pending.ended && !pending.logs_destroyed && anything {
        return Err(Error::Refused(
            "the mail logs still exist; destroy them first: tramonto mail-log destroy".to_owned(),
        ));
    }
    let named = anything || !pending.ended;
    let addresses = if named { whose.addresses().await? } else { Vec::new() };
    let known_by = if named { whose.identifiers().await? } else { Vec::new() };
    let keys = whose.settings.keyring()?;
    let theirs = archive::ErasureSubjects {
        numbers: &pending.holders,
        addresses: &addresses,
        known_by: &known_by,
        keys: &keys,
        requests: &pending.requests,
    };
    Ok(archive::erase(index, &home.exports(), theirs).await?)
}
