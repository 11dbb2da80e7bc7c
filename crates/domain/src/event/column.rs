use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{Days, NaiveDate};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One optional civil date for each mailbox of an event, in ascending order of mailbox numbers.
///
/// JSON form: base64 of one little-endian `u16` per mailbox, the days since 1970-01-01; 65535 means
/// no date. Two bytes per mailbox keep a registry of two million rows small in the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DateColumn(Vec<u16>);

const NONE: u16 = u16::MAX;

impl DateColumn {
    /// An empty column.
    pub fn new() -> Self {
        Self::default()
    }

    /// The last date that a column can hold.
    pub fn last_day() -> NaiveDate {
        day(NONE - 1)
    }

    /// Appends the date of the next mailbox.
    ///
    /// # Errors
    ///
    /// Returns a date before 1970-01-01 or after [`Self::last_day`].
    pub fn push(&mut self, date: Option<NaiveDate>) -> Result<(), NaiveDate> {
        let days = match date {
            None => NONE,
            Some(date) => {
                let days = date.signed_duration_since(NaiveDate::default()).num_days();
                u16::try_from(days).ok().filter(|days| *days != NONE).ok_or(date)?
            }
        };
        self.0.push(days);
        Ok(())
    }

    /// The number of mailboxes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is the column without mailboxes?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The date at an index; `None` without a date or beyond the end.
    pub fn get(&self, index: usize) -> Option<NaiveDate> {
        self.0.get(index).filter(|days| **days != NONE).map(|days| day(*days))
    }

    /// The dates in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<NaiveDate>> {
        self.0.iter().map(|days| (*days != NONE).then(|| day(*days)))
    }
}

fn day(days: u16) -> NaiveDate {
    NaiveDate::default().checked_add_days(Days::new(days.into())).unwrap_or(NaiveDate::MAX)
}

impl Serialize for DateColumn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|days| days.to_le_bytes()).collect();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for DateColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        let (days, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(D::Error::custom("a date column has an odd number of bytes"));
        }
        Ok(Self(days.iter().map(|days| u16::from_le_bytes(*days)).collect()))
    }
}
