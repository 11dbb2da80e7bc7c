//! The tables, and how a file is known as ours.
//!
//! `log_head` is the one counter that gives positions; on this database the write lock would do,
//! but the row also answers for the head without a search, and must agree with the events when a
//! file is opened. There is no index on the event's kind: reading by kind is a projection's work.

/// In the file's header, so that no other program's database is taken for a store: "TRMO".
pub(crate) const APPLICATION_ID: u32 = 0x5452_4D4F;

/// The version of the tables below, kept in the file's header.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// Earlier versions can lose a commit in write-ahead mode when a checkpoint meets a writer.
pub(crate) const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// The index on the category holds the position too, as every index ends with the primary key.
pub(crate) const CREATE: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE log_head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        position INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL
    ) STRICT;
    INSERT INTO log_head VALUES (1, 0, 0);
    CREATE TABLE category (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE stream (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        category INTEGER NOT NULL,
        last_version INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE event (
        position INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        stream INTEGER NOT NULL,
        category INTEGER NOT NULL,
        version INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        schema_version INTEGER NOT NULL,
        effective_at INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT,
        correlation_id BLOB NOT NULL,
        causation_id BLOB,
        payload TEXT NOT NULL,
        UNIQUE (stream, version)
    ) STRICT;
    CREATE INDEX event_by_category ON event (category);
    CREATE TABLE subscription (
        name TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        token INTEGER NOT NULL,
        checkpoint INTEGER NOT NULL,
        granted_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER event_is_never_updated BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never changed: append an event that corrects it'); END;
    CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never deleted: append an event that revokes it'); END;
    COMMIT;";
