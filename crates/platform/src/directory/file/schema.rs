//! The tables of a mail directory in a file.

use super::super::dialect::{Dialect, NO_END};
use super::super::schema::{FIRST_ROWS, REFUSAL, rights};
use crate::Mode;

/// Identifies a mail directory among `SQLite` files: `TrMd` in ASCII.
pub(super) const APPLICATION_ID: u32 = 0x5472_4d64;
/// The newest version of the file known to this program.
pub(super) const VERSION: u32 = 3;

/// The newest decision on each mailbox, for ranges of 65,536 numbers; since version 2.
const DECISION: &str = "CREATE TABLE decision (
           part INTEGER PRIMARY KEY,
           decided TEXT NOT NULL
         ) STRICT;";

/// Statements that migrate a directory of an earlier version, in one transaction.
pub(super) fn upgrade(from: u32) -> String {
    let decision = if from < 2 { DECISION } else { "" };
    let rights = rights(Dialect::Sqlite);
    format!(
        "BEGIN IMMEDIATE; {decision}
         ALTER TABLE mailbox ADD COLUMN password TEXT;
         ALTER TABLE refusal ADD COLUMN send_status TEXT NOT NULL DEFAULT '5.7.1';
         ALTER TABLE refusal ADD COLUMN receive_status TEXT NOT NULL DEFAULT '5.2.1';
         DROP VIEW rights; CREATE {rights}
         PRAGMA user_version = {VERSION}; COMMIT"
    )
}

/// Statements that create an empty directory. Instants are stored apart from addresses, so that a
/// phase rewrites some 30 MB instead of four times as much.
pub(super) fn statements(mode: Mode) -> String {
    let (rehearsal, clock) = match mode {
        Mode::Production => (0, "CHECK (rehearsed_at IS NULL)"),
        Mode::Rehearsal => (1, ""),
    };
    format!(
        "CREATE TABLE directory (
           one INTEGER PRIMARY KEY CHECK (one = 1),
           identity TEXT NOT NULL,
           rehearsal INTEGER NOT NULL CHECK (rehearsal IN (0, 1)),
           provisioned_to INTEGER NOT NULL -- where in the log the mailboxes were read up to
         ) STRICT;
         CREATE TABLE clock (
           one INTEGER PRIMARY KEY CHECK (one = 1),
           rehearsed_at REAL {clock} -- unix seconds; NULL: the computer's clock
         ) STRICT;
         CREATE TABLE mailbox (
           number INTEGER PRIMARY KEY,
           address TEXT NOT NULL COLLATE NOCASE UNIQUE,
           password TEXT -- a hash as Dovecot reads it; NULL: none, or kept elsewhere
         ) STRICT;
         CREATE TABLE armed ( -- unix seconds from which it is so; {NO_END}: no end
           number INTEGER PRIMARY KEY,
           send_until INTEGER NOT NULL DEFAULT {NO_END},
           read_only_from INTEGER NOT NULL DEFAULT {NO_END},
           receive_until INTEGER NOT NULL DEFAULT {NO_END},
           login_until INTEGER NOT NULL DEFAULT {NO_END}
         ) STRICT;
         {DECISION}
         CREATE TRIGGER mailbox_removed AFTER DELETE ON mailbox BEGIN
           DELETE FROM armed WHERE number = old.number;
         END;
         CREATE TABLE refusal {REFUSAL} STRICT;
         {FIRST_ROWS}
         CREATE {rights}
         INSERT INTO directory VALUES (1, '{identity}', {rehearsal}, 0);
         PRAGMA application_id = {APPLICATION_ID};
         PRAGMA user_version = {VERSION};",
        identity = uuid::Uuid::now_v7(),
        rights = rights(Dialect::Sqlite),
    )
}
