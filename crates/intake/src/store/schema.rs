//! The tables, in a file and in `PostgreSQL`; `migrations/intake` documents them.

use sql::{Durability, Format, Schema};

/// "TRMI".
const APPLICATION_ID: u32 = 0x5452_4D49;
/// The version of the tables below, kept in the file's header.
const SCHEMA_VERSION: u32 = 1;

/// The tables in `PostgreSQL`.
pub(super) const SCHEMA: Schema = Schema {
    name: "intake",
    steps: &[("intake tables", include_str!("../../migrations/intake/1.sql"))],
};

/// All tables that contain personal data, to be vacuumed after an erasure.
pub(super) const TABLES: [&str; 3] = ["message", "letter", "confirmation"];

/// The tables in a file.
pub(super) fn format() -> Format {
    Format {
        application_id: APPLICATION_ID,
        schema_version: SCHEMA_VERSION,
        create: CREATE.to_owned(),
        upgrades: &[],
        other_version: "use a newer version of the program",
        durability: Durability::Original,
    }
}

const CREATE: &str = "
    CREATE TABLE message (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        digest BLOB NOT NULL UNIQUE,
        received_at INTEGER NOT NULL,
        sender TEXT,
        content BLOB NOT NULL,
        status TEXT NOT NULL,
        reason TEXT,
        mailbox INTEGER,
        decided_at INTEGER,
        releases INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX message_by_status ON message (status, number);
    CREATE INDEX message_by_sender ON message (lower(sender), number);
    CREATE INDEX message_by_mailbox ON message (mailbox);
    CREATE TABLE letter (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        message INTEGER NOT NULL,
        mailbox INTEGER,
        route TEXT NOT NULL,
        why TEXT,
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        settled_at INTEGER
    ) STRICT;
    CREATE INDEX letter_by_status ON letter (status, due_at);
    CREATE INDEX letter_by_message ON letter (message);
    CREATE INDEX letter_by_mailbox ON letter (mailbox, number);
    CREATE TABLE confirmation (
        letter INTEGER PRIMARY KEY,
        token BLOB NOT NULL UNIQUE,
        address BLOB NOT NULL,
        mailbox INTEGER NOT NULL,
        message INTEGER NOT NULL,
        route TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        used_at INTEGER,
        settled_at INTEGER
    ) STRICT;
    CREATE INDEX confirmation_by_mailbox ON confirmation (mailbox);
    CREATE TABLE reminder_cursor (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        round INTEGER NOT NULL,
        after INTEGER NOT NULL
    ) STRICT;";
