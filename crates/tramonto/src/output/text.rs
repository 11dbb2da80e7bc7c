//! Numbers and instants as people read them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
pub(crate) use views::{count, mailboxes, utc};

pub(crate) use super::table::table;

/// An instant as the zone's clocks show it.
pub(crate) fn local(instant: DateTime<Utc>, zone: Tz) -> String {
    instant.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}
