CREATE TABLE vouchers.code (
    number bigint NOT NULL,
    issue bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (number, issue)
);
CREATE UNIQUE INDEX one_per_code ON vouchers.code (hash);
CREATE TABLE vouchers.mark (
    one bigint PRIMARY KEY CHECK (one = 1),
    hash bytea NOT NULL
);
