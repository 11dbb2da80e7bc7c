//! How a registration stands in the table.

use chrono::{Days, NaiveDate};
use domain::Registration;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Entry;
use super::error::{Error, Place};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT number, registration_id, codice_fiscale, surname, name, address, \
             requested_on, activated_on, last_sent_on, notify_email FROM registration ",
            $rest
        )
    };
}

pub(super) const BY_NUMBER: &str = select!("WHERE number = CAST(? AS INTEGER)");
pub(super) const BY_ADDRESS: &str = select!("WHERE address = ?");
pub(super) const BY_ID: &str = select!("WHERE registration_id = ?");
pub(super) const OF_NUMBERS: &str = select!("WHERE number IN (SELECT value FROM json_each(?))");
pub(super) const BRIEF: &str = "
    SELECT number, registration_id, codice_fiscale, address, digest FROM registration
    WHERE number IN (SELECT value FROM json_each(?))";
pub(super) const KEYS: &str = "
    SELECT number, registration_id, codice_fiscale, address FROM registration
    WHERE number >= ? ORDER BY number LIMIT ?";
pub(super) const ADDRESSES: &str = "
    SELECT number, address, activated_on IS NOT NULL FROM registration
    WHERE number BETWEEN ? AND ? ORDER BY number";
pub(super) const ADDRESSES_OF: &str = "
    SELECT number, address, activated_on IS NOT NULL FROM registration
    WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number";
pub(super) const COUNTS: &str =
    "SELECT count(*), count(activated_on), count(last_sent_on) FROM registration";
pub(super) const NEXT_NUMBER: &str = "SELECT coalesce(max(number) + 1, 0) FROM registration";

/// A registration, its number, and what tells whether it changed.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) number: u32,
    pub(crate) registration: Registration,
    pub(crate) digest: i64,
}

/// What no two registrations share.
pub(crate) struct Keys {
    pub(crate) number: u32,
    pub(crate) registration_id: String,
    pub(crate) codice_fiscale: String,
    pub(crate) address: String,
}

/// The keys of a registration, and what tells whether it changed.
pub(crate) struct Brief {
    pub(crate) keys: Keys,
    pub(crate) digest: i64,
}

/// Eight bytes of SHA-256 over the fields: the same registration gives the same digest.
pub(crate) fn digest(registration: &Registration) -> i64 {
    let Registration { registration_id, codice_fiscale, surname, name, address, .. } = registration;
    let mut hash = Sha256::new();
    for text in [registration_id, codice_fiscale.as_str(), surname, name, address] {
        hash.update(text);
        hash.update([0x1f]);
    }
    let days =
        [Some(registration.requested_on), registration.activated_on, registration.last_sent_on];
    for day in days {
        hash.update(day.map_or(-1, from_day).to_le_bytes());
    }
    hash.update(registration.notify_email.as_deref().unwrap_or_default());
    hash.finalize().first_chunk().copied().map_or(0, i64::from_le_bytes)
}

/// A day as its number from 1970-01-01.
pub(super) fn from_day(day: NaiveDate) -> i64 {
    day.signed_duration_since(NaiveDate::default()).num_days()
}

fn to_day(days: i64) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_days(Days::new(u64::try_from(days).ok()?))
}

pub(super) fn json_numbers(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    format!("[{}]", texts.join(","))
}

pub(super) fn keys(row: &SqliteRow) -> Result<Keys, sqlx::Error> {
    Ok(Keys {
        number: row.try_get(0)?,
        registration_id: row.try_get(1)?,
        codice_fiscale: row.try_get(2)?,
        address: row.try_get(3)?,
    })
}

/// Reads a whole row. What does not fit was not written by this program.
pub(super) fn entry(row: &SqliteRow, place: &Place) -> Result<Entry, Error> {
    let number: u32 = row.try_get(0).map_err(|error| place.fault(error))?;
    let text = |column: usize| row.try_get::<String, _>(column);
    let day = |column: usize| row.try_get::<Option<i64>, _>(column);
    let read = || -> Result<Option<Registration>, sqlx::Error> {
        let optional = |column| day(column).map(|days| days.and_then(to_day));
        let (Ok(codice_fiscale), Some(requested_on)) = (text(2)?.parse(), optional(6)?) else {
            return Ok(None);
        };
        Ok(Some(Registration {
            registration_id: text(1)?,
            codice_fiscale,
            surname: text(3)?,
            name: text(4)?,
            address: text(5)?,
            requested_on,
            activated_on: optional(7)?,
            last_sent_on: optional(8)?,
            notify_email: row.try_get(9)?,
        }))
    };
    match read().map_err(|error| place.fault(error))? {
        Some(registration) => Ok(Entry { number, registration }),
        None => {
            Err(place.corrupt(format_args!("the row of number {number} is not a registration")))
        }
    }
}
