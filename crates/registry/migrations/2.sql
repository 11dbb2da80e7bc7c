-- Whose rows are gone. Their numbers are never given again, and the id that the registry file has for them is kept
-- as a hash (SHA-256), so that the same file read again does not bring them back.
CREATE TABLE registry.erased (
    number bigint PRIMARY KEY,
    registration bytea NOT NULL
);
