use domain::{Capabilities, Capability, MailboxSet};
use roaring::RoaringBitmap;
use sqlx::{Connection, SqliteConnection};

use super::super::Actual;
use super::super::columns;
use super::super::part::parts;
use super::clock;
use super::fault::Problem;

/// Reads rights, from one snapshot of the file and at one instant.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    mailboxes: &MailboxSet,
    capabilities: Capabilities,
) -> Result<Actual, Problem> {
    let mut snapshot = connection.begin().await?;
    let now = clock::now(&mut snapshot).await?.timestamp();
    let (capabilities, conditions): (Vec<Capability>, Vec<String>) = capabilities
        .iter()
        .filter_map(|capability| {
            let column = columns::column(capability)?;
            Some((capability, format!("NOT {column} BETWEEN 0 AND {now}")))
        })
        .unzip();
    let mut unknown = RoaringBitmap::new();
    let mut allowed = vec![RoaringBitmap::new(); capabilities.len()];
    for part in parts(mailboxes) {
        let (existing, sets) = part.scan(&mut snapshot, &conditions).await?;
        unknown |= &part.mailboxes - existing;
        for (all, set) in allowed.iter_mut().zip(sets) {
            *all |= set & &part.mailboxes;
        }
    }
    snapshot.rollback().await?;
    let allowed = allowed.into_iter().map(MailboxSet::from);
    Ok(Actual {
        now: capabilities.into_iter().zip(allowed).collect(),
        unknown: MailboxSet::from(unknown),
    })
}
