//! Erasure of holders in the registry.
//!
//! Invariants: a number is never reused, and a file that still contains an erased row does not
//! restore it: only a hash of its registration id is kept. Deliberately absent: who may be erased,
//! which is the domain's; and backups, which are the operator's.

use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};
use sql::{Param, Statement, Writer};

use super::{Backend, Error, PAGE, Registry, given, schema};

const IDS: Statement = Statement {
    sqlite: "SELECT number, registration_id FROM registration
        WHERE number IN (SELECT value FROM json_each($1))",
    postgres: "SELECT number, registration_id FROM registration WHERE number = ANY ($1)",
};
const KEEP: Statement = Statement {
    sqlite: "INSERT INTO erased SELECT value ->> 0, unhex(value ->> 1) FROM json_each($1)
        WHERE true ON CONFLICT (number) DO NOTHING",
    postgres: "INSERT INTO erased SELECT (value ->> 0)::bigint, decode(value ->> 1, 'hex')
        FROM json_array_elements($1::json) ON CONFLICT (number) DO NOTHING",
};
const DELETE: [Statement; 2] = [
    Statement {
        sqlite: "DELETE FROM registration WHERE number IN (SELECT value FROM json_each($1))",
        postgres: "DELETE FROM registration WHERE number = ANY ($1)",
    },
    Statement {
        sqlite: "DELETE FROM changed_row WHERE number IN (SELECT value FROM json_each($1))",
        postgres: "DELETE FROM changed_row WHERE number = ANY ($1)",
    },
];

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
        let (mut erased, mut rest) = (0, numbers.iter());
        loop {
            let page: Vec<u32> = rest.by_ref().take(PAGE).collect();
            if page.is_empty() {
                break;
            }
            erased += importing.erase(&page).await?;
        }
        match &self.backend {
            Backend::File(database) => database.vacuum().await?,
            Backend::Server(server) => {
                let tables = ["registration", "changed_row", "outbox"];
                server.vacuum(schema::SCHEMA.name, &tables).await?;
            }
        }
        Ok(erased)
    }

    /// The hashes of the registration ids of all erased holders.
    pub(crate) async fn erased(&self) -> Result<Vec<Trace>, Error> {
        let read = |(hash,): (Vec<u8>,)| {
            hash.try_into()
                .map_err(|_wrong: Vec<u8>| "an erased registration has no hash".to_owned())
        };
        self.all("SELECT registration FROM erased", Vec::new(), read).await
    }
}

/// Deletes the rows of some numbers within a transaction; returns how many there were.
pub(super) async fn run(writer: &mut Writer<'_>, numbers: &[u32]) -> Result<u64, sqlx::Error> {
    let ids: Vec<(i64, String)> = writer.rows(IDS, vec![given(numbers)]).await?;
    let kept: Vec<String> = ids.iter().map(|(number, id)| kept(*number, id)).collect();
    writer.run(KEEP, vec![Param::Text(format!("[{}]", kept.join(",")))]).await?;
    let mut deleted = [0; 2];
    for (statement, deleted) in DELETE.into_iter().zip(&mut deleted) {
        *deleted = writer.run(statement, vec![given(numbers)]).await?;
    }
    Ok(deleted.into_iter().next().unwrap_or(0))
}

fn kept(number: i64, registration_id: &str) -> String {
    format!("[{number},\"{:x}\"]", Sha256::digest(registration_id))
}
