//! The book of codes: which voucher a code belongs to, by a hash that only the holder of the keys can make.
//!
//! Invariants: a code itself is never here; for each issue of a voucher there is one entry, ever, and who
//! entered it is the one who may hand the code out; a book is opened with the keys that it was begun with.
//! Deliberately absent: whether a voucher is worth anything, which the log says.

use std::sync::LazyLock;

use domain::VoucherCode;
use keyring::{KeyedHash, Keyring};
use roaring::RoaringBitmap;
use sql::{Durability, Format, Param, Schema, Statement, Tables, Transaction};

use crate::Error;

/// "TRMV".
const APPLICATION_ID: u32 = 0x5452_4D56;

/// The tables in `PostgreSQL`.
pub const SCHEMA: Schema = Schema {
    name: "vouchers",
    steps: &[("the book of codes", include_str!("../migrations/1.sql"))],
};

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

/// Entries go in as one JSON text, whatever their number: `[[number, issue, "hash in hex"], …]`.
const ENTER: Statement = Statement {
    sqlite: "
        INSERT INTO code (number, issue, hash)
        SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1) WHERE true
        ON CONFLICT (number, issue) DO NOTHING",
    postgres: "
        INSERT INTO code (number, issue, hash)
        SELECT (value ->> 0)::bigint, (value ->> 1)::bigint, decode(value ->> 2, 'hex')
        FROM jsonb_array_elements($1::jsonb)
        ON CONFLICT (number, issue) DO NOTHING",
};
const OF_NUMBERS: Statement = Statement {
    sqlite: "SELECT number, issue, hash FROM code WHERE number IN (SELECT value FROM json_each($1))",
    postgres: "SELECT number, issue, hash FROM code WHERE number = ANY ($1)",
};
/// How many numbers are asked for in one statement.
const PAGE: usize = 8_192;

/// The book.
#[derive(Debug)]
pub struct CodeBook {
    tables: Tables,
    hash: KeyedHash,
}

/// Which code of which voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kept {
    /// Whose voucher.
    pub number: u32,
    /// Which code of it: 1 for the first.
    pub issue: u32,
}

type Row = (i64, i64, Vec<u8>);

impl CodeBook {
    /// The book in tables of [`FORMAT`] or [`SCHEMA`]. Other keys than those it was begun with are refused.
    pub async fn open(tables: Tables, keyring: &Keyring) -> Result<Self, Error> {
        let mark = keyring.keyed_hash("voucher-book").of(b"mark").to_vec();
        let book = Self { tables, hash: keyring.keyed_hash("voucher-code") };
        let mut found = book.mark().await?;
        if found.is_none() {
            const BEGIN: &str = "INSERT INTO mark VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
            let mut writing = book.tables.begin().await?;
            writing.run(BEGIN, vec![Param::Bytes(mark.clone())]).await?;
            writing.commit().await?;
            found = book.mark().await?;
        }
        if found == Some(mark) {
            return Ok(book);
        }
        let keys = keyring.file().display().to_string();
        Err(Error::OtherKeys { place: book.tables.name().to_string(), keys })
    }

    async fn mark(&self) -> Result<Option<Vec<u8>>, Error> {
        let read = |(hash,): (Vec<u8>,)| Ok(hash);
        Ok(self.tables.all("SELECT hash FROM mark", Vec::new(), read).await?.pop())
    }

    /// Enters codes, each once: those that are told may be handed out. Of an issue that is there already, the
    /// code that was entered first counts, and this one is worth nothing.
    pub async fn enter(&self, codes: &[(Kept, VoucherCode)]) -> Result<Vec<Kept>, Error> {
        let mut entered = Vec::with_capacity(codes.len());
        let mut writing = self.tables.begin().await?;
        for page in codes.chunks(PAGE) {
            let hashed: Vec<_> =
                page.iter().map(|(kept, code)| (*kept, self.hash_of(code))).collect();
            let done = writing.run(ENTER, vec![Param::Text(json(&hashed))]).await?;
            let all = usize::try_from(done).is_ok_and(|done| done == page.len());
            if all {
                entered.extend(hashed.iter().map(|(kept, _)| *kept));
            } else {
                entered.extend(ours(&mut writing, &hashed).await?);
            }
        }
        writing.commit().await?;
        Ok(entered)
    }

