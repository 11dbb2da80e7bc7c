use domain::{Capabilities, Capability, MailboxSet};
use roaring::RoaringBitmap;

use super::name::Problem;
use super::tables::Tables;
use crate::part::parts;
use crate::{Actual, columns};

/// Reads rights at one instant.
pub(super) async fn read(
    tables: &mut Tables<'_>,
    mailboxes: &MailboxSet,
    capabilities: Capabilities,
) -> Result<Actual, Problem> {
    let dialect = tables.dialect();
    let now = dialect.literal(tables.now().await?);
    let (capabilities, conditions): (Vec<Capability>, Vec<String>) = capabilities
        .iter()
        .filter_map(|capability| {
            let column = columns::column(capability)?;
            Some((capability, format!("NOT {}", dialect.ended(column, &now))))
        })
        .unzip();
    let mut unknown = RoaringBitmap::new();
    let mut allowed = vec![RoaringBitmap::new(); capabilities.len()];
    for part in parts(mailboxes) {
        let (existing, sets) = tables.scan(&part, &conditions).await?;
        unknown |= &part.mailboxes - existing;
        for (all, set) in allowed.iter_mut().zip(sets) {
            *all |= set & &part.mailboxes;
        }
    }
    let allowed = allowed.into_iter().map(MailboxSet::from);
    Ok(Actual {
        now: capabilities.into_iter().zip(allowed).collect(),
        unknown: MailboxSet::from(unknown),
    })
}
