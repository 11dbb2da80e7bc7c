//! Permission violations. The server does not answer a denied request and reports the denial
//! separately; without this, a missing permission would look like a server that hangs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Event, ServerError};

/// A program is denied the same few subjects repeatedly.
const KEPT: usize = 32;

/// The denied subjects, newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Denied(Arc<Mutex<Vec<String>>>);

impl Denied {
    /// Stores an event of the connection, if it is a denial.
    pub(super) fn note(&self, event: &Event) {
        let Event::ServerError(ServerError::Other(said)) = event else { return };
        let Some(subject) = subject(said) else { return };
        let mut subjects = self.subjects();
        if !subjects.contains(&subject) {
            if subjects.len() == KEPT {
                subjects.remove(0);
            }
            subjects.push(subject);
        }
    }

    /// Was this subject denied, or the inbox of its answer? Returns the next step.
    pub(super) fn told(&self, subject: &str) -> Option<String> {
        let subjects = self.subjects();
        let denied =
            subjects.iter().find(|denied| *denied == subject || denied.starts_with("_INBOX."))?;
        Some(format!(
            "its user may not use the subject {denied}; give it the permissions of \
             deploy/nats/users.conf"
        ))
    }

    fn subjects(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The subject in `Permissions Violation for Publish to "a.b"`.
fn subject(said: &str) -> Option<String> {
    let violation = said.to_lowercase().starts_with("permissions violation");
    let subject = violation.then(|| said.split('"').nth(1)).flatten()?;
    Some(subject.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_found_by_its_subject() {
        let denied = Denied::default();
        let said = "Permissions Violation for Publish to \"$JS.API.STREAM.INFO.a\"".to_owned();
        denied.note(&Event::ServerError(ServerError::Other(said)));
        denied.note(&Event::ServerError(ServerError::Other("maximum connections".to_owned())));
        assert!(denied.told("$JS.API.STREAM.INFO.a").unwrap().contains("users.conf"));
        assert_eq!(denied.told("$JS.API.STREAM.INFO.b"), None);
    }
}
