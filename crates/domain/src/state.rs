//! The state of a programme, folded from the log, and the one table of its transitions.
//!
//! Each part of the state is a module below. Decisions and questions that read several parts are
//! modules beside this one, which it does not know.

mod canaries;
mod drift;
mod erasure;
mod failures;
mod log_requests;
mod notices;
mod phases;
mod programme;
mod rights;
mod snapshot;
mod vouchers;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::{
    Capability, DriftFound, Event, Fact, Outcome, PhaseId, PhaseStarted, Plan, Rejection, Verdict,
    VouchersIssued, VouchersRefused, civil_date,
};

pub use canaries::{Canaries, Probe, Window, windows};
pub use drift::{Drift, Drifting};
pub use erasure::Erasure;
pub use failures::{Attempted, Failures, Incident};
pub use log_requests::{LogRequest, LogRequests, LogStanding};
pub use notices::{NoticeState, Notices, Release};
pub use phases::{Account, Phases, Started, population};
pub use programme::Programme;
pub use rights::Rights;
pub use snapshot::SnapshotHeader;
pub use vouchers::{ReminderRound, VoucherMonth, VoucherStanding, Vouchers};

/// The state of a programme. Large parts are boxed, because futures hold a state across await
/// points.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// The programme as a whole.
    pub programme: Programme,
    /// Lifecycle and rights of the population.
    pub rights: Rights,
    /// Started phases.
    pub phases: Phases,
    /// Retries and incidents.
    pub failures: Failures,
    /// Differences between platform and log.
    pub drift: Box<Drift>,
    /// Notices to holders.
    pub notices: Box<Notices>,
    /// Probes of our own mailboxes.
    pub canaries: Canaries,
    /// Vouchers.
    pub vouchers: Box<Vouchers>,
    /// Erasure of personal data.
    pub erasure: Box<Erasure>,
    /// Open log requests.
    pub log_requests: Box<LogRequests>,
}

impl State {
    /// The plan in force.
    pub fn plan(&self) -> Option<&Plan> {
        self.programme.plan()
    }

    pub(crate) fn adopted_plan(&self) -> Result<&Plan, Rejection> {
        let missing = || Rejection("the programme has no plan yet; adopt one first".to_owned());
        self.plan().ok_or_else(missing)
    }

    /// The account of a started phase's population.
    pub fn account(&self, phase: &PhaseId, now: DateTime<Utc>) -> Option<Account> {
        let zone = self.plan()?.zone;
        Some(self.phases.get(phase)?.account(&self.rights, &self.failures, now, zone))
    }

    /// Removes registrations and activations dated after the day of a view: one registry file
    /// reports many days at once.
    pub fn exclude_later(&mut self, unrequested: &RoaringBitmap, unactivated: &RoaringBitmap) {
        self.rights.registered -= unrequested;
        self.rights.activated -= unrequested;
        self.rights.activated -= unactivated;
    }

