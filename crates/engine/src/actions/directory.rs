//! The mail directory: a view of its rights, and rebuilding a lost one from the log and the
//! registry.
//!
//! Invariant: the file gets its name only once it holds every right as the log has it, so that an
//! interrupted rebuild never leaves a directory that allows what has ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{Capabilities, Capability, MailboxSet, Plan, State};
use platform::{Directory, EffectKey, Mode, Platform, Right, RightsView, SetRights};
use roaring::RoaringBitmap;

use crate::Error;
use crate::provisioning::Provision;
use crate::store::{Store, StoreSettings};

/// A directory that was created.
pub struct DirectoryRebuilt {
    /// Its file.
    pub file: PathBuf,
    /// How many activated mailboxes it holds.
    pub mailboxes: u64,
}

/// Creates the mail directory of an embedded store, which must be missing.
pub async fn rebuild(settings: &StoreSettings) -> Result<DirectoryRebuilt, Error> {
    let home = settings.home()?;
    home.expect_store()?;
    let _lock = home.lock()?;
    let path = home.directory();
    if path.exists() {
        return Err(Error::Refused(format!(
            "{} exists and is never overwritten; move the file away first",
            path.display()
        )));
    }
    let store = Store::open_to_read(settings.clone()).await?;
    let (journal, registry) = (Arc::clone(store.journal()), Arc::clone(store.registry().await?));
    let draft = Draft::at(&path)?;
    let directory = Arc::new(Directory::create(&draft.0, Mode::Production).await?);
    let mut provision =
        Provision::new(Arc::clone(&journal), registry, Arc::<Directory>::clone(&directory));
    provision.tick().await?;
    drop(provision);
    let (calls, mailboxes) = {
        let state = journal.state().await?;
        let plan = state.plan();
        let calls = plan.map(|plan| calls(&state, plan, journal.now())).unwrap_or_default();
        (calls, state.rights.activated.len())
    };
    for call in calls {
        directory.set(&call).await?;
    }
    store.close().await?;
    if let Some(directory) = Arc::into_inner(directory) {
        directory.close().await?;
    }
    draft.rename_to(&path)?;
    Ok(DirectoryRebuilt { file: path, mailboxes })
}

/// Creates a view of the rights with other names, or replaces it.
pub async fn create_view(settings: &StoreSettings, view: &RightsView) -> Result<(), Error> {
    let directory = settings.open_directory().await?;
    directory.make_view(view).await?;
    Ok(directory.close().await?)
}

/// The calls that give a directory that allows everything the rights of the log.
fn calls(state: &State, plan: &Plan, now: chrono::DateTime<chrono::Utc>) -> Vec<SetRights> {
    let key = EffectKey {
        programme: plan.programme.clone(),
        revision: state.programme.revision(),
        phase: None,
    };
    let rights = &state.rights;
    let call = |capability: Capability, mailboxes: RoaringBitmap, right| SetRights {
        key: key.clone(),
        mailboxes: MailboxSet::from(mailboxes),
        capabilities: Capabilities::from(capability),
        right,
        // A new directory: nothing was decided in it before.
        decided_at: 0,
    };
    let mut calls = Vec::new();
    for capability in Capabilities::OF_PLATFORM.iter() {
        let closed = &rights.activated - rights.open(capability);
        calls.push(call(capability, closed, Right::Until(now)));
        let armed = rights.armed(capability);
        calls.extend(armed.map(|(until, set)| call(capability, set.clone(), Right::Until(until))));
    }
    calls
}

/// A directory under its temporary name.
struct Draft(PathBuf);

impl Draft {
    fn at(path: &Path) -> Result<Self, Error> {
        let mut name = path.as_os_str().to_owned();
        name.push(".rebuilding");
        let draft = Self(name.into());
        draft.remove()?;
        Ok(draft)
    }

    /// Removes the files of an earlier attempt.
    fn remove(&self) -> Result<(), Error> {
        for more in ["-shm", "-wal", ""] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(more);
            match fs::remove_file(&name) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(Path::new(&name), source));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn rename_to(self, path: &Path) -> Result<(), Error> {
        fs::rename(&self.0, path).map_err(|source| failed(path, source))?;
        // Its write-ahead log, which is empty.
        self.remove()
    }
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    let advice = "cannot replace the mail directory; check the permissions of its folder";
    Error::file(path, advice)(source)
}
