//! The tables of a mail directory in `PostgreSQL`.

use super::super::dialect::Dialect;
use super::super::schema::{FIRST_ROWS, REFUSAL, rights};
use crate::Mode;

/// The newest version of the tables known to this program.
pub(super) const VERSION: i32 = 2;

/// Statements that migrate a directory of an earlier version. The view is replaced, not recreated,
/// so that grants on it stay.
pub(super) fn upgrade() -> String {
    let rights = rights(Dialect::Postgres);
    format!(
        "ALTER TABLE directory.mailbox ADD COLUMN password text;
         ALTER TABLE directory.refusal
           ADD COLUMN send_status text NOT NULL DEFAULT '5.7.1',
           ADD COLUMN receive_status text NOT NULL DEFAULT '5.2.1';
         CREATE OR REPLACE {rights}
         UPDATE directory.directory SET version = {VERSION};"
    )
}

/// Statements that create an empty directory.
///
/// Instants are stored apart from addresses, in pages with a fill factor below one half and without
/// an index: a phase then writes each new row version into the same page and touches no index, in a
/// sixth of the time. At 45 every update found room, at 50 all but one in a hundred, at 100 none.
/// Addresses are stored in lower case, as mail servers query them, so a plain index keeps them
/// unique.
pub(super) fn statements(mode: Mode) -> String {
    let (rehearsal, clock) = match mode {
        Mode::Production => (false, "CHECK (rehearsed_at IS NULL)"),
        Mode::Rehearsal => (true, ""),
    };
    format!(
        "CREATE SCHEMA directory;
         CREATE TABLE directory.directory (
           one integer PRIMARY KEY CHECK (one = 1),
           version integer NOT NULL,
           identity uuid NOT NULL,
           rehearsal boolean NOT NULL,
           provisioned_to bigint NOT NULL -- where in the log the mailboxes were read up to
         );
         CREATE TABLE directory.clock (
           one integer PRIMARY KEY CHECK (one = 1),
           rehearsed_at timestamptz {clock} -- NULL: the computer's clock
         );
         CREATE TABLE directory.mailbox (
           number bigint PRIMARY KEY CHECK (number BETWEEN 0 AND 4294967295),
           address text COLLATE \"C\" NOT NULL CHECK (address = lower(address)),
           -- Checked when a statement ends, so that two mailboxes may swap theirs in one.
           CONSTRAINT one_mailbox_per_address UNIQUE (address) DEFERRABLE INITIALLY IMMEDIATE,
           password text -- a hash as Dovecot reads it; NULL: none, or kept elsewhere
         );
         CREATE TABLE directory.armed ( -- the instants from which it is so; infinity: no end
           number bigint PRIMARY KEY,
           send_until timestamptz NOT NULL DEFAULT 'infinity',
           read_only_from timestamptz NOT NULL DEFAULT 'infinity',
           receive_until timestamptz NOT NULL DEFAULT 'infinity',
           login_until timestamptz NOT NULL DEFAULT 'infinity'
         ) WITH (fillfactor = 45);
         CREATE FUNCTION directory.mailbox_removed() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             DELETE FROM directory.armed USING removed WHERE armed.number = removed.number;
             RETURN NULL;
           END $$;
         CREATE TRIGGER mailbox_removed AFTER DELETE ON directory.mailbox
           REFERENCING OLD TABLE AS removed
           FOR EACH STATEMENT EXECUTE FUNCTION directory.mailbox_removed();
         CREATE TABLE directory.decision ( -- for 65,536 numbers: the newest decision of each
           part integer PRIMARY KEY,
           decided text NOT NULL
         ) WITH (fillfactor = 50);
         CREATE TABLE directory.refusal {REFUSAL};
         {FIRST_ROWS}
         CREATE OR REPLACE {rights}
         INSERT INTO directory.directory VALUES (1, {VERSION}, '{identity}', {rehearsal}, 0);",
        identity = uuid::Uuid::now_v7(),
        rights = rights(Dialect::Postgres),
    )
}
