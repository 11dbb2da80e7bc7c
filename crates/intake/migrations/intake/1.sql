-- Received messages and what follows from them: personal data that is stored nowhere else. The same tables as in the
-- embedded engine's intake.db. Instants are microseconds since 1970-01-01T00:00Z.
CREATE TABLE intake.message (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    received_at bigint NOT NULL,
    sender text,
    content bytea NOT NULL,
    status text NOT NULL,
    reason text,
    mailbox bigint,
    decided_at bigint,
    releases bigint NOT NULL DEFAULT 0
);
CREATE INDEX message_by_status ON intake.message (status, number);
-- Case does not matter in a sender's address.
CREATE INDEX message_by_sender ON intake.message (lower(sender), number);
CREATE INDEX message_by_mailbox ON intake.message (mailbox);
-- The outbox. Codes and links are not stored: both are made when a letter is written.
CREATE TABLE intake.letter (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    message bigint NOT NULL,
    mailbox bigint,
    route text NOT NULL,
    why text,
    status text NOT NULL,
    created_at bigint NOT NULL,
    due_at bigint NOT NULL,
    attempts bigint NOT NULL,
    settled_at bigint
);
CREATE INDEX letter_by_status ON intake.letter (status, due_at);
CREATE INDEX letter_by_message ON intake.letter (message);
CREATE INDEX letter_by_mailbox ON intake.letter (mailbox, number);
-- Single-use links, by the keyed hash of their token.
CREATE TABLE intake.confirmation (
    letter bigint PRIMARY KEY,
    token bytea NOT NULL UNIQUE,
    address bytea NOT NULL,
    mailbox bigint NOT NULL,
    message bigint NOT NULL,
    route text NOT NULL,
    expires_at bigint NOT NULL,
    used_at bigint,
    settled_at bigint
);
CREATE INDEX confirmation_by_mailbox ON intake.confirmation (mailbox);
-- Up to which mailbox of which round letters of reminders are queued. One row, created before the first claim.
CREATE TABLE intake.reminder_cursor (
    one bigint PRIMARY KEY CHECK (one = 1),
    round bigint NOT NULL,
    after bigint NOT NULL
);
