//! The bodies of commands, as JSON. An unknown field is refused: ignoring it would ignore an
//! instruction.

use chrono::NaiveDate;
use domain::{Capabilities, MailboxId, ProviderId};
use registry::Row;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{Error, Reason};

/// A registration, as in a registry file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    registration_id: String,
    codice_fiscale: String,
    surname: String,
    name: String,
    address: String,
    requested_on: NaiveDate,
    activated_on: Option<NaiveDate>,
    last_sent_on: Option<NaiveDate>,
    notify_email: Option<String>,
    reason: Option<Reason>,
}

/// A mailbox was activated at the counter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activate {
    pub(super) registration_id: String,
    pub(super) activated_on: NaiveDate,
}

/// One mailbox, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WithMailbox {
    pub(super) mailbox: MailboxId,
    pub(super) reason: Reason,
}

/// A court or the operator keeps capabilities.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hold {
    pub(super) mailbox: MailboxId,
    pub(super) capabilities: Capabilities,
    pub(super) until: Option<NaiveDate>,
    pub(super) reason: Reason,
}

/// A hold ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub(super) mailbox: MailboxId,
    pub(super) hold: Uuid,
    pub(super) reason: Reason,
}

/// A voucher request is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refuse {
    pub(super) mailbox: MailboxId,
    #[serde(deserialize_with = "cause")]
    pub(super) cause: String,
    pub(super) reason: Reason,
}

/// A provider redeems a code, or a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redeem {
    pub(super) code: String,
    pub(super) provider: ProviderId,
    pub(super) reason: Option<Reason>,
}

/// Only why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    pub(super) reason: Reason,
}

fn cause<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    crate::cause(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// Parses a body. An error names field and position, never the value: it may be a name.
pub(super) fn read<T: DeserializeOwned>(data: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(data).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => problem(&error.to_string()),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => "not JSON".to_owned(),
        };
        let (line, column) = (error.line(), error.column());
        Error::Invalid(format!("cannot read the command: {what} (line {line}, column {column})"))
    })
}

/// The library's words where they name fields, and none where they would repeat a value.
fn problem(text: &str) -> String {
    let names_fields = text.starts_with("missing field") || text.starts_with("unknown field");
    let is_rule = text.starts_with("a reason") || text.starts_with("name no");
    if names_fields || is_rule {
        return text.split(" at line").next().unwrap_or_default().to_owned();
    }
    "a field has a value of the wrong form".to_owned()
}

impl Register {
    /// The reason, and the registration as a row of a registry.
    pub(super) fn into_row(self) -> (Option<Reason>, Row) {
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
        let row = Row {
            registration_id: self.registration_id,
            codice_fiscale: self.codice_fiscale,
            surname: self.surname,
            name: self.name,
            address: self.address,
            requested_on: self.requested_on.to_string(),
            activated_on: day(self.activated_on),
            last_sent_on: day(self.last_sent_on),
            notify_email: self.notify_email.unwrap_or_default(),
        };
        (self.reason, row)
    }
}
