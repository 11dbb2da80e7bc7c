//! The tables, in a file and in `PostgreSQL`; `migrations/intake` says what each is for.

use sql::{Format, Keeping, Schema};

/// "TRMI".
const APPLICATION_ID: u32 = 0x5452_4D49;
/// The version of the tables below, kept in the file's header.
const SCHEMA_VERSION: u32 = 3;

/// The tables in `PostgreSQL`.
pub(super) const SCHEMA: Schema = Schema {
    name: "intake",
    steps: &[
        ("the tables of the intake", include_str!("../../migrations/intake/1.sql")),
        ("up to whom reminders are written", include_str!("../../migrations/intake/2.sql")),
        ("who wrote, in small letters", include_str!("../../migrations/intake/3.sql")),
    ],
};

/// All of them, for what has to be written anew once something was erased.
pub(super) const TABLES: [&str; 3] = ["message", "letter", "confirmation"];

/// The tables in a file.
pub(super) fn format() -> Format {
    Format {
        application_id: APPLICATION_ID,
        schema_version: SCHEMA_VERSION,
        create: format!("{CREATE}{REMINDING}{SMALL}"),
        upgrades: &[REMINDING, SMALL],
        other_version: "use a newer version of the program",
        keeping: Keeping::Original,
    }
}

const CREATE: &str = "
    CREATE TABLE message (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        digest BLOB NOT NULL UNIQUE,
        received_at INTEGER NOT NULL,
        sender TEXT,
        content BLOB NOT NULL,
        standing TEXT NOT NULL,
        reason TEXT,
        mailbox INTEGER,
        decided_at INTEGER,
        asks INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX message_by_standing ON message (standing, number);
    CREATE INDEX message_by_sender ON message (sender, number);
    CREATE INDEX message_by_mailbox ON message (mailbox);
    CREATE TABLE letter (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        message INTEGER NOT NULL,
        mailbox INTEGER,
        route TEXT NOT NULL,
        why TEXT,
        standing TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        settled_at INTEGER
    ) STRICT;
    CREATE INDEX letter_by_standing ON letter (standing, due_at);
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
    CREATE INDEX confirmation_by_mailbox ON confirmation (mailbox);";

const REMINDING: &str = "
    CREATE TABLE reminding (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        round INTEGER NOT NULL,
        after INTEGER NOT NULL
    ) STRICT;";

const SMALL: &str = "
    DROP INDEX message_by_sender;
    CREATE INDEX message_by_small_sender ON message (lower(sender), number);";
