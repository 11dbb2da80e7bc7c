//! `tramonto incident`: what failed permanently, and what an operator does about it.

use engine::actions::incidents::{ResolveIncident, RetryIncident};
use views::IncidentGroup;

use super::act::{act, query, show};
use crate::Error;
use crate::cli::{Global, IncidentCommand};
use crate::output::text::{count, table, utc};

pub(super) async fn execute(command: IncidentCommand, global: &Global) -> Result<(), Error> {
    match command {
        IncidentCommand::List => {
            let groups = query(global, async |store| store.incidents().await).await?;
            show(&groups, |groups| words(groups), global)
        }
        IncidentCommand::Retry { key, mailbox, reason } => {
            act(RetryIncident { incident: key, mailbox }, &reason, global).await
        }
        IncidentCommand::Resolve { key, reason } => {
            act(ResolveIncident { incident: key }, &reason, global).await
        }
    }
}

fn words(groups: &[IncidentGroup]) -> String {
    if groups.is_empty() {
        return "no incidents: nothing failed permanently\n".to_owned();
    }
    let row = |group: &IncidentGroup| {
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
    let mut text = table(header, groups.iter().map(row));
    if groups.iter().any(|group| group.open > 0) {
        text.push_str("try them again with `tramonto incident retry INCIDENT --reason TEXT`\n");
    }
    text
}
