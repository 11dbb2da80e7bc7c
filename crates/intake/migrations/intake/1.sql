-- What came by e-mail, and what it led to: personal data, and nothing else has it. The same tables as in the
-- embedded engine's intake.db. Instants are microseconds since 1970-01-01T00:00Z.
CREATE TABLE intake.message (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    received_at bigint NOT NULL,
    sender text,
    content bytea NOT NULL,
    standing text NOT NULL,
    reason text,
    mailbox bigint,
    decided_at bigint,
    asks bigint NOT NULL DEFAULT 0
);
CREATE INDEX message_by_standing ON intake.message (standing, number);
CREATE INDEX message_by_sender ON intake.message (sender, number);
CREATE INDEX message_by_mailbox ON intake.message (mailbox);
-- Letters to be sent. Neither a code nor a link is kept: both are made when the letter is.
CREATE TABLE intake.letter (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    message bigint NOT NULL,
    mailbox bigint,
    route text NOT NULL,
    why text,
    standing text NOT NULL,
    made_at bigint NOT NULL,
    due_at bigint NOT NULL,
    attempts bigint NOT NULL,
    settled_at bigint
);
CREATE INDEX letter_by_standing ON intake.letter (standing, due_at);
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
