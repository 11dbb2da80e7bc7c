//! The tables, designed for users of `sqlite3` or `psql`.

use domain::{MailboxId, ProgrammeId};

use crate::stored::OTHER_VERSION;
use sql::{Durability, Format, Schema};

/// "tram" and the first letter of the projection.
const APPLICATION_ID: u32 = 0x7472_6d4d;
const SCHEMA_VERSION: u32 = 2;

/// A mailbox's id is computed from its number, so it takes no space: `MAILBOX_PREFIX` is the common
/// prefix of the programme's ids.
const CREATE: &str = "
CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    programme TEXT NOT NULL,
    position INTEGER NOT NULL,    -- the last event of the log that is in these tables
    first_event TEXT,             -- the id of the log's first event: which log it is
    last_event TEXT,              -- the id of the event at the position
    token INTEGER NOT NULL        -- 0: a file has no lease
) STRICT;
CREATE TABLE mailbox (
    number INTEGER PRIMARY KEY,
    id TEXT GENERATED ALWAYS AS ('MAILBOX_PREFIX' || printf('%08x', number)) VIRTUAL,
    lifecycle TEXT NOT NULL
        CHECK (lifecycle IN ('registered', 'activated', 'lapsed', 'withdrawn')),
    can_send INTEGER NOT NULL,    -- what the platform was last known to allow: 0 or 1
    can_modify INTEGER NOT NULL,
    can_receive INTEGER NOT NULL,
    can_access INTEGER NOT NULL,
    held INTEGER NOT NULL,        -- a hold in the table `hold` keeps something of it
    incident INTEGER NOT NULL,    -- an incident that waits for an operator
    changed_at INTEGER NOT NULL   -- the position of the event that last changed this row
) STRICT;
CREATE TABLE hold (
    hold TEXT PRIMARY KEY,
    number INTEGER NOT NULL,      -- the mailbox
    capabilities TEXT NOT NULL,   -- what is kept
    until TEXT                    -- the last day it is kept; NULL until released
) STRICT;
";

/// The tables in `PostgreSQL`.
pub(super) const SCHEMA: Schema = Schema {
    name: "projection",
    steps: &[("a row for each mailbox", include_str!("../../migrations/projection/1.sql"))],
};

/// The common prefix of the ids of a programme's mailboxes.
pub(super) fn prefix(programme: &ProgrammeId) -> String {
    let id = MailboxId::new(programme, 0).to_string();
    id.strip_suffix("00000000").unwrap_or(&id).to_owned()
}

pub(super) fn format(programme: &ProgrammeId) -> Format {
    Format {
        application_id: APPLICATION_ID,
        schema_version: SCHEMA_VERSION,
        create: CREATE.replace("MAILBOX_PREFIX", &prefix(programme)),
        upgrades: &[],
        other_version: OTHER_VERSION,
        durability: Durability::Derived,
    }
}
