-- Roles of Tramonto's database and their rights. Run as its owner, after `tramonto store migrate` and again after every
-- upgrade:
--
--     psql --set ON_ERROR_STOP=1 --dbname tramonto --file roles.sql
--
-- It may be run any number of times and grants rights on what exists: missing schemas (`registry`, `directory`,
-- `projection`, `vouchers`, `intake`) are skipped. The roles cannot log in; grant them to the users of the services:
--
--     CREATE ROLE "tramonto-worker" LOGIN PASSWORD '…' IN ROLE tramonto_writer;
--
-- | role               | for                       | may                                                  |
-- |--------------------|---------------------------|------------------------------------------------------|
-- | tramonto_writer    | scheduler, worker, api, intake | append events, take leases, write the registry, the mail directory, the voucher codes and received e-mail |
-- | tramonto_projector | projector                 | read the log and the registry, take leases, move checkpoints, write projections and the mail directory |
-- | tramonto_relay     | relay                     | read the log, take leases, move checkpoints          |
-- | tramonto_reader    | auditors, dashboards      | read the log and the projections; no personal data   |
-- | tramonto_policy    | policy                    | read the log, and of the registry numbers and addresses |
-- | tramonto_portal    | portal                    | append events, mark a link that a letter holds as used; no personal data |
-- | tramonto_mail      | Postfix, Dovecot          | look up addresses, rights and password hashes in `directory.rights` |
--
-- Message logs have no schema: their index is a folder of whoever runs `tramonto log-request`, and of the portal.
-- Each service needs one role; `tramonto run`, which runs every service, needs the first three. Nobody may change or
-- delete an event: no role has the right, and triggers refuse it to the owner as well.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY[
        'tramonto_writer', 'tramonto_projector', 'tramonto_relay', 'tramonto_reader', 'tramonto_policy',
        'tramonto_portal', 'tramonto_mail'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server was given its roles at the same moment
            END;
        END IF;
    END LOOP;
END $$;

-- Grants of an earlier version of this file are revoked first.
DO $$
DECLARE
    kept text;
    everyone text := 'PUBLIC, tramonto_writer, tramonto_projector, tramonto_relay, tramonto_reader, tramonto_policy, '
        'tramonto_portal, tramonto_mail';
BEGIN
    FOR kept IN
        SELECT nspname FROM pg_namespace
        WHERE nspname IN ('tramonto', 'registry', 'directory', 'projection', 'vouchers', 'intake')
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s', kept, everyone);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %s', kept, everyone);
        EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM %s', kept, everyone);
    END LOOP;
END $$;

-- The log: everyone reads it, the writer appends. Appending also updates the head of the log and a stream's last
-- version.
GRANT USAGE ON SCHEMA tramonto
    TO tramonto_writer, tramonto_projector, tramonto_relay, tramonto_reader, tramonto_policy, tramonto_portal;
GRANT SELECT ON ALL TABLES IN SCHEMA tramonto
    TO tramonto_writer, tramonto_projector, tramonto_relay, tramonto_reader, tramonto_policy, tramonto_portal;
-- The portal records each access to an export.
GRANT INSERT ON tramonto.event, tramonto.stream, tramonto.kind, tramonto.category TO tramonto_writer, tramonto_portal;
GRANT UPDATE (last_version) ON tramonto.stream TO tramonto_writer, tramonto_portal;
GRANT UPDATE (position, recorded_at, last_stream) ON tramonto.log_head TO tramonto_writer, tramonto_portal;

-- Leases and checkpoints. A lease is a row that its owner writes; fencing keeps checkpoints in order, not rights.
GRANT INSERT, UPDATE ON tramonto.subscription TO tramonto_writer, tramonto_projector, tramonto_relay;

-- The other schemas, where they exist. Whoever opens one reads the record of its migrations.
DO $$
BEGIN
    IF to_regnamespace('registry') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA registry TO tramonto_writer, tramonto_projector;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA registry TO tramonto_writer;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA registry TO tramonto_writer;
        -- The mailboxes that it provisions in the mail directory.
        GRANT SELECT ON ALL TABLES IN SCHEMA registry TO tramonto_projector;
    END IF;
    IF to_regclass('registry.registration') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA registry TO tramonto_policy;
        GRANT SELECT (number, address, activated_on) ON registry.registration TO tramonto_policy;
        GRANT SELECT ON registry.programme, registry.migration TO tramonto_policy;
    END IF;
    IF to_regnamespace('directory') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA directory TO tramonto_writer, tramonto_projector;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA directory
            TO tramonto_writer, tramonto_projector;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA directory TO tramonto_writer, tramonto_projector;
        -- The view reads the tables with the rights of its owner.
        GRANT USAGE ON SCHEMA directory TO tramonto_mail;
        GRANT SELECT ON directory.rights TO tramonto_mail;
    END IF;
    IF to_regnamespace('vouchers') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA vouchers TO tramonto_writer;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA vouchers TO tramonto_writer;
    END IF;
    IF to_regnamespace('intake') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA intake TO tramonto_writer;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA intake TO tramonto_writer;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA intake TO tramonto_writer;
    END IF;
    IF to_regclass('intake.confirmation') IS NOT NULL THEN
        -- A link's hash and expiry, not its holder.
        GRANT USAGE ON SCHEMA intake TO tramonto_portal;
        GRANT SELECT (token, used_at, expires_at), UPDATE (used_at) ON intake.confirmation TO tramonto_portal;
        GRANT SELECT ON intake.migration TO tramonto_portal;
    END IF;
    IF to_regnamespace('projection') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA projection TO tramonto_projector, tramonto_reader, tramonto_writer;
        GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA projection
            TO tramonto_projector;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA projection TO tramonto_projector;
        GRANT SELECT ON ALL TABLES IN SCHEMA projection TO tramonto_reader, tramonto_writer;
    END IF;
END $$;
