//! The tables, written for whoever opens the file with `sqlite3`.

use domain::{MailboxId, ProgrammeId};

use crate::database::Format;
use crate::stored;

/// "tram" and the first letter of the projection.
const APPLICATION_ID: u32 = 0x7472_6d4d;
const SCHEMA_VERSION: u32 = 1;

/// A mailbox's id is worked out from its number, so it takes no room: `MAILBOX_PREFIX` is what the ids
/// of the programme have in common.
const CREATE: &str = "
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

pub(super) const DIGEST: &str = "
    SELECT number, format('%d %s %s %d%d%d%d%d%d %d', number, id, lifecycle,
        can_send, can_modify, can_receive, can_access, held, incident, changed_at)
    FROM mailbox WHERE number > ? ORDER BY number LIMIT ?";

pub(super) const DIGEST_OF_HOLDS: &str = "
    SELECT format('%s %d %s %s', hold, number, capabilities, until) FROM hold ORDER BY hold";

pub(super) fn format(programme: &ProgrammeId) -> Format {
    let id = MailboxId::new(programme, 0).to_string();
    let prefix = id.strip_suffix("00000000").unwrap_or(&id);
    let create = format!("{}{}", stored::CREATE, CREATE.replace("MAILBOX_PREFIX", prefix));
    Format { application_id: APPLICATION_ID, schema_version: SCHEMA_VERSION, create }
}
