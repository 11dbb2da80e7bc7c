//! Open log requests. The event log has the others.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Event, ExportAccess, LogsDestroyed, Requester};

/// The open log requests of a programme, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRequests {
    /// The open requests by id.
    pub open: BTreeMap<Uuid, LogRequest>,
    /// The last destruction of the message logs, and when it was recorded.
    pub destroyed: Option<(DateTime<Utc>, LogsDestroyed)>,
}

/// An open log request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRequest {
    /// The mailbox.
    pub number: u32,
    /// Who requested it.
    pub by: Requester,
    /// When the request was recorded.
    pub received_at: DateTime<Utc>,
    /// The first civil day; `None` for no lower bound.
    pub from: Option<NaiveDate>,
    /// The last civil day; `None` for no upper bound.
    pub through: Option<NaiveDate>,
    /// Its progress.
    pub standing: LogStanding,
}

/// The progress of a log request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogStanding {
    /// The requester has not been verified.
    Requested,
    /// The export may be prepared.
    Verified,
    /// The export is ready.
    Prepared {
        /// SHA-256 of the archive, in hexadecimal.
        sha256: String,
        /// When its link expires.
        expires_at: DateTime<Utc>,
        /// Was it delivered?
        delivered: bool,
    },
}

impl LogStanding {
    /// Its name in listings.
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
    /// Verified requests, whose export can be prepared.
    pub fn to_prepare(&self) -> impl Iterator<Item = (Uuid, &LogRequest)> {
        let verified = |request: &&LogRequest| request.standing == LogStanding::Verified;
        self.open.iter().map(|(id, request)| (*id, request)).filter(move |(_, it)| verified(it))
    }

    /// Requests whose link has expired.
    pub fn expired(&self, now: DateTime<Utc>) -> impl Iterator<Item = (Uuid, &LogRequest)> {
        let over = move |request: &LogRequest| match &request.standing {
            LogStanding::Prepared { expires_at, .. } => *expires_at <= now,
            LogStanding::Requested | LogStanding::Verified => false,
        };
        self.open.iter().map(|(id, request)| (*id, request)).filter(move |(_, it)| over(it))
    }

    /// The next state. Never fails and never decides.
    pub(super) fn evolve(&mut self, event: &Event, recorded_at: DateTime<Utc>) {
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
            self.set_standing(event.request, LogStanding::Verified);
        } else if let Event::LogExportPrepared(event) = event {
            let (sha256, expires_at) = (event.sha256.clone(), event.expires_at);
            let prepared = LogStanding::Prepared { sha256, expires_at, delivered: false };
            self.set_standing(event.request, prepared);
        } else if let Event::LogExportAccessed(event) = event {
            let standing = self.open.get_mut(&event.request).map(|request| &mut request.standing);
            if let Some(LogStanding::Prepared { delivered, .. }) = standing {
                *delivered |= event.outcome == ExportAccess::Delivered;
            }
        } else if let Event::LogExportExpired(event) = event {
            self.open.remove(&event.request);
        } else if let Event::LogRequestRefused(event) = event {
            self.open.remove(&event.request);
        } else if let Event::LogsDestroyed(event) = event {
            self.destroyed = Some((recorded_at, event.clone()));
        }
    }

    fn set_standing(&mut self, request: Uuid, standing: LogStanding) {
        if let Some(request) = self.open.get_mut(&request) {
            request.standing = standing;
        }
    }
}
