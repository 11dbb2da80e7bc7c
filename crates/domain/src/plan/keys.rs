//! The keys of a plan file by section, each with an example.

/// A key and an example value; for a section, its heading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) example: &'static str,
}

const fn key(name: &'static str, example: &'static str) -> Key {
    Key { name, example }
}

pub(super) const PLAN: Key = key("plan", "the plan");
pub(super) const PROGRAMME: Key = key("programme", "\"cec-pac\"");
pub(super) const TITLE: Key = key("title", "\"The closing of CEC-PAC\"");
pub(super) const ZONE: Key = key("zone", "\"Europe/Rome\"");
pub(super) const SOURCES: Key = key("sources", "[\"Official Journal 12/2014, page 3\"]");
pub(super) const IN_SERVICE: Key = key("in-service", "[in-service]");
pub(super) const PHASE: Key = key("phase", "[[phase]]");
pub(super) const VOUCHERS: Key = key("vouchers", "[vouchers]");
pub(super) const RECURRING: Key = key("recurring", "[[recurring]]");
pub(super) const DRIFT: Key = key("drift", "[drift]");
pub(super) const RETRY: Key = key("retry", "[retry]");
pub(super) const REFUSALS: Key = key("refusals", "[refusals]");
pub(super) const NOTICE: Key = key("notice", "[[notice]]");
pub(super) const CANARIES: Key = key("canaries", "[canaries]");
pub(super) const MESSAGE_LOGS: Key = key("message-logs", "[message-logs]");
pub(super) const PLAN_KEYS: &[Key] = &[
    PROGRAMME,
    TITLE,
    ZONE,
    SOURCES,
    IN_SERVICE,
    PHASE,
    VOUCHERS,
    RECURRING,
    DRIFT,
    RETRY,
    REFUSALS,
    NOTICE,
    CANARIES,
    MESSAGE_LOGS,
];

pub(super) const ALLOWS: Key = key("allows", "[\"receive\", \"access\"]");
pub(super) const IN_SERVICE_KEYS: &[Key] = &[ALLOWS, SOURCES];

pub(super) const ID: Key = key("id", "\"receive-only\"");
pub(super) const PHASE_TITLE: Key = key("title", "\"Receive only\"");
pub(super) const FROM: Key = key("from", "2015-03-18");
pub(super) const RESTORES: Key = key("restores", "true");
pub(super) const PHASE_KEYS: &[Key] = &[ID, PHASE_TITLE, FROM, ALLOWS, RESTORES, SOURCES];

pub(super) const ELIGIBLE: Key = key("eligible", "\"registered\"");
pub(super) const REGISTERED_BEFORE: Key = key("registered-before", "2014-12-18");
pub(super) const LAST_DAY: Key = key("last-day", "2018-03-17");
pub(super) const INTAKE: Key = key("intake", "\"requests@agency.example\"");
pub(super) const REDEEM_BY: Key = key("redeem-by", "2018-12-31");
pub(super) const MAX_ISSUED: Key = key("max-issued", "500_000");
pub(super) const SWEEP: Key = key("sweep", "\"0 15 0 * * *\"");
pub(super) const REMIND: Key = key("remind", "\"0 0 9 1 * *\"");
pub(super) const REMIND_AFTER: Key = key("remind-after-days", "30");
pub(super) const REMIND_AT_MOST: Key = key("remind-at-most", "2");
pub(super) const VOUCHER_KEYS: &[Key] = &[
    ELIGIBLE,
    REGISTERED_BEFORE,
    LAST_DAY,
    REDEEM_BY,
    MAX_ISSUED,
    SWEEP,
    REMIND,
    REMIND_AFTER,
    REMIND_AT_MOST,
    INTAKE,
    SOURCES,
];

pub(super) const LINK_DAYS: Key = key("link-days", "30");
pub(super) const MESSAGE_LOGS_KEYS: &[Key] = &[LINK_DAYS, SWEEP];

pub(super) const NAME: Key = key("name", "\"left-overs\"");
pub(super) const CRON: Key = key("cron", "\"0 30 3 * * *\"");
pub(super) const CATCH_UP: Key = key("catch-up", "\"once\"");
pub(super) const RECURRING_KEYS: &[Key] = &[NAME, CRON, CATCH_UP];

pub(super) const SEND: Key = key("send", "[refusals.send]");
pub(super) const RECEIVE: Key = key("receive", "[refusals.receive]");
pub(super) const ACCESS: Key = key("access", "[refusals.access]");
pub(super) const REFUSALS_KEYS: &[Key] = &[SEND, RECEIVE, ACCESS];
pub(super) const STATUS: Key = key("status", "\"5.7.1\"");
const IT: Key = key("it", "\"questa casella non invia piu' messaggi\"");
const EN: Key = key("en", "\"this mailbox can no longer send\"");
pub(super) const REFUSAL_KEYS: &[Key] = &[STATUS, IT, EN];
pub(super) const ACCESS_REFUSAL_KEYS: &[Key] = &[IT, EN];

pub(super) const REPAIR: Key = key("repair", "false");
pub(super) const DRIFT_KEYS: &[Key] = &[CRON, REPAIR];

pub(super) const ATTEMPTS: Key = key("attempts", "8");
pub(super) const FIRST_DELAY: Key = key("first-delay-seconds", "30");
pub(super) const LONGEST_DELAY: Key = key("longest-delay-seconds", "3600");
pub(super) const RETRY_KEYS: &[Key] = &[ATTEMPTS, FIRST_DELAY, LONGEST_DELAY];

pub(super) const NOTICE_PHASE: Key = key("phase", "\"receive-only\"");
pub(super) const DAYS_BEFORE: Key = key("days-before", "30");
pub(super) const NOTICE_CRON: Key = key("cron", "\"0 0 9-17 * * Mon-Fri\"");
pub(super) const BATCH: Key = key("batch", "10000");
pub(super) const TO: Key = key("to", "\"losing\"");
pub(super) const NOTICE_TEXT: Key = key("text", "[[notice.text]]");
pub(super) const NOTICE_KEYS: &[Key] =
    &[ID, NOTICE_PHASE, DAYS_BEFORE, NOTICE_CRON, BATCH, TO, NOTICE_TEXT];

pub(super) const LANGUAGE: Key = key("language", "\"it\"");
pub(super) const SUBJECT: Key = key("subject", "\"From {first-day}: {ends}\"");
pub(super) const TEXT: Key = key("text", "\"From {first-day} {ends} will not be possible.\"");
pub(super) const NOTICE_TEXT_KEYS: &[Key] = &[LANGUAGE, SUBJECT, TEXT];

pub(super) const ADDRESSES: Key = key("addresses", "[\"canary@mail.example\"]");
pub(super) const RECIPIENT: Key = key("recipient", "\"echo@elsewhere.example\"");
pub(super) const CANARY_KEYS: &[Key] = &[ADDRESSES, RECIPIENT];
