//! Serves exports by link.
//!
//! Invariant: each access to a known link is recorded before the response. A holder's export needs the link and the codice
//! fiscale, which the letter with the link does not contain.

use domain::{Event, ExtractAccess, LogCommand, LogStanding};
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
        let outcome = self.record(&link, ExtractAccess::Looked).await?;
        let asks_holder = link.holder.is_some();
        let ready = outcome == ExtractAccess::Looked;
        Ok(if ready { Access::Ready { asks_holder } } else { access(outcome) })
    }

    /// Serves an export to whoever has the link and knows the holder's codice fiscale.
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
            return Ok(access(self.record(&link, ExtractAccess::NotTheHolder).await?));
        }
        if link.holder.is_some() {
            self.index.return_attempt(&link).await?;
        }
        let recorded = self
            .read_state(|state| match &state.log_requests.open().get(&link.request)?.standing {
                LogStanding::Prepared { sha256, .. } => Some(sha256.clone()),
                LogStanding::Requested | LogStanding::Verified => None,
            })
            .await?;
        let bytes = recorded.and_then(|recorded| self.read(link.request, &recorded));
        let Some(bytes) = bytes else {
            return Ok(access(self.record(&link, ExtractAccess::Missing).await?));
        };
        let outcome = self.record(&link, ExtractAccess::Delivered).await?;
        let delivered = outcome == ExtractAccess::Delivered;
        Ok(if delivered { Access::Export(bytes) } else { access(outcome) })
    }

    /// Records an access and returns the recorded outcome.
    async fn record(&self, link: &Link, outcome: ExtractAccess) -> Result<ExtractAccess, Error> {
        let (request, number) = (link.request, link.number);
        let outcome =
            if self.journal.now() < link.expires_at { outcome } else { ExtractAccess::Expired };
        let command = LogCommand::Access { request, number, outcome };
        let events = self.decide(command, &Origin::part("portal")).await?;
        let recorded = events.iter().find_map(|event| {
            let Event::LogExtractAccessed(event) = event else { return None };
            Some(event.outcome)
        });
        Ok(recorded.unwrap_or(ExtractAccess::Missing))
    }
}

fn access(outcome: ExtractAccess) -> Access {
    match outcome {
        ExtractAccess::Expired => Access::Expired,
        ExtractAccess::NotTheHolder => Access::NotTheHolder,
        ExtractAccess::Looked | ExtractAccess::Delivered | ExtractAccess::Missing => {
            Access::Missing
        }
    }
}
