use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PhaseId;

/// The key of an incident, written `phase:cause`, or `-:cause` without a phase.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IncidentKey {
    /// The phase of the failed effect.
    pub phase: Option<PhaseId>,
    /// Why, as a short code.
    pub cause: String,
}

impl IncidentKey {
    /// The key of a phase and a cause.
    pub(crate) fn new(phase: Option<&PhaseId>, cause: &str) -> Self {
        Self { phase: phase.cloned(), cause: cause.to_owned() }
    }
}

impl fmt::Display for IncidentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Some(phase) => write!(f, "{phase}:{}", self.cause),
            None => write!(f, "-:{}", self.cause),
        }
    }
}

impl FromStr for IncidentKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (phase, cause) =
            text.split_once(':').filter(|(_, cause)| !cause.is_empty()).ok_or_else(|| {
                format!(
                    "invalid incident {text:?}; expected PHASE:CAUSE as printed by `incident list`"
                )
            })?;
        let phase = if phase == "-" { None } else { Some(phase.parse()?) };
        Ok(Self { phase, cause: cause.to_owned() })
    }
}

impl TryFrom<String> for IncidentKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<IncidentKey> for String {
    fn from(key: IncidentKey) -> Self {
        key.to_string()
    }
}
