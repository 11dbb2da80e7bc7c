//! A single registration: validated, decided and written like a file of one row. Only the rows that
//! it may be or collide with are read.

use chrono::{DateTime, Utc};
use domain::{InvalidRegistration, Plan, Registration, RegistrationRules, RegistryImported};
use eventstore::EventStore;
use sha2::{Digest, Sha256};

use super::known::Known;
use super::rows::FileRow;
use super::running::{By, Context};
use super::{Error, SIZES};
use crate::Registry;
use crate::store::digest;

/// The fields of a registration, as in a row of a registry file. Personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// The registry's id of it.
    pub registration_id: String,
    /// The holder.
    pub codice_fiscale: String,
    /// The holder's surname.
    pub surname: String,
    /// The holder's given names.
    pub name: String,
    /// The address.
    pub address: String,
    /// The day of the request.
    pub requested_on: String,
    /// The day of activation; empty if not activated.
    pub activated_on: String,
    /// The day of the last message sent; empty if none.
    pub last_sent_on: String,
    /// An address for notices; empty if none.
    pub notify_email: String,
}

/// The outcome of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// It is new.
    Accepted,
    /// It is known, without a change.
    Unchanged,
    /// It is known, with a change.
    Changed,
    /// It breaks a rule; nothing was written.
    Rejected(InvalidRegistration),
}

impl Row {
    fn fields(&self) -> [&str; 9] {
        [
            &self.registration_id,
            &self.codice_fiscale,
            &self.surname,
            &self.name,
            &self.address,
            &self.requested_on,
            &self.activated_on,
            &self.last_sent_on,
            &self.notify_email,
        ]
    }

    /// Its identity, by which its import is resumed after a crash.
    fn identity(&self) -> String {
        format!("{:x}", Sha256::digest(self.fields().join("\n")))
    }
}

impl From<&Registration> for Row {
    fn from(known: &Registration) -> Self {
        let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
        Self {
            registration_id: known.registration_id.clone(),
            codice_fiscale: known.codice_fiscale.to_string(),
            surname: known.surname.clone(),
            name: known.name.clone(),
            address: known.address.clone(),
            requested_on: known.requested_on.to_string(),
            activated_on: day(known.activated_on).unwrap_or_default(),
            last_sent_on: day(known.last_sent_on).unwrap_or_default(),
            notify_email: known.notify_email.clone().unwrap_or_default(),
        }
    }
}

/// Writes one registration, if it is valid.
pub async fn register(
    store: &dyn EventStore,
    registry: &Registry,
    row: &Row,
    (plan, now): (&Plan, DateTime<Utc>),
    (actor, reason): (&str, Option<&str>),
) -> Result<Registered, Error> {
    let context = Context { store, registry, plan, now, by: By { actor, reason }, sizes: SIZES };
    let importing = context.importing().await?;
    let registration = match Registration::check(&row.fields(), &RegistrationRules::new(plan, now))
    {
        Ok(registration) => registration,
        Err(invalid) => return Ok(Registered::Rejected(invalid)),
    };
    let identity = row.identity();
    let (import, again) = context.state(&identity).await?;
    let known = Known::like(registry, &registration).await?;
    let mut running = context.begin(importing, known, &import, again).await?;
    let digest = digest(&registration);
    // There is no file of rejects: the sender gets the reason.
    let row = FileRow { line: 1, raw: String::new(), checked: Ok((registration, digest)) };
    let rejected = running.batch(vec![row]).await?.pop();
    running.summary.balance.sha256 = identity;
    let RegistryImported { accepted, changed, .. } =
        running.finish(true, || Ok(None)).await?.balance;
    Ok(match rejected {
        Some(rejected) => Registered::Rejected(rejected.invalid),
        None if accepted > 0 => Registered::Accepted,
        None if changed > 0 => Registered::Changed,
        None => Registered::Unchanged,
    })
}
