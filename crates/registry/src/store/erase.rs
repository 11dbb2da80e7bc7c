//! Erasure of holders in the registry.
//!
//! Invariants: a number is never reused, and a file that still contains an erased row does not
//! restore it: only a hash of its registration id is kept. Deliberately absent: who may be erased,
//! which is the domain's; and backups, which are the operator's.

use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};
use sql::{Param, Statement, Transaction, among, params};

use super::{Error, Registry};

const IDS: Statement = among!("SELECT number, registration_id FROM registration WHERE number");
const KEEP: Statement = Statement {
    sqlite: "INSERT INTO erased SELECT value ->> 0, unhex(value ->> 1) FROM json_each($1)
        WHERE true ON CONFLICT (number) DO NOTHING",
    postgres: "INSERT INTO erased SELECT (value ->> 0)::bigint, decode(value ->> 1, 'hex')
        FROM json_array_elements($1::json) ON CONFLICT (number) DO NOTHING",
};
const DELETE: Statement = among!("DELETE FROM registration WHERE number");
const DELETE_FORMER: Statement = among!("DELETE FROM changed_row WHERE number");

/// The hash that identifies an erased registration.
pub(crate) type Trace = [u8; 32];

/// The hash of a registration id.
pub(crate) fn trace(registration_id: &str) -> Trace {
    Sha256::digest(registration_id).into()
}

impl Registry {
    /// Deletes the rows of these numbers, and rewrites the tables so that no residue is left;
    /// returns how many there were. Idempotent. No import may run.
    pub async fn erase(&self, numbers: &RoaringBitmap) -> Result<u64, Error> {
        let mut importing = self.importing().await?;
        let mut erased = 0;
        for page in Param::pages(numbers) {
            let mut transaction = importing.begin().await?;
            erased += run(&mut transaction, page).await?;
            transaction.commit().await?;
        }
        self.tables.vacuum(&["registration", "changed_row", "outbox"]).await?;
        Ok(erased)
    }

    /// The hashes of the registration ids of all erased holders.
    pub(crate) async fn erased(&self) -> Result<Vec<Trace>, Error> {
        Ok(self.tables.all("SELECT registration FROM erased", Vec::new(), read).await?)
    }

    /// The hash of this registration id, if its holder was erased.
    pub(crate) async fn erased_as(&self, registration_id: &str) -> Result<Vec<Trace>, Error> {
        const ONE: &str = "SELECT registration FROM erased WHERE registration = $1";
        Ok(self.tables.all(ONE, params![trace(registration_id)], read).await?)
    }
}

fn read((hash,): (Vec<u8>,)) -> Result<Trace, String> {
    hash.try_into().map_err(|_wrong: Vec<u8>| "an erased registration has no hash".to_owned())
}

/// Deletes the rows of some numbers within a transaction; returns how many there were.
async fn run(transaction: &mut Transaction<'_>, numbers: Param) -> Result<u64, sql::Error> {
    let ids: Vec<(i64, String)> = transaction.rows(IDS, vec![numbers.clone()]).await?;
    let kept: Vec<String> = ids.iter().map(|(number, id)| kept(*number, id)).collect();
    transaction.run(KEEP, params![format!("[{}]", kept.join(","))]).await?;
    transaction.run(DELETE_FORMER, vec![numbers.clone()]).await?;
    transaction.run(DELETE, vec![numbers]).await
}

fn kept(number: i64, registration_id: &str) -> String {
    format!("[{number},\"{:x}\"]", Sha256::digest(registration_id))
}
