-- What is derived from the log, for people and tools that ask in SQL. It follows behind, and can be built
-- again at any time.
CREATE TABLE projection.checkpoint (
    one bigint PRIMARY KEY CHECK (one = 1),
    programme text NOT NULL,
    position bigint NOT NULL,   -- the last event of the log that is in these tables
    first_event uuid,           -- the id of the log's first event: which log it is
    last_event uuid,            -- the id of the event at the position
    token bigint NOT NULL       -- of the lease under which it was last moved: an older one may not
);
CREATE TABLE projection.mailbox (
    number bigint PRIMARY KEY,
    id uuid NOT NULL,
    lifecycle text NOT NULL
        CHECK (lifecycle IN ('registered', 'activated', 'lapsed', 'withdrawn')),
    can_send boolean NOT NULL,  -- what the platform was last known to allow
    can_modify boolean NOT NULL,
    can_receive boolean NOT NULL,
    can_access boolean NOT NULL,
    held boolean NOT NULL,      -- a hold in the table hold keeps something of it
    incident boolean NOT NULL,  -- an incident that waits for an operator
    changed_at bigint NOT NULL  -- the position of the event that last changed this row
);
CREATE TABLE projection.hold (
    hold uuid PRIMARY KEY,
    number bigint NOT NULL,     -- the mailbox
    capabilities text NOT NULL, -- what is kept
    until date                  -- the last day it is kept; NULL until released
);
