//! The tables of a mail directory in `PostgreSQL`.

use super::super::Mode;

/// The newest version of the tables known to this program.
pub(super) const VERSION: i32 = 2;
/// The current instant of the directory: the start of the statement, so the planner may treat it as
/// stable, and it still advances in a session that keeps a transaction open.
pub(super) const NOW: &str =
    "coalesce((SELECT rehearsed_at FROM directory.clock), statement_timestamp())";

/// Statements that migrate a directory of an earlier version.
pub(super) fn upgrade() -> String {
    let rights = rights();
    format!(
        "ALTER TABLE directory.mailbox ADD COLUMN password text;
         ALTER TABLE directory.refusal
           ADD COLUMN send_status text NOT NULL DEFAULT '5.7.1',
           ADD COLUMN receive_status text NOT NULL DEFAULT '5.2.1';
         {rights}
         UPDATE directory.directory SET version = {VERSION};"
    )
}

/// The view that mail servers query. It is replaced, not recreated, so that grants on it stay: new
/// columns are appended.
fn rights() -> String {
    format!(
        "CREATE OR REPLACE VIEW directory.rights AS
           SELECT number, address,
             send_until > {NOW} AS can_send,
             read_only_from <= {NOW} AS read_only,
             receive_until > {NOW} AS can_receive,
             login_until > {NOW} AS can_login,
             (SELECT send FROM directory.refusal) AS send_reason,
             (SELECT read_only FROM directory.refusal) AS read_only_reason,
             (SELECT receive FROM directory.refusal) AS receive_reason,
             (SELECT login FROM directory.refusal) AS login_reason,
             password,
             (SELECT send_status FROM directory.refusal) AS send_status,
             (SELECT receive_status FROM directory.refusal) AS receive_status
           FROM directory.mailbox JOIN directory.armed USING (number);"
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
         INSERT INTO directory.clock VALUES (1, NULL);
         CREATE TABLE directory.mailbox (
           number bigint PRIMARY KEY CHECK (number BETWEEN 0 AND 4294967295),
           address text COLLATE \"C\" NOT NULL CHECK (address = lower(address)),
           -- Looked at when a statement ends, so that two mailboxes may swap theirs in one.
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
         CREATE TABLE directory.refusal (
           one integer PRIMARY KEY CHECK (one = 1),
           send text NOT NULL,
           read_only text NOT NULL,
           receive text NOT NULL,
           login text NOT NULL,
           send_status text NOT NULL DEFAULT '5.7.1', -- enhanced status codes
           receive_status text NOT NULL DEFAULT '5.2.1'
         );
         INSERT INTO directory.refusal (one, send, read_only, receive, login) VALUES (1,
           'this mailbox can no longer send',
           'this mailbox can only be consulted',
           'this mailbox can no longer receive',
           'this mailbox is closed');
         {rights}
         INSERT INTO directory.directory VALUES (1, {VERSION}, '{identity}', {rehearsal}, 0);",
        identity = uuid::Uuid::now_v7(),
        rights = rights(),
    )
}
