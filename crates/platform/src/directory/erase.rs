//! Erasure of personal data in the directory: addresses and passwords. The numbers stay, closed.

use roaring::RoaringBitmap;

use super::tables::{Access, Tables};
use super::{Database, Directory, numbers};
use crate::Error;

impl Directory {
    /// Erases address and password of these mailboxes, keeps their rights, and rewrites the file or
    /// the table so that no residue is left; returns how many had an address. Idempotent. While
    /// another program reads the file the call fails and may be retried; on a server, queries of
    /// mail servers wait for it.
    pub async fn erase(&self, mailboxes: &RoaringBitmap) -> Result<u64, Error> {
        let work = async |tables: &mut Tables<'_>| {
            let update = format!(
                "UPDATE mailbox SET address = ' ' || number, password = NULL
                 WHERE number {} AND (address NOT LIKE ' %' OR password IS NOT NULL)",
                tables.dialect().listed()
            );
            tables.run(update, vec![numbers::param(mailboxes)]).await
        };
        if let Database::Server(server) = &self.database {
            server.may_rewrite(&self.name).await?;
        }
        let erased = self.transact(Access::Write, work).await?;
        match &self.database {
            Database::File(file) => file.rewrite(&self.name).await?,
            Database::Server(server) => server.rewrite(&self.name).await?,
        }
        Ok(erased)
    }
}
