//! The tables of a mail directory in a file.

use super::super::Mode;

/// Identifies a mail directory among `SQLite` files: `TrMd` in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x5472_4d64;
/// The newest version of the file known to this program.
pub(super) const VERSION: i32 = 3;
/// The value for a right without an end.
///
/// A number instead of NULL, because `SQLite` overwrites a row in place if its size stays the same:
/// a phase over 1.2 million rows takes half the time. It is the smallest four-byte integer, as wide
/// as every instant until 2038; real instants are never negative.
pub(super) const NO_END: i64 = -2_147_483_648;
/// The current instant of the directory, in Unix seconds, for every `SQLite` since 3.38: that of
/// the mail servers may be old.
const NOW: &str = "coalesce((SELECT rehearsed_at FROM clock), unixepoch())";

/// The newest decision on each mailbox, for ranges of 65,536 numbers; since version 2.
const DECISION: &str = "CREATE TABLE decision (
           part INTEGER PRIMARY KEY,
           decided TEXT NOT NULL
         ) STRICT;";

/// Statements that migrate a directory of an earlier version, in one transaction.
pub(super) fn upgrade(from: i32) -> String {
    let decision = if from < 2 { DECISION } else { "" };
    let rights = rights();
    format!(
        "BEGIN IMMEDIATE; {decision}
         ALTER TABLE mailbox ADD COLUMN password TEXT;
         ALTER TABLE refusal ADD COLUMN send_status TEXT NOT NULL DEFAULT '5.7.1';
         ALTER TABLE refusal ADD COLUMN receive_status TEXT NOT NULL DEFAULT '5.2.1';
         DROP VIEW rights; {rights}
         PRAGMA user_version = {VERSION}; COMMIT"
    )
}

/// The view that mail servers query. New columns may be appended; none is ever removed.
fn rights() -> String {
    format!(
        "CREATE VIEW rights AS
           SELECT number, address,
             NOT send_until BETWEEN 0 AND {NOW} AS can_send,
             read_only_from BETWEEN 0 AND {NOW} AS read_only,
             NOT receive_until BETWEEN 0 AND {NOW} AS can_receive,
             NOT login_until BETWEEN 0 AND {NOW} AS can_login,
             (SELECT send FROM refusal) AS send_reason,
             (SELECT read_only FROM refusal) AS read_only_reason,
             (SELECT receive FROM refusal) AS receive_reason,
             (SELECT login FROM refusal) AS login_reason,
             password,
             (SELECT send_status FROM refusal) AS send_status,
             (SELECT receive_status FROM refusal) AS receive_status
           FROM mailbox JOIN armed USING (number);"
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
         INSERT INTO clock VALUES (1, NULL);
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
         CREATE TABLE refusal (
           one INTEGER PRIMARY KEY CHECK (one = 1),
           send TEXT NOT NULL,
           read_only TEXT NOT NULL,
           receive TEXT NOT NULL,
           login TEXT NOT NULL,
           send_status TEXT NOT NULL DEFAULT '5.7.1', -- enhanced status codes
           receive_status TEXT NOT NULL DEFAULT '5.2.1'
         ) STRICT;
         INSERT INTO refusal (one, send, read_only, receive, login) VALUES (1,
           'this mailbox can no longer send',
           'this mailbox can only be consulted',
           'this mailbox can no longer receive',
           'this mailbox is closed');
         {rights}
         INSERT INTO directory VALUES (1, '{identity}', {rehearsal}, 0);
         PRAGMA application_id = {APPLICATION_ID};
         PRAGMA user_version = {VERSION};",
        identity = uuid::Uuid::now_v7(),
        rights = rights(),
    )
}
