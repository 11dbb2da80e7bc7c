//! The state of a programme, folded from the log, and the one table of its transitions.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;

use crate::amendment;
use crate::canary::Canaries;
use crate::drift::Drift;
use crate::erasure::Erasure;
use crate::failure::{Attempted, Failures};
use crate::log_request::{LogCommand, LogContext, LogRequests, may_destroy, may_index};
use crate::notices::Notices;
use crate::phases::{Account, Phases, Started};
use crate::programme::{Command, Programme, Rejection, decide};
use crate::rights::{Hold, Rights};
use crate::voucher::{VoucherCommand, VoucherContext, Vouchers};
use crate::{
    Capability, DriftFound, Event, Fact, Outcome, PhaseId, PhaseStarted, Plan, Verdict,
    VouchersIssued, VouchersRefused, civil_date,
};

/// The state of a programme. Large parts are boxed, because futures hold a state across await
/// points.
#[derive(Debug, Clone, PartialEq, Default)]
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
    /// Decides a command about the programme as a whole.
    pub fn decide(&self, command: Command, now: DateTime<Utc>) -> Result<Vec<Event>, Rejection> {
        if let Command::Amend(next) = command {
            return amendment::amend(self, next, now);
        }
        if command == Command::AdoptProposed {
            return Ok(amendment::adopt_proposed(self, now));
        }
        self.decide_without_platform(command, now)
    }

    /// Decides a command without regard to armed instants.
    pub(crate) fn decide_without_platform(
        &self,
        command: Command,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        if let Command::Amend(next) = &command
            && let Some(problem) = self.notices.amendment_problem(next)
        {
            return Rejection::because(problem);
        }
        if let Command::Amend(next) = &command
            && let Some(problem) = self.vouchers.amendment_problem(next, now)
        {
            return Rejection::because(problem);
        }
        decide((&self.programme, &self.phases, &self.rights, &self.failures), command, now)
    }

    /// Decides a command about vouchers. The events belong to the programme's voucher stream, at
    /// the version of the decision.
    pub fn decide_voucher(
        &self,
        command: VoucherCommand,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        match self.voucher_context(now) {
            Some(context) => self.vouchers.decide(command, &context),
            None => Rejection::because("the programme has no plan yet; adopt one first"),
        }
    }

    /// What decisions about vouchers read beside them; `None` before a plan is adopted.
    pub(crate) fn voucher_context(&self, now: DateTime<Utc>) -> Option<VoucherContext<'_>> {
        let (plan, rights) = (self.plan()?, &self.rights);
        let (revision, erased) = (self.programme.revision(), self.erasure.ordered());
        Some(VoucherContext { plan, revision, rights, erased, now })
    }

    /// Decides a command about message logs. The events belong to the programme's archive stream,
    /// at the version of the decision.
    pub fn decide_log_request(
        &self,
        command: LogCommand,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        self.log_requests.decide(command, &self.log_context(now)?)
    }

    /// May message logs be indexed?
    pub fn may_index_logs(&self, now: DateTime<Utc>) -> Result<(), Rejection> {
        may_index(&self.log_requests, &self.log_context(now)?)
    }

    /// May the message logs be destroyed?
    pub fn may_destroy_logs(&self, now: DateTime<Utc>) -> Result<(), Rejection> {
        may_destroy(&self.log_requests, &self.log_context(now)?)
    }

    fn log_context(&self, now: DateTime<Utc>) -> Result<LogContext<'_>, Rejection> {
        match self.plan() {
            Some(plan) => {
                let erased = self.erasure.ordered();
                Ok(LogContext { plan, rights: &self.rights, erased, now })
            }
            None => Rejection::because("the programme has no plan yet; adopt one first"),
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Plan> {
        self.programme.plan()
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
                let hold = Hold {
                    number: event.number,
                    capabilities: event.capabilities,
                    until: event.until,
                };
                self.rights.holds.insert(event.hold, hold);
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
