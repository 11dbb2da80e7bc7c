//! The tables. Days are counted from 1970-01-01, as in the log: `date(requested_on * 86400,
//! 'unixepoch')`.

use sql::{Durability, Format, Schema};

/// "TRMR".
const APPLICATION_ID: u32 = 0x5452_4D52;

/// The version of the tables below, kept in the file's header.
const SCHEMA_VERSION: u32 = 2;

/// The tables in `PostgreSQL`.
pub(super) const SCHEMA: Schema = Schema {
    name: "registry",
    steps: &[
        ("the tables of the registry", include_str!("../../migrations/1.sql")),
        ("who was erased", include_str!("../../migrations/2.sql")),
    ],
};

/// The tables in a file.
pub(super) fn format() -> Format {
    Format {
        application_id: APPLICATION_ID,
        schema_version: SCHEMA_VERSION,
        create: format!("{CREATE}{ERASED}"),
        upgrades: &[ERASED],
        other_version: "use a newer version of the program",
        durability: Durability::Original,
    }
}

/// `changed_row` stores rows as they were before the last import changed them: run again after a
/// crash, the import then decides as it did the first time.
const CREATE: &str = "
    CREATE TABLE registration (
        number INTEGER PRIMARY KEY,
        registration_id TEXT NOT NULL,
        codice_fiscale TEXT NOT NULL,
        surname TEXT NOT NULL,
        name TEXT NOT NULL,
        address TEXT NOT NULL,
        requested_on INTEGER NOT NULL,
        activated_on INTEGER,
        last_sent_on INTEGER,
        notify_email TEXT,
        digest INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE import (
        number INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        first_new INTEGER NOT NULL,
        finished INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE changed_row (
        number INTEGER PRIMARY KEY,
        codice_fiscale TEXT NOT NULL,
        address TEXT NOT NULL
    ) STRICT;
    CREATE TABLE outbox (
        place INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        kind TEXT NOT NULL,
        schema_version INTEGER NOT NULL,
        effective_at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT,
        correlation_id BLOB NOT NULL,
        payload TEXT NOT NULL
    ) STRICT;
    CREATE TABLE programme (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        name TEXT NOT NULL
    ) STRICT;";

/// Erased holders. Their numbers are never reused, and the registration id is kept as a hash, so
/// that importing the same file again does not restore them; since version 2.
const ERASED: &str = "
    CREATE TABLE erased (
        number INTEGER PRIMARY KEY,
        registration BLOB NOT NULL
    ) STRICT;";

/// Created after the first import, with one sort each: maintained row by row in random order, they
/// would take most of its time. Until then the import itself ensures uniqueness.
pub(super) const INDEXES: [&str; 3] = [
    "CREATE UNIQUE INDEX IF NOT EXISTS one_per_id ON registration (registration_id)",
    "CREATE UNIQUE INDEX IF NOT EXISTS one_per_holder ON registration (codice_fiscale)",
    "CREATE UNIQUE INDEX IF NOT EXISTS one_per_address ON registration (address)",
];
