use domain::{Capabilities, Capability, MailboxSet};
use roaring::RoaringBitmap;
use sqlx::{Connection, PgConnection};

use super::super::part::parts;
use super::super::{Actual, columns};
use super::clock;
use super::fault::Problem;
use super::scan::scan;

/// Reads rights, from one snapshot and at one instant.
pub(super) async fn read(
    connection: &mut PgConnection,
    mailboxes: &MailboxSet,
    capabilities: Capabilities,
) -> Result<Actual, Problem> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
    let mut snapshot = connection.begin_with(begin).await?;
    let now = clock::literal(clock::now(&mut snapshot).await?);
    let (capabilities, conditions): (Vec<Capability>, Vec<String>) = capabilities
        .iter()
        .filter_map(|capability| {
            let column = columns::column(capability)?;
            Some((capability, format!("{column} > {now}")))
        })
        .unzip();
    let mut unknown = RoaringBitmap::new();
    let mut allowed = vec![RoaringBitmap::new(); capabilities.len()];
    for part in parts(mailboxes) {
        let (existing, sets) = scan(&part, &mut snapshot, &conditions).await?;
        unknown |= &part.mailboxes - existing;
        for (all, set) in allowed.iter_mut().zip(sets) {
            *all |= set & &part.mailboxes;
        }
    }
    snapshot.commit().await?;
    let allowed = allowed.into_iter().map(MailboxSet::from);
    Ok(Actual {
        now: capabilities.into_iter().zip(allowed).collect(),
        unknown: MailboxSet::from(unknown),
    })
}