    /// The next state. Never fails and never decides.
    pub fn evolve(&mut self, fact: &Fact) {
        match &fact.event {
            programme_events!() => self.programme.evolve(fact),
            Event::PhaseStarted(event) => self.start_phase(event, fact),
            Event::PhaseCompleted(event) => {
                if let Some(started) = self.phases.started.get_mut(&event.phase) {
                    started.completed = Some((fact.recorded_at, event.clone()));
                }
            }
            Event::MailboxesRegistered(event) => {
                self.rights.register(event.first, &event.activated_on);
            }
            Event::MailboxesActivated(event) => self.rights.activated |= &*event.mailboxes,
            // Registry and keyring hold these facts; the log records when they changed.
            informational_events!() => {}
            Event::MailboxWithdrawn(event) => {
                self.rights.withdrawn.insert(event.number);
            }
            Event::HoldPlaced(event) => {
                self.rights.holds.insert(event.hold, event.clone());
            }
            Event::HoldReleased(event) => {
                self.rights.holds.remove(&event.hold);
            }
            Event::RegistrationsLapsed(outcome) => {
                self.rights.lapsed |= &*outcome.mailboxes;
                self.record_removal(outcome);
            }
            Event::SendingDisabled(outcome) => self.close(Capability::Send, outcome),
            Event::ModifyingDisabled(outcome) => self.close(Capability::Modify, outcome),
            Event::ReceivingDisabled(outcome) => self.close(Capability::Receive, outcome),
            Event::AccessClosed(outcome) => self.close(Capability::Access, outcome),
            Event::RightsRestored(event) => {
                self.rights.restore(event.capabilities, &event.mailboxes);
                self.failures.clear(None, &event.mailboxes);
                self.drift.settle(event.capabilities, &event.mailboxes);
            }
            Event::RightsArmed(event) => {
                self.rights.arm(event.capabilities, event.until, &event.mailboxes);
                self.drift.armed(event.capabilities, &event.mailboxes);
            }
            failure_events!() => self.failures.evolve(fact),
            Event::DriftFound(event) => self.find_drift(event, fact),
            Event::DriftSettled(event) => {
                self.drift.settle(event.capability.into(), &event.mailboxes);
            }
            Event::DriftChecked(event) => self.drift.check(event, fact.recorded_at),
            notice_events!() => self.notices.evolve(&fact.event),
            Event::CanaryProbed(event) => self.canaries.evolve(event, fact.position),
            voucher_events!() => self.evolve_vouchers(fact),
            erasure_events!() => {
                self.erasure.evolve(&fact.event);
            }
            log_request_events!() => self.log_requests.evolve(&fact.event, fact.recorded_at),
        }
    }

    fn evolve_vouchers(&mut self, fact: &Fact) {
        let zone = self.plan().map_or(chrono_tz::UTC, |plan| plan.zone);
        let on = civil_date(fact.effective_at, zone);
        self.vouchers.evolve(&fact.event, fact.id, on);
        if let Event::VouchersIssued(VouchersIssued { mailboxes, .. })
        | Event::VouchersRefused(VouchersRefused { mailboxes, .. }) = &fact.event
        {
            self.failures.clear(Attempted::Vouchers, mailboxes);
        }
    }

    fn start_phase(&mut self, event: &PhaseStarted, fact: &Fact) {
        let started = Started {
            cause: fact.id,
            started_at: fact.recorded_at,
            event: event.clone(),
            changed: RoaringBitmap::new(),
            completed: None,
        };
        self.phases.started.insert(event.phase.clone(), started);
    }

    fn find_drift(&mut self, event: &DriftFound, fact: &Fact) {
        if event.repair {
            self.rights.overwrite(event.capability, event.found, &event.mailboxes);
        }
        self.drift.find(event, fact.position, fact.recorded_at);
    }

    fn close(&mut self, capability: Capability, outcome: &Outcome) {
        self.rights.close(capability, &outcome.mailboxes);
        self.drift.settle(capability.into(), &outcome.mailboxes);
        self.record_removal(outcome);
    }

    fn record_removal(&mut self, outcome: &Outcome) {
        let phase = outcome.phase.as_ref();
        if outcome.verdict != Verdict::AlreadySo {
            self.phases.record_change(phase, &outcome.mailboxes);
        }
        self.failures.clear(phase, &outcome.mailboxes);
    }
}

/// Splits mailboxes by the attempts that the sets of those that wait for another count.
fn split_by_attempts<'a>(
    mailboxes: &RoaringBitmap,
    waiting: impl Iterator<Item = (u32, &'a RoaringBitmap)>,
) -> BTreeMap<u32, RoaringBitmap> {
    let mut rest = mailboxes.clone();
    let mut split: BTreeMap<u32, RoaringBitmap> = BTreeMap::new();
    for (attempts, waiting) in waiting {
        let these = waiting & &rest;
        if !these.is_empty() {
            rest -= &these;
            *split.entry(attempts).or_default() |= these;
        }
    }
    if !rest.is_empty() {
        split.insert(0, rest);
    }
    split
}
