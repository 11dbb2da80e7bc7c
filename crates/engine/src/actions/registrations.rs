//! Registrations: one by itself, its activation, or a registry file.

use std::path::PathBuf;

use chrono::NaiveDate;
use domain::Plan;
use eventstore::Origin;
use registry::{Encoding, ImportRequest, Progress, Registered, Row, Source, Summary};
use views::RegistrationRecorded;

use super::{At, Convergent};
use crate::Error;
use crate::store::Store;

/// Records one registration: an import of one row. The same row again changes nothing.
pub struct Register {
    /// The row.
    pub registration: Row,
}

/// Records the day on which a registration was activated.
pub struct Activate {
    /// The id of the registration in its registry.
    pub registration_id: String,
    /// The day.
    pub activated_on: NaiveDate,
}

/// Imports a registry file. The same file again changes nothing.
pub struct ImportRegistry<'a> {
    /// The file.
    pub source: Source,
    /// Its encoding.
    pub encoding: Encoding,
    /// Where rejected rows go.
    pub rejects: PathBuf,
    /// Whether unknown columns are skipped.
    pub ignore_extra: bool,
    /// Takes the progress after each batch.
    pub progress: &'a mut (dyn FnMut(Progress) + Send),
}

impl Convergent for ImportRegistry<'_> {
    const DONE: &'static str = "imported";
    type Result = Summary;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<Summary>, Error> {
        let Self { source, encoding, rejects, ignore_extra, progress } = self;
        let plan = plan_of(store).await?;
        let request = ImportRequest {
            source,
            rejects: Some(rejects),
            encoding,
            ignore_extra,
            plan: &plan,
            now: store.journal().now(),
            actor: &by.actor,
            reason: by.reason.as_deref(),
            progress,
        };
        let summary = registry::import(&**store.log(), store.registry().await?, request).await?;
        Ok(At { result: summary, position: store.log().head().await? })
    }
}

impl Convergent for Register {
    const DONE: &'static str = "registered";
    type Result = RegistrationRecorded;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<RegistrationRecorded>, Error> {
        record(store, by, &self.registration).await
    }
}

impl Convergent for Activate {
    const DONE: &'static str = "activated";
    type Result = RegistrationRecorded;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<RegistrationRecorded>, Error> {
        let Self { registration_id, activated_on } = self;
        let found = store.registry().await?.find_registration(&registration_id).await?;
        let known = found.ok_or_else(|| {
            Error::NotFound("no registration has this registration_id; register it first".into())
        })?;
        let known = known.registration;
        if known.activated_on.is_some_and(|day| day != activated_on) {
            return Err(Error::Refused("the mailbox was activated on another day already".into()));
        }
        let row = Row { activated_on: activated_on.to_string(), ..Row::from(&known) };
        record(store, by, &row).await
    }
}

async fn record(store: &Store, by: &Origin, row: &Row) -> Result<At<RegistrationRecorded>, Error> {
    let (registry, plan) = (store.registry().await?, plan_of(store).await?);
    let by = (&*by.actor, by.reason.as_deref());
    let now = store.journal().now();
    let registered = registry::register(&**store.log(), registry, row, (&plan, now), by).await?;
    let new = match registered {
        Registered::Accepted | Registered::Changed => true,
        Registered::Unchanged => false,
        Registered::Rejected(invalid) => {
            return Err(Error::Refused(format!("the registration is refused: {invalid}")));
        }
    };
    let position = store.log().head().await?;
    Ok(At { result: RegistrationRecorded { new }, position })
}

async fn plan_of(store: &Store) -> Result<Plan, Error> {
    let snapshot = store.journal().state().await?;
    snapshot.plan().cloned().ok_or_else(|| {
        Error::Unavailable(
            "no plan is adopted; run `tramonto plan adopt FILE --reason TEXT`".into(),
        )
    })
}
