//! The messages described by `deploy/webhook/openapi.json`.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use domain::{Capabilities, MailboxId, PhaseId, ProgrammeId};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::super::{Right, SetRights};

/// A mailbox, with every identifier that a provider may know it by.
#[derive(Debug, Serialize)]
pub(super) struct Mailbox<'a> {
    number: u32,
    id: MailboxId,
    /// Absent for an erased holder.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
}

/// One right for some mailboxes.
#[derive(Debug, Serialize)]
pub(super) struct SetRequest<'a> {
    programme: &'a ProgrammeId,
    revision: u32,
    phase: Option<&'a PhaseId>,
    decided_at: u64,
    capabilities: Capabilities,
    until: Option<String>,
    mailboxes: Vec<Mailbox<'a>>,
}

/// Reads the rights of mailboxes.
#[derive(Debug, Serialize)]
pub(super) struct ReadRequest<'a> {
    pub(super) programme: &'a ProgrammeId,
    pub(super) capabilities: Capabilities,
    pub(super) mailboxes: Vec<Mailbox<'a>>,
}

/// Lists mailboxes.
#[derive(Debug, Serialize)]
pub(super) struct ListRequest<'a> {
    pub(super) programme: &'a ProgrammeId,
    pub(super) from: u32,
    pub(super) limit: u32,
}

/// A page of mailboxes.
#[derive(Debug, Deserialize)]
pub(super) struct ListAnswer {
    pub(super) numbers: Vec<u32>,
    pub(super) others: u64,
}

/// The outcomes of a request.
#[derive(Debug, Deserialize)]
pub(super) struct SetAnswer {
    pub(super) results: Vec<MailboxOutcome>,
}

/// The outcome of a mailbox.
#[derive(Debug, Deserialize)]
pub(super) struct MailboxOutcome {
    pub(super) number: u32,
    pub(super) outcome: Outcome,
    #[serde(default)]
    pub(super) cause: Option<String>,
}

/// The result for a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Applied,
    AlreadySo,
    Superseded,
    UnknownMailbox,
    TryAgain,
    Refused,
    /// A word outside the document.
    #[serde(other)]
    Unclear,
}

/// The rights that were read.
#[derive(Debug, Deserialize)]
pub(super) struct ReadAnswer {
    pub(super) mailboxes: Vec<Rights>,
}

/// The rights of a mailbox.
#[derive(Debug, Deserialize)]
pub(super) struct Rights {
    pub(super) number: u32,
    pub(super) known: bool,
    #[serde(default)]
    pub(super) allowed: Vec<String>,
    /// When current rights end, if the provider stores that.
    #[serde(default)]
    pub(super) ends: BTreeMap<String, DateTime<Utc>>,
}

impl<'a> SetRequest<'a> {
    pub(super) fn new(
        call: &'a SetRights,
        batch: &RoaringBitmap,
        addresses: &'a [(u32, String)],
    ) -> Self {
        Self {
            programme: &call.key.programme,
            revision: call.key.revision,
            phase: call.key.phase.as_ref(),
            decided_at: call.decided_at,
            capabilities: call.capabilities,
            until: until(call.right),
            mailboxes: mailboxes(&call.key.programme, batch, addresses),
        }
    }
}

/// The mailboxes of a batch, with their addresses.
pub(super) fn mailboxes<'a>(
    programme: &ProgrammeId,
    batch: &RoaringBitmap,
    addresses: &'a [(u32, String)],
) -> Vec<Mailbox<'a>> {
    let known: BTreeMap<u32, &str> =
        addresses.iter().map(|(number, address)| (*number, address.as_str())).collect();
    let mailbox = |number| Mailbox {
        number,
        id: MailboxId::new(programme, number),
        address: known.get(&number).copied(),
    };
    batch.iter().map(mailbox).collect()
}

/// The instant at which a right ends, in milliseconds, rounded up; `None` for no end.
pub(super) fn until(right: Right) -> Option<String> {
    let Right::Until(instant) = right else { return None };
    let below = instant.trunc_subsecs(3);
    let above = if below == instant {
        below
    } else {
        below.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(below)
    };
    Some(above.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_never_ends_early_on_its_way() {
        for (instant, expected) in [
            ("2015-03-17T23:00:00Z", "2015-03-17T23:00:00Z"),
            ("2015-03-17T23:00:00.5Z", "2015-03-17T23:00:00.500Z"),
            ("2015-03-17T23:00:00.5000001Z", "2015-03-17T23:00:00.501Z"),
            ("2015-03-17T23:59:59.999999Z", "2015-03-18T00:00:00Z"),
            ("1969-12-31T23:59:59.0000001Z", "1969-12-31T23:59:59.001Z"),
        ] {
            let right = Right::Until(instant.parse().unwrap());
            assert_eq!(until(right).as_deref(), Some(expected), "{instant}");
        }
        assert_eq!(until(Right::Allowed), None);
    }
}
