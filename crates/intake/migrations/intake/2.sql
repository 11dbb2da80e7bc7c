-- Up to whom of which round of reminders the letters are written. One row, made before the first claim.
CREATE TABLE intake.reminding (
    one bigint PRIMARY KEY CHECK (one = 1),
    round bigint NOT NULL,
    after bigint NOT NULL
);
