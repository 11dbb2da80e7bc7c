//! The store of codes: which voucher a code belongs to, by its keyed hash.
//!
//! Invariants: no code is stored, only its hash; each issue of a voucher has one entry, ever, and
//! whoever inserts it delivers the code; a store opens only with the keys it was created with.
//! Deliberately absent: whether a voucher is valid, which the log says.

use std::sync::LazyLock;

use domain::VoucherCode;
use keyring::{KeyedHash, Keyring};
use roaring::RoaringBitmap;
use sql::{Durability, Format, Param, Schema, Statement, Tables, among, params};

use crate::Error;

/// "TRMV".
const APPLICATION_ID: u32 = 0x5452_4D56;

/// The tables in `PostgreSQL`.
pub const SCHEMA: Schema =
    Schema { name: "vouchers", steps: &[("voucher codes", include_str!("../migrations/1.sql"))] };

/// The tables in a file.
pub static FORMAT: LazyLock<Format> = LazyLock::new(|| Format {
    application_id: APPLICATION_ID,
    schema_version: 1,
    create: CREATE.to_owned(),
    upgrades: &[],
    other_version: "use a newer version of the program",
    durability: Durability::Original,
});

const CREATE: &str = "
    CREATE TABLE code (
        number INTEGER NOT NULL,
        issue INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (number, issue)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX one_per_code ON code (hash);
    CREATE TABLE mark (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        hash BLOB NOT NULL
    ) STRICT;";

/// Inserts any number of entries from one JSON text: `[[number, issue, "hash in hex"], …]`.
const INSERT: Statement = Statement {
    sqlite: "
        INSERT INTO code (number, issue, hash)
        SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1) WHERE true
        ON CONFLICT (number, issue) DO NOTHING RETURNING number, issue",
    postgres: "
        INSERT INTO code (number, issue, hash)
        SELECT (value ->> 0)::bigint, (value ->> 1)::bigint, decode(value ->> 2, 'hex')
        FROM jsonb_array_elements($1::jsonb)
        ON CONFLICT (number, issue) DO NOTHING RETURNING number, issue",
};
const OF_NUMBERS: Statement = among!("SELECT number, issue FROM code WHERE number");
/// Entries in one statement.
const PAGE: usize = 8_192;

/// The store of codes.
#[derive(Debug)]
pub struct CodeStore {
    tables: Tables,
    hash: KeyedHash,
}

/// Which code of which voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeId {
    /// The mailbox of the voucher.
    pub number: u32,
    /// The number of the code: 1 for the first, one more for each reissue.
    pub issue: u32,
}

/// A code that was just generated, for its holder only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// Which code of which voucher.
    pub id: CodeId,
    /// The code that the holder presents to a provider.
    pub code: VoucherCode,
}

impl CodeStore {
    /// Opens the store in tables of [`FORMAT`] or [`SCHEMA`]. Fails if it was created with other
    /// keys.
    pub async fn open(tables: Tables, keyring: &Keyring) -> Result<Self, Error> {
        let mark = keyring.keyed_hash("voucher-book").of(b"mark").to_vec();
        let store = Self { tables, hash: keyring.keyed_hash("voucher-code") };
        let mut found = store.mark().await?;
        if found.is_none() {
            const MARK: &str = "INSERT INTO mark VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
            store.tables.run(MARK, params![mark.clone()]).await?;
            found = store.mark().await?;
        }
        if found == Some(mark) {
            return Ok(store);
        }
        let keys = keyring.file().display().to_string();
        Err(Error::OtherKeys { store: store.tables.name().to_string(), keys })
    }

    /// The hash by which the store recognises its keys.
    async fn mark(&self) -> Result<Option<Vec<u8>>, Error> {
        let read = |(hash,): (Vec<u8>,)| Ok(hash);
        Ok(self.tables.all("SELECT hash FROM mark", Vec::new(), read).await?.pop())
    }

    /// Inserts codes and returns those to deliver. If an issue has an entry already, the earlier
    /// code counts and this one is invalid.
    pub async fn insert(&self, codes: &[NewCode]) -> Result<Vec<CodeId>, Error> {
        let mut inserted = Vec::with_capacity(codes.len());
        let mut transaction = self.tables.begin().await?;
        for page in codes.chunks(PAGE) {
            let rows: Vec<(i64, i64)> = transaction.rows(INSERT, params![self.json(page)]).await?;
            for (number, issue) in rows {
                let id = code_id(number, issue);
                inserted.push(id.map_err(|problem| self.tables.name().corrupt(problem))?);
            }
        }
        transaction.commit().await?;
        Ok(inserted)
    }

    /// The voucher of a code; `None` for a code that was never generated.
    pub async fn find(&self, code: &VoucherCode) -> Result<Option<CodeId>, Error> {
        const FIND: &str = "SELECT number, issue FROM code WHERE hash = $1";
        let hash = params![self.hash_of(code)];
        let read = |(number, issue): (i64, i64)| code_id(number, issue);
        Ok(self.tables.all(FIND, hash, read).await?.pop())
    }

    /// Every code that was generated for these mailboxes.
    pub async fn codes_of(&self, numbers: &RoaringBitmap) -> Result<Vec<CodeId>, Error> {
        let mut all = Vec::new();
        for page in Param::pages(numbers) {
            let read = |(number, issue): (i64, i64)| code_id(number, issue);
            all.extend(self.tables.all(OF_NUMBERS, vec![page], read).await?);
        }
        Ok(all)
    }

    /// Closes the file, or the connections.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.tables.close().await?)
    }

    fn hash_of(&self, code: &VoucherCode) -> [u8; 32] {
        self.hash.of(code.canonical().as_bytes())
    }

    /// The entries of codes, as [`INSERT`] takes them.
    fn json(&self, codes: &[NewCode]) -> String {
        let entry = |NewCode { id, code }: &NewCode| {
            let hash = self.hash_of(code);
            let (halves, _) = hash.as_chunks();
            let hex = halves.iter().map(|half| format!("{:032x}", u128::from_be_bytes(*half)));
            format!("[{},{},\"{}\"]", id.number, id.issue, hex.collect::<String>())
        };
        let entries: Vec<String> = codes.iter().map(entry).collect();
        format!("[{}]", entries.join(","))
    }
}

fn code_id(number: i64, issue: i64) -> Result<CodeId, String> {
    match (u32::try_from(number), u32::try_from(issue)) {
        (Ok(number), Ok(issue)) => Ok(CodeId { number, issue }),
        _ => Err(format!("({number}, {issue}) is not a code of a voucher")),
    }
}
