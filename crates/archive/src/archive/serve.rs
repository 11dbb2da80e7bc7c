//! Serves exports by link.
//!
//! Invariant: each access to a known link is recorded before the response. A holder's export needs
//! the link and the codice fiscale, which the letter with the link does not contain.

use domain::{Event, ExportAccess, LogCommand, LogExportAccessed, LogStanding};
use eventstore::Origin;

use super::Archive;
use crate::Error;
use crate::link::Link;

/// The outcome of opening a link.
#[derive(Debug)]
pub enum Access {
    /// No such link.
    Unknown,
    /// The export is ready.
    Ready {
        /// Is the codice fiscale required?
        asks_holder: bool,
    },
    /// The link has expired.
    Expired,
    /// Wrong codice fiscale, or too many failed attempts.
    NotTheHolder,
    /// The export is missing; an operator has to prepare it again.
    Missing,
    /// The ZIP file.
    Export(Vec<u8>),
}

impl Archive {
    /// Checks a link without serving the export.
    pub async fn check_link(&self, secret: &str) -> Result<Access, Error> {
        let Some(link) = self.index.link(self.hashes.link(secret)).await? else {
            return Ok(Access::Unknown);
        };
        let outcome = self.record(&link, ExportAccess::Viewed).await?;
        let asks_holder = link.holder.is_some();
        let ready = outcome == ExportAccess::Viewed;
        Ok(if ready { Access::Ready { asks_holder } } else { access(outcome) })
    }

    /// Serves an export to a visitor with the link and the holder's codice fiscale.
    pub async fn serve(&self, secret: &str, codice_fiscale: &str) -> Result<Access, Error> {
        let Some(link) = self.index.link(self.hashes.link(secret)).await? else {
            return Ok(Access::Unknown);
        };
        // Comparing keyed hashes reveals nothing through timing.
        let answer = Some(self.hashes.holder(link.request, codice_fiscale));
        let is_holder = link.holder.is_none() || link.holder == answer;
        // The attempt is counted before the comparison, so that concurrent guesses are limited too.
        let may_attempt = link.holder.is_none() || self.index.take_attempt(&link).await?;
        if !may_attempt || !is_holder {
            return Ok(access(self.record(&link, ExportAccess::NotTheHolder).await?));
        }
        if link.holder.is_some() {
            self.index.return_attempt(&link).await?;
        }
        let recorded = self
            .read_state(|state| match &state.log_requests.open.get(&link.request)?.standing {
                LogStanding::Prepared { sha256, .. } => Some(sha256.clone()),
                LogStanding::Requested | LogStanding::Verified => None,
            })
            .await?;
        let bytes = recorded.and_then(|recorded| self.read(link.request, &recorded));
        let Some(bytes) = bytes else {
            return Ok(access(self.record(&link, ExportAccess::Missing).await?));
        };
        let outcome = self.record(&link, ExportAccess::Delivered).await?;
        let delivered = outcome == ExportAccess::Delivered;
        Ok(if delivered { Access::Export(bytes) } else { access(outcome) })
    }

    /// Records an access and returns the recorded outcome.
    async fn record(&self, link: &Link, outcome: ExportAccess) -> Result<ExportAccess, Error> {
        let (request, number) = (link.request, link.number);
        let outcome =
            if self.journal.now() < link.expires_at { outcome } else { ExportAccess::Expired };
        let command = LogCommand::Access(LogExportAccessed { request, number, outcome });
        let events = self.decide(command, &Origin::part("portal")).await?;
        let recorded = events.iter().find_map(|event| {
            let Event::LogExportAccessed(event) = event else { return None };
            Some(event.outcome)
        });
        Ok(recorded.unwrap_or(ExportAccess::Missing))
    }
}

fn access(outcome: ExportAccess) -> Access {
    match outcome {
        ExportAccess::Expired => Access::Expired,
        ExportAccess::NotTheHolder => Access::NotTheHolder,
        ExportAccess::Viewed | ExportAccess::Delivered | ExportAccess::Missing => Access::Missing,
    }
}
