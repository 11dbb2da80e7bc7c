//! One row of a registry file: from nine fields to a checked registration.
//!
//! Invariants: a [`Registration`] satisfies every rule below, its dates fit the log, and its
//! address is in lower case. An error names column and reason but never repeats the field, which
//! may be personal data. Deliberately absent: uniqueness of holder and address, which needs the
//! registry.

mod date;
mod text;

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::{Capability, CodiceFiscale, DateColumn, Plan, civil_date};

/// A checked registration. Its `Debug` form shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    /// The id in the registry file.
    pub registration_id: String,
    /// The holder.
    pub codice_fiscale: CodiceFiscale,
    /// The holder's surname.
    pub surname: String,
    /// The holder's given names.
    pub name: String,
    /// The address of the mailbox, in lower case.
    pub address: String,
    /// The date of the request.
    pub requested_on: NaiveDate,
    /// The date of the activation at the post office, if any.
    pub activated_on: Option<NaiveDate>,
    /// The date of the last message sent, if any.
    pub last_sent_on: Option<NaiveDate>,
    /// Another address of the holder, if any.
    pub notify_email: Option<String>,
}

/// Why a row is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{column}: {reason}")]
pub struct InvalidRegistration {
    /// The invalid column.
    pub column: &'static str,
    /// The reason and its correction.
    pub reason: String,
}

/// The rules that rows are checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationRules {
    zone: Tz,
    today: NaiveDate,
    /// The days from which activation is or is not allowed; the first is the beginning of time.
    activation: Vec<(NaiveDate, bool)>,
}

impl RegistrationRules {
    /// The rules of a plan at an instant.
    pub fn new(plan: &Plan, now: DateTime<Utc>) -> Self {
        let before = (NaiveDate::MIN, plan.in_service.contains(Capability::Activate));
        let phases = plan.phases.iter();
        let since = phases.map(|phase| (phase.from, phase.allows.contains(Capability::Activate)));
        Self {
            zone: plan.zone,
            today: civil_date(now, plan.zone),
            activation: std::iter::once(before).chain(since).collect(),
        }
    }

    /// The day from which activation was no longer allowed, if the given day is not before it.
    fn activation_closed(&self, day: NaiveDate) -> Option<NaiveDate> {
        let (from, allowed) = self.activation.iter().rev().find(|(from, _)| *from <= day)?;
        (!allowed).then_some(*from)
    }
}

impl Registration {
    /// The columns of a registry file, in the order of the fields of [`Self::check`].
    pub const COLUMNS: [&'static str; 9] = [
        "registration_id",
        "codice_fiscale",
        "surname",
        "name",
        "address",
        "requested_on",
        "activated_on",
        "last_sent_on",
        "notify_email",
    ];

    /// Checks a row, ignoring spaces around fields. Returns the first problem.
    pub fn check(
        fields: &[&str; 9],
        rules: &RegistrationRules,
    ) -> Result<Self, InvalidRegistration> {
        let [id, code, surname, name, address, requested, activated, sent, notice] =
            fields.map(str::trim);
        let at = |column| move |reason| InvalidRegistration { column, reason };
        let optional_day = |column, field| {
            if str::is_empty(field) {
                Ok(None)
            } else {
                past_day(field, rules).map(Some).map_err(at(column))
            }
        };
        let registration = Self {
            registration_id: text::id(id).map_err(at("registration_id"))?,
            codice_fiscale: text::codice_fiscale(code).map_err(at("codice_fiscale"))?,
            surname: text::name(surname).map_err(at("surname"))?,
            name: text::name(name).map_err(at("name"))?,
            address: text::address(address).map_err(at("address"))?,
            requested_on: past_day(requested, rules).map_err(at("requested_on"))?,
            activated_on: optional_day("activated_on", activated)?,
            last_sent_on: optional_day("last_sent_on", sent)?,
            notify_email: match notice {
                "" => None,
                notice => Some(text::address(notice).map_err(at("notify_email"))?),
            },
        };
        registration.check_activation(rules).map_err(at("activated_on"))?;
        registration.check_use().map_err(at("last_sent_on"))?;
        Ok(registration)
    }

    fn check_activation(&self, rules: &RegistrationRules) -> Result<(), String> {
        let Some(activated_on) = self.activated_on else { return Ok(()) };
        if activated_on < self.requested_on {
            return Err("activated before it was requested (requested_on)".into());
        }
        match rules.activation_closed(activated_on) {
            Some(from) => Err(format!("the plan allows no activation from {from} on")),
            None => Ok(()),
        }
    }

    fn check_use(&self) -> Result<(), String> {
        match (self.activated_on, self.last_sent_on) {
            (None, Some(_)) => Err("sent from a mailbox that was never activated".into()),
            (Some(activated_on), Some(sent_on)) if sent_on < activated_on => {
                Err("sent before it was activated (activated_on)".into())
            }
            _ => Ok(()),
        }
    }
}

/// A date that is not in the future and that the log can hold.
fn past_day(text: &str, rules: &RegistrationRules) -> Result<NaiveDate, String> {
    let day = date::parse(text, rules.zone)?;
    if day > rules.today {
        return Err(format!("the date is in the future: today is {}", rules.today));
    }
    if day < NaiveDate::default() || day > DateColumn::last_day() {
        let (first, last) = (NaiveDate::default(), DateColumn::last_day());
        return Err(format!("the date is not between {first} and {last}"));
    }
    Ok(day)
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("registration_id", &self.registration_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
