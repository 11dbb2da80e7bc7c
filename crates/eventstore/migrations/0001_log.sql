-- The log. Everything is in the schema `tramonto`; nothing here relies on the search path.
--
-- `log_head` is the one counter row: an append locks it first and holds it to its commit, so commit order is
-- position order and positions have no holes. It gives the numbers of streams as well. Payloads are kept as text:
-- `jsonb` would reorder them, and what was handed in must come back byte for byte. Names compare by their bytes.

CREATE TABLE tramonto.log_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    last_stream bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO tramonto.log_head (position, recorded_at, last_stream) VALUES (0, 'epoch', 0);

CREATE TABLE tramonto.category (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE tramonto.kind (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);

-- Room is left in each page, so that a stream's last version is changed without touching an index.
CREATE TABLE tramonto.stream (
    id bigint PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    category integer NOT NULL,
    last_version bigint NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE tramonto.event (
    position bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    stream bigint NOT NULL,
    category integer NOT NULL,
    version bigint NOT NULL,
    kind integer NOT NULL,
    schema_version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor text NOT NULL,
    reason text,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    payload text NOT NULL,
    UNIQUE (stream, version)
);
CREATE INDEX event_by_category ON tramonto.event (category, position);

CREATE TABLE tramonto.subscription (
    name text COLLATE "C" PRIMARY KEY,
    owner text NOT NULL,
    token bigint NOT NULL,
    checkpoint bigint NOT NULL,
    granted_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION tramonto.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'events are never changed: append an event that corrects it';
    END IF;
    RAISE EXCEPTION 'events are never deleted: append an event that revokes it';
END $$;

-- Once a statement, so that nothing is let through because it touched no row; and always, so that the setting
-- which switches triggers off for replication does not switch this one off.
CREATE TRIGGER event_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON tramonto.event
    FOR EACH STATEMENT EXECUTE FUNCTION tramonto.refuse_change();
ALTER TABLE tramonto.event ENABLE ALWAYS TRIGGER event_is_never_changed;