    /// Which voucher a code belongs to, if it was ever one.
    pub async fn find(&self, code: &VoucherCode) -> Result<Option<Kept>, Error> {
        const FIND: &str = "SELECT number, issue FROM code WHERE hash = $1";
        let given = vec![Param::Bytes(self.hash_of(code).to_vec())];
        let read = |(number, issue): (i64, i64)| kept(number, issue);
        Ok(self.tables.all(FIND, given, read).await?.pop())
    }

    /// Every code that was made for these numbers.
    pub async fn made_for(&self, numbers: &RoaringBitmap) -> Result<Vec<Kept>, Error> {
        let mut all = Vec::new();
        for page in pages(numbers) {
            let read = |(number, issue, _): Row| kept(number, issue);
            all.extend(self.tables.all(OF_NUMBERS, vec![page], read).await?);
        }
        Ok(all)
    }

    /// How many codes were made.
    pub async fn len(&self) -> Result<u64, Error> {
        let read = |(count,): (i64,)| u64::try_from(count).map_err(|error| error.to_string());
        let counted = self.tables.all("SELECT count(*) FROM code", Vec::new(), read).await?;
        Ok(counted.into_iter().sum())
    }

    /// Was none made yet?
    pub async fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len().await? == 0)
    }

    /// How many entries tell of this text. There are hashes of codes and numbers here, so nothing but a code
    /// can be told of.
    pub async fn traces(&self, needle: &str) -> Result<u64, Error> {
        match needle.parse::<VoucherCode>() {
            Ok(code) => Ok(u64::from(self.find(&code).await?.is_some())),
            Err(_no_code) => Ok(0),
        }
    }

    /// Closes the file, or the connections.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.tables.close().await?)
    }

    fn hash_of(&self, code: &VoucherCode) -> [u8; 32] {
        self.hash.of(code.canonical().as_bytes())
    }
}

/// Those of these entries that stand as they were to be entered.
async fn ours(
    writing: &mut Transaction<'_>,
    hashed: &[(Kept, [u8; 32])],
) -> Result<Vec<Kept>, Error> {
    let numbers = hashed.iter().map(|(kept, _)| i64::from(kept.number)).collect();
    let rows: Vec<Row> = writing.rows(OF_NUMBERS, vec![Param::Numbers(numbers)]).await?;
    let stand: std::collections::HashSet<Row> = rows.into_iter().collect();
    let row = |(kept, hash): &(Kept, [u8; 32])| {
        (i64::from(kept.number), i64::from(kept.issue), hash.to_vec())
    };
    let ours = hashed.iter().filter(|entry| stand.contains(&row(entry)));
    Ok(ours.map(|(kept, _)| *kept).collect())
}

fn kept(number: i64, issue: i64) -> Result<Kept, String> {
    match (u32::try_from(number), u32::try_from(issue)) {
        (Ok(number), Ok(issue)) => Ok(Kept { number, issue }),
        _ => Err(format!("{number}, {issue} is no code of a voucher")),
    }
}

fn json(hashed: &[(Kept, [u8; 32])]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(hashed.len() * 90 + 2);
    for (Kept { number, issue }, hash) in hashed {
        text.push(if text.is_empty() { '[' } else { ',' });
        // Writing to a text can't fail.
        write!(text, "[{number},{issue},\"").unwrap_or(());
        for byte in hash {
            write!(text, "{byte:02x}").unwrap_or(());
        }
        text.push_str("\"]");
    }
    text.push(']');
    text
}

fn pages(numbers: &RoaringBitmap) -> impl Iterator<Item = Param> {
    let mut rest = numbers.iter();
    std::iter::from_fn(move || {
        let page: Vec<i64> = rest.by_ref().take(PAGE).map(i64::from).collect();
        (!page.is_empty()).then_some(Param::Numbers(page))
    })
}
