//! Requests for the log of a mailbox's messages: who asked, and how far that has come.
//!
//! Invariants: what was received inside the window is served, also after it; nothing that comes later is;
//! the logs are destroyed once the window is over and no request received in time is open. They hold where
//! each event is appended to the one stream of the programme's archive at the version it was decided at.
//! Requests that are over are forgotten here: the log tells of them. Deliberately absent: addresses,
//! messages and links.

mod decide;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Event, ExtractAccess, LogsDestroyed, MessageLogRules, Requester, State};

pub use decide::LogCommand;
pub(crate) use decide::{Sight, may_destroy, may_index};

/// The requests of a programme that are not over, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRequests {
    pub(crate) open: BTreeMap<Uuid, LogRequest>,
    pub(crate) destroyed: Option<(DateTime<Utc>, LogsDestroyed)>,
}

/// A request that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRequest {
    /// Of which mailbox.
    pub number: u32,
    /// Who asked.
    pub by: Requester,
    /// When it was entered.
    pub received_at: DateTime<Utc>,
    /// The first civil day asked for.
    pub from: Option<NaiveDate>,
    /// The last civil day asked for.
    pub through: Option<NaiveDate>,
    /// How far it has come.
    pub standing: LogStanding,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogStanding {
    /// It is not sure yet who asked.
    Requested,
    /// It may be prepared.
    Verified,
    /// The extract lies ready.
    Prepared {
        /// SHA-256 of the archive, in hexadecimal.
        sha256: String,
        /// From when on its link opens nothing any more.
        expires_at: DateTime<Utc>,
        /// Was it handed out?
        delivered: bool,
    },
}

impl LogStanding {
    /// Its name, as it is listed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Verified => "verified",
            Self::Prepared { delivered: false, .. } => "prepared",
            Self::Prepared { delivered: true, .. } => "delivered",
        }
    }
}

impl LogRequests {
    /// The requests that are not over, the oldest first.
    pub fn open(&self) -> &BTreeMap<Uuid, LogRequest> {
        &self.open
    }

    /// Those that can be prepared.
    pub fn to_prepare(&self) -> impl Iterator<Item = (Uuid, &LogRequest)> {
        let verified = |request: &&LogRequest| request.standing == LogStanding::Verified;
        self.open.iter().map(|(id, request)| (*id, request)).filter(move |(_, it)| verified(it))
    }

    /// Those whose link has had its time.
    pub fn expired(&self, now: DateTime<Utc>) -> impl Iterator<Item = (Uuid, &LogRequest)> {
        let over = move |request: &LogRequest| match &request.standing {
            LogStanding::Prepared { expires_at, .. } => *expires_at <= now,
            LogStanding::Requested | LogStanding::Verified => false,
        };
        self.open.iter().map(|(id, request)| (*id, request)).filter(move |(_, it)| over(it))
    }

    /// When the logs were destroyed, the last time, and what went.
    pub fn destroyed(&self) -> Option<&(DateTime<Utc>, LogsDestroyed)> {
        self.destroyed.as_ref()
    }

    /// The next state. Never fails and never decides.
    pub(crate) fn evolve(&mut self, event: &Event, recorded_at: DateTime<Utc>) {
        if let Event::LogRequested(event) = event {
            let request = LogRequest {
                number: event.number,
                by: event.by,
                received_at: recorded_at,
                from: event.from,
                through: event.through,
                standing: LogStanding::Requested,
            };
            self.open.insert(event.request, request);
        } else if let Event::LogRequesterVerified(event) = event {
            self.stands(event.request, LogStanding::Verified);
        } else if let Event::LogExtractPrepared(event) = event {
            let (sha256, expires_at) = (event.sha256.clone(), event.expires_at);
            let prepared = LogStanding::Prepared { sha256, expires_at, delivered: false };
            self.stands(event.request, prepared);
        } else if let Event::LogExtractAccessed(event) = event {
            let standing = self.open.get_mut(&event.request).map(|request| &mut request.standing);
            if let Some(LogStanding::Prepared { delivered, .. }) = standing {
                *delivered |= event.outcome == ExtractAccess::Delivered;
            }
        } else if let Event::LogExtractExpired(event) = event {
            self.open.remove(&event.request);
        } else if let Event::LogRequestRefused(event) = event {
            self.open.remove(&event.request);
        } else if let Event::LogsDestroyed(event) = event {
            self.destroyed = Some((recorded_at, event.clone()));
        }
    }

    fn stands(&mut self, request: Uuid, standing: LogStanding) {
        if let Some(request) = self.open.get_mut(&request) {
            request.standing = standing;
        }
    }
}

/// Has an occurrence of the sweep of links come since one of them had its time?
pub fn link_sweep_is_due(state: &State) -> bool {
    let swept = state.programme.last_occurrence(&MessageLogRules::work());
    swept.is_some_and(|swept| state.log_requests.expired(swept).next().is_some())
}
