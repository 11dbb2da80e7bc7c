-- Personal data, and nothing else has it. The same tables as in the embedded engine's registry.db.
-- Days are counted from 1970-01-01, as in the log: DATE '1970-01-01' + requested_on::integer.
CREATE TABLE registry.registration (
    number bigint PRIMARY KEY,
    registration_id text NOT NULL,
    codice_fiscale text NOT NULL,
    surname text NOT NULL,
    name text NOT NULL,
    address text NOT NULL,
    requested_on bigint NOT NULL,
    activated_on bigint,
    last_sent_on bigint,
    notify_email text,
    digest bigint NOT NULL
);
CREATE TABLE registry.import (
    number bigint PRIMARY KEY,
    source text NOT NULL,
    started_at bigint NOT NULL,
    first_new bigint NOT NULL,
    finished boolean NOT NULL
);
-- What rows were before the last import changed them.
CREATE TABLE registry.changed_row (
    number bigint PRIMARY KEY,
    codice_fiscale text NOT NULL,
    address text NOT NULL
);
-- What the log is still to be told.
CREATE TABLE registry.outbox (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    kind text NOT NULL,
    schema_version bigint NOT NULL,
    effective_at bigint NOT NULL,
    actor text NOT NULL,
    reason text,
    correlation_id uuid NOT NULL,
    payload text NOT NULL
);
CREATE TABLE registry.programme (
    one bigint PRIMARY KEY CHECK (one = 1),
    name text NOT NULL
);
