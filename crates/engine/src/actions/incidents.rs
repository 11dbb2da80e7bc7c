//! Decisions about incidents: effects that failed permanently.

use domain::{Event, IncidentKey, IncidentResolved, IncidentRetried, MailboxSet, State};
use eventstore::incident_stream;
use views::{IncidentResolution, IncidentRetry};

use super::decide::touched;
use super::{Action, At, Caller};
use crate::store::Store;
use crate::{Error, MailboxRef};

/// Tries the mailboxes of an incident again.
pub struct RetryIncident {
    /// Which incident.
    pub incident: IncidentKey,
    /// Only this mailbox; `None` for all of them.
    pub mailbox: Option<MailboxRef>,
}

/// Accepts that the open mailboxes of an incident stay failed.
pub struct ResolveIncident {
    /// Which incident.
    pub incident: IncidentKey,
}

impl Action for RetryIncident {
    const DONE: &'static str = "incident-retried";
    type Result = IncidentRetry;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<IncidentRetry>, Error> {
        let Self { incident, mailbox } = self;
        let only = store.number_of_some(mailbox.as_ref()).await?;
        let IncidentKey { phase, cause } = incident.clone();
        let decide = |state: &State, _| {
            let found = state.failures.incidents.get(&incident);
            let all = found.map(|found| &found.open | &found.resolved).unwrap_or_default();
            let mailboxes = match only {
                Some(number) if all.contains(number) => MailboxSet::from(number),
                Some(_) => MailboxSet::new(),
                None => MailboxSet::from(all),
            };
            expect_any(&incident, &mailboxes)?;
            let (phase, cause) = (phase.clone(), cause.clone());
            Ok(vec![Event::IncidentRetried(IncidentRetried { phase, cause, mailboxes })])
        };
        let decided = store.decide(caller, incident_stream(store.programme())?, decide).await?;
        let decided = decided.led_to(|event| {
            matches!(event, Event::IncidentRetried(IncidentRetried { phase, cause, .. })
                if (phase, cause) == (&incident.phase, &incident.cause))
        })?;
        let mailboxes = touched(&decided.events);
        Ok(decided.with(IncidentRetry { incident, mailboxes }))
    }
}

impl Action for ResolveIncident {
    const DONE: &'static str = "incident-resolved";
    type Result = IncidentResolution;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<IncidentResolution>, Error> {
        let incident = self.incident;
        let IncidentKey { phase, cause } = incident.clone();
        let decide = |state: &State, _| {
            let found = state.failures.incidents.get(&incident);
            let open = found.map(|found| found.open.clone()).unwrap_or_default();
            let mailboxes = MailboxSet::from(open);
            expect_any(&incident, &mailboxes)?;
            let (phase, cause) = (phase.clone(), cause.clone());
            Ok(vec![Event::IncidentResolved(IncidentResolved { phase, cause, mailboxes })])
        };
        let decided = store.decide(caller, incident_stream(store.programme())?, decide).await?;
        let decided = decided.led_to(|event| {
            matches!(event, Event::IncidentResolved(IncidentResolved { phase, cause, .. })
                if (phase, cause) == (&incident.phase, &incident.cause))
        })?;
        let mailboxes = touched(&decided.events);
        Ok(decided.with(IncidentResolution { incident, mailboxes }))
    }
}

fn expect_any(incident: &IncidentKey, mailboxes: &MailboxSet) -> Result<(), Error> {
    if !mailboxes.is_empty() {
        return Ok(());
    }
    Err(Error::NotFound(format!(
        "incident {incident} has no such mailbox; list incidents with `tramonto incident list`"
    )))
}
