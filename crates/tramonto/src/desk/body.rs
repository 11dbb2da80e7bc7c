//! What a command says, as JSON. An unknown field is refused: it would be a wish that nobody grants.

use std::path::Path;

use chrono::NaiveDate;
use domain::{Capabilities, MailboxId, ProviderId, Registration};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Trouble;
use crate::cli::Reason;

/// A registration, as in a registry file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    registration_id: String,
    codice_fiscale: String,
    surname: String,
    name: String,
    address: String,
    requested_on: NaiveDate,
    #[serde(default)]
    activated_on: Option<NaiveDate>,
    #[serde(default)]
    last_sent_on: Option<NaiveDate>,
    #[serde(default)]
    notify_email: Option<String>,
    #[serde(default, skip_serializing, deserialize_with = "some_reason")]
    pub(super) reason: Option<String>,
}

/// A mailbox was activated at the counter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activate {
    pub(super) registration_id: String,
    pub(super) activated_on: NaiveDate,
}

/// Its holder gives it up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdraw {
    pub(super) mailbox: MailboxId,
    #[serde(deserialize_with = "reason")]
    pub(super) reason: String,
}

/// A court or the operator keeps capabilities.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hold {
    pub(super) mailbox: MailboxId,
    pub(super) capabilities: Capabilities,
    #[serde(default)]
    pub(super) until: Option<NaiveDate>,
    #[serde(deserialize_with = "reason")]
    pub(super) reason: String,
}

/// A hold ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub(super) mailbox: MailboxId,
    pub(super) hold: Uuid,
    #[serde(deserialize_with = "reason")]
    pub(super) reason: String,
}

/// Something about the voucher of one holder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Voucher {
    pub(super) mailbox: MailboxId,
    #[serde(deserialize_with = "reason")]
    pub(super) reason: String,
}

/// The request for one is turned down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refuse {
    pub(super) mailbox: MailboxId,
    #[serde(deserialize_with = "cause")]
    pub(super) cause: String,
    #[serde(deserialize_with = "reason")]
    pub(super) reason: String,
}

/// A provider redeems a code, or a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redeem {
    pub(super) code: String,
    pub(super) provider: ProviderId,
    #[serde(default, deserialize_with = "some_reason")]
    pub(super) reason: Option<String>,
}

/// Only why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    #[serde(deserialize_with = "reason")]
    pub(super) reason: String,
}

/// A reason goes into the log, so it is held to the same rules as on the command line.
fn reason<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let reason: Reason = text.parse().map_err(serde::de::Error::custom)?;
    Ok(reason.as_str().to_owned())
}

/// A cause is counted, so it is a short code.
fn cause<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    crate::cli::cause(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn some_reason<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    reason(from).map(Some)
}

/// Reads what a command says. What is wrong is told by place and kind, never by value: it may be a name.
pub(super) fn read<T: DeserializeOwned>(data: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(data).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => told(&error.to_string()),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => "it is not JSON".to_owned(),
        };
        Trouble::Invalid(format!(
            "the command can't be read: {what} (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

/// The library's words where they name fields, and none where they would repeat a value.
fn told(problem: &str) -> String {
    let names_fields = problem.starts_with("missing field") || problem.starts_with("unknown field");
    let is_rule = problem.starts_with("a reason") || problem.starts_with("name no");
    if names_fields || is_rule {
        return problem.split(" at line").next().unwrap_or_default().to_owned();
    }
    "a field has a value of the wrong form".to_owned()
}

impl Register {
    /// What is known of a registration, with the day it was activated.
    pub(super) fn again(known: &Registration, activated_on: NaiveDate) -> Self {
        Self {
            registration_id: known.registration_id.clone(),
            codice_fiscale: known.codice_fiscale.to_string(),
            surname: known.surname.clone(),
            name: known.name.clone(),
            address: known.address.clone(),
            requested_on: known.requested_on,
            activated_on: Some(activated_on),
            last_sent_on: known.last_sent_on,
            notify_email: known.notify_email.clone(),
            reason: None,
        }
    }

    /// As a registry file of one row.
    pub(super) fn to_csv(&self) -> Result<Vec<u8>, Trouble> {
        let mut file = csv::Writer::from_writer(Vec::new());
        let written = file.serialize(self).map_err(|error| error.to_string());
        let file = written.and_then(|()| file.into_inner().map_err(|error| error.to_string()));
        file.map_err(|error| Trouble::Invalid(format!("the registration can't be read: {error}")))
    }
}

/// Why the one row was rejected, by its column; no value is repeated.
pub(super) fn rejected_because(rejects: &Path) -> String {
    let reason = || {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(rejects).ok()?;
        let row = reader.records().next()?.ok()?;
        Some(format!("{}: {}", row.get(1)?, row.get(2)?))
    };
    reason().unwrap_or_else(|| "it is not as a registry file has it".to_owned())
}
