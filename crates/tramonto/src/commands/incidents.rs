//! `tramonto incident`: what failed permanently, and what an operator does about it.

use engine::actions::incidents::{ResolveIncident, RetryIncident};

use super::act::{act, query};
use crate::Error;
use crate::cli::{Global, IncidentCommand};
use crate::output::Output;
use crate::output::text::{count, table, utc};

pub(super) async fn execute(command: IncidentCommand, global: &Global) -> Result<(), Error> {
    match command {
        IncidentCommand::List => list(global).await,
        IncidentCommand::Retry { key, mailbox, reason } => {
            act(RetryIncident { incident: key, mailbox }, &reason, global).await
        }
        IncidentCommand::Resolve { key, reason } => {
            act(ResolveIncident { incident: key }, &reason, global).await
        }
    }
}

async fn list(global: &Global) -> Result<(), Error> {
    let groups = query(global, async |store| store.incidents().await).await?;
    let mut out = Output::open();
    if global.json {
        return out.document(&groups);
    }
    if groups.is_empty() {
        return out.line("no incidents: nothing failed permanently");
    }
    let row = |group: &views::IncidentGroup| {
        vec![
            group.key.to_string(),
            group.capabilities.to_string(),
            count(group.open),
            count(group.resolved),
            group.attempts.to_string(),
            utc(group.first_seen),
            utc(group.last_seen),
        ]
    };
    let header = "incident | what | >open | >resolved | >attempts | first seen | last seen";
    out.text(table(header, groups.iter().map(row)))?;
    if groups.iter().any(|group| group.open > 0) {
        out.line("try them again with `tramonto incident retry INCIDENT --reason TEXT`")?;
    }
    Ok(())
}
