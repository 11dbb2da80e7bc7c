//! What a link opens.
//!
//! Invariant: each look at a known link is recorded before anything is answered. A link alone opens no
//! holder's extract: the codice fiscale goes with it, which no letter with the link has in it.

use domain::{Event, ExtractAccess, LogCommand, LogStanding};
use eventstore::Origin;

use super::Office;
use crate::Error;
use crate::link::Link;

/// What came of opening a link.
#[derive(Debug)]
pub enum Opened {
    /// There is no such link, or none any more.
    Unknown,
    /// The extract lies ready.
    Ready {
        /// Must its holder say the codice fiscale?
        asks_holder: bool,
    },
    /// Too late.
    Late,
    /// That is not the holder's codice fiscale, or it was said wrongly too often.
    NotTheHolder,
    /// The extract is not there; an operator has to prepare it again.
    Missing,
    /// The ZIP file.
    Extract(Vec<u8>),
}

impl Office {
    /// Looks at what is behind a link; hands nothing out.
    pub async fn look_at(&self, secret: &str) -> Result<Opened, Error> {
        let Some(link) = self.index.link(self.hashes.link(secret)).await? else {
            return Ok(Opened::Unknown);
        };
        let outcome = self.record(&link, ExtractAccess::Looked).await?;
        let asks_holder = link.holder.is_some();
        let ready = outcome == ExtractAccess::Looked;
        Ok(if ready { Opened::Ready { asks_holder } } else { told(outcome) })
    }

    /// Hands an extract out to whoever has the link and can say whose mailbox it is.
    pub async fn hand_out(&self, secret: &str, codice_fiscale: &str) -> Result<Opened, Error> {
        let Some(link) = self.index.link(self.hashes.link(secret)).await? else {
            return Ok(Opened::Unknown);
        };
        // Hashes are compared, of which nobody can tell by the time it takes how much was right.
        let answer = Some(self.hashes.holder(link.request, codice_fiscale));
        let is_holder = link.holder.is_none() || link.holder == answer;
        // A try is taken before its answer counts: guesses at the same moment are no more than others.
        let may_try = link.holder.is_none() || self.index.take_try(&link).await?;
        if !may_try || !is_holder {
            return Ok(told(self.record(&link, ExtractAccess::NotTheHolder).await?));
        }
        if link.holder.is_some() {
            self.index.give_back_try(&link).await?;
        }
        let recorded = self
            .look(|state| match &state.log_requests.open().get(&link.request)?.standing {
                LogStanding::Prepared { sha256, .. } => Some(sha256.clone()),
                LogStanding::Requested | LogStanding::Verified => None,
            })
            .await?;
        let bytes = recorded.and_then(|recorded| self.read(link.request, &recorded));
        let Some(bytes) = bytes else {
            return Ok(told(self.record(&link, ExtractAccess::Missing).await?));
        };
        let outcome = self.record(&link, ExtractAccess::Delivered).await?;
        let delivered = outcome == ExtractAccess::Delivered;
        Ok(if delivered { Opened::Extract(bytes) } else { told(outcome) })
    }

    /// Records a look, and answers with what came of it.
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

fn told(outcome: ExtractAccess) -> Opened {
    match outcome {
        ExtractAccess::Expired => Opened::Late,
        ExtractAccess::NotTheHolder => Opened::NotTheHolder,
        ExtractAccess::Looked | ExtractAccess::Delivered | ExtractAccess::Missing => {
            Opened::Missing
        }
    }
}
