//! Answers for machines: one document over several lines, or one object a line.

use serde::Serialize;

use super::{Output, failed};
use crate::Error;

impl Output {
    /// Prints one JSON document over several lines, for people and `jq`.
    pub fn document(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(|error| failed(error.into()))?;
        self.line(text)
    }

    /// Prints one JSON object on one line.
    pub fn object(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(|error| failed(error.into()))?;
        self.line(text)
    }
}
