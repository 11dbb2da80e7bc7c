//! Results of actions on the programme's keys.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::words::utc;

/// A key rotation.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum KeyRotation {
    /// A new key is published.
    Rotated {
        /// The new key.
        kid: String,
        /// The previous key.
        #[serde(skip)]
        retired: String,
        /// When the new key starts to sign.
        signs_from: DateTime<Utc>,
        /// The last day on which the old key's signatures are valid; `None` without end.
        until: Option<NaiveDate>,
        /// Whether the new key signs already.
        #[serde(skip)]
        at_once: bool,
    },
    /// The last rotation was recorded, which an interrupted process had omitted; no key was
    /// rotated.
    Recorded {},
}

impl fmt::Display for KeyRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Rotated { kid, retired, signs_from, until, at_once } = self else {
            return f.write_str(
                "the last rotation was not recorded; it is now, and no key was rotated: run it \
                 again to rotate",
            );
        };
        let valid = until.map_or_else(|| "without end".to_owned(), |day| format!("through {day}"));
        if *at_once {
            return write!(
                f,
                "key {kid} signs from now on; signatures of the previous key are valid {valid}: \
                 publish `tramonto key export` again, and give the keys to every service that has \
                 a copy; if the previous key leaked, `tramonto key retire {retired} \
                 --reason TEXT` revokes its \
                 signatures"
            );
        }
        write!(
            f,
            "key {kid} is published from now on and signs from {}; signatures of the previous key \
             are valid {valid}: publish `tramonto key export` again by then, and give the keys to \
             every service that has a copy",
            utc(*signs_from)
        )
    }
}

/// A key was retired.
#[derive(Debug, Clone, Serialize)]
pub struct KeyRetired {
    /// The key.
    pub kid: String,
    /// When its signatures stop being valid.
    pub verifies_until: DateTime<Utc>,
}

sentence!(
    KeyRetired { kid, verifies_until },
    "signatures of key {kid} are invalid from {} on: publish `tramonto key export` again, and give \
     the keys to every service that has a copy",
    utc(*verifies_until)
);
