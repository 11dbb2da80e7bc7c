//! Encodes registrations as rows of the table.

use chrono::{Days, NaiveDate};
use domain::Registration;
use sha2::{Digest, Sha256};

use super::Entry;
use sql::Statement;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT number, registration_id, codice_fiscale, surname, name, address, \
             requested_on, activated_on, last_sent_on, notify_email FROM registration ",
            $rest
        )
    };
}

/// The rows of the numbers given as `$1`.
macro_rules! of_numbers {
    ($statement:expr, $rest:literal) => {
        Statement {
            sqlite: concat!(
                $statement,
                " WHERE number IN (SELECT value FROM json_each($1))",
                $rest
            ),
            postgres: concat!($statement, " WHERE number = ANY ($1)", $rest),
        }
    };
}

pub(super) const BY_ADDRESS: &str = select!("WHERE address = $1");
pub(super) const BY_HOLDER: &str = select!("WHERE codice_fiscale = $1");
pub(super) const BY_ID: &str = select!("WHERE registration_id = $1");
pub(super) const OF_NUMBERS: Statement = of_numbers!(select!(""), " ORDER BY number");
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT number, registration_id, codice_fiscale, address, digest FROM registration",
            $rest
        )
    };
}
pub(super) const KEYS_OF: Statement = of_numbers!(select_keys!(""), "");
pub(super) const KEYS: &str = select_keys!(" WHERE number >= $1 ORDER BY number LIMIT $2");
/// The rows that a registration may be, or collide with.
pub(super) const KEYS_LIKE: &str =
    select_keys!(" WHERE registration_id = $1 OR codice_fiscale = $2 OR address = $3");
pub(super) const ADDRESSES: &str = "
    SELECT number, address, activated_on IS NOT NULL FROM registration
    WHERE number BETWEEN $1 AND $2 ORDER BY number";
pub(super) const ADDRESSES_OF: Statement = of_numbers!(
    "SELECT number, address, activated_on IS NOT NULL FROM registration",
    " ORDER BY number"
);
pub(super) const CONTACTS: Statement =
    of_numbers!("SELECT number, address, notify_email FROM registration", " ORDER BY number");
pub(super) const REQUESTED_BEFORE: Statement =
    of_numbers!("SELECT number FROM registration", " AND requested_on < $2 ORDER BY number");
pub(super) const COUNTS: &str =
    "SELECT count(*), count(activated_on), count(last_sent_on) FROM registration";
/// The numbers of erased holders are not reused.
pub(super) const NEXT_NUMBER: &str = "
    SELECT coalesce(max(number) + 1, 0) FROM (
        SELECT max(number) AS number FROM registration
        UNION ALL SELECT max(number) FROM erased) AS last";

/// A registration, its number, and the digest that shows changes.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) number: u32,
    pub(crate) registration: Registration,
    pub(crate) digest: i64,
}

/// The unique keys of a registration, and the digest that shows changes.
pub(crate) struct Keys {
    pub(crate) number: u32,
    pub(crate) registration_id: String,
    pub(crate) codice_fiscale: String,
    pub(crate) address: String,
    pub(crate) digest: i64,
}

/// Eight bytes of SHA-256 over the fields: equal registrations have equal digests.
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

pub(super) fn keys(row: (i64, String, String, String, i64)) -> Result<Keys, String> {
    let (number, registration_id, codice_fiscale, address, digest) = row;
    Ok(Keys { number: number_of(number)?, registration_id, codice_fiscale, address, digest })
}

/// Number, address, and whether it is activated.
pub(super) fn address(
    (number, address, activated): (i64, String, bool),
) -> Result<(u32, String, bool), String> {
    Ok((number_of(number)?, address, activated))
}

#[rustfmt::skip]
pub(super) type EntryRow =
    (i64, String, String, String, String, String, i64, Option<i64>, Option<i64>, Option<String>);

/// Parses a whole row. An invalid row was not written by this program.
pub(super) fn entry(row: EntryRow) -> Result<Entry, String> {
    let (
        number,
        registration_id,
        codice_fiscale,
        surname,
        name,
        address,
        requested_on,
        activated_on,
        last_sent_on,
        notify_email,
    ) = row;
    let number = number_of(number)?;
    let (Ok(codice_fiscale), Some(requested_on)) = (codice_fiscale.parse(), to_day(requested_on))
    else {
        return Err(format!("row {number} is not a valid registration"));
    };
    let registration = Registration {
        registration_id,
        codice_fiscale,
        surname,
        name,
        address,
        requested_on,
        activated_on: activated_on.and_then(to_day),
        last_sent_on: last_sent_on.and_then(to_day),
        notify_email,
    };
    Ok(Entry { number, registration })
}

/// Number, address, and the address for notices.
pub(super) fn contact(
    (number, address, notify): (i64, String, Option<String>),
) -> Result<(u32, String, Option<String>), String> {
    Ok((number_of(number)?, address, notify))
}

pub(super) fn number_of(stored: i64) -> Result<u32, String> {
    u32::try_from(stored).map_err(|error| format!("{stored} is not a mailbox number ({error})"))
}
