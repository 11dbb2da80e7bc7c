//! Everything that is known of a programme, folded from the log, and the one table of transitions.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;

use crate::amendment;
use crate::canary::Canaries;
use crate::drift::Drift;
use crate::erasure::Erasure;
use crate::failure::Failures;
use crate::log_request::{LogCommand, LogRequests, Sight, may_destroy, may_index};
use crate::notices::Notices;
use crate::phases::{Account, Phases, Started};
use crate::programme::{Command, Programme, Rejection, decide};
use crate::rights::{Hold, Rights};
use crate::voucher::{Light, VoucherCommand, Vouchers};
use crate::{
    Capability, DriftFound, Event, Fact, Outcome, PhaseId, PhaseStarted, Plan, Verdict, civil_date,
};

/// Everything that is known: what the plan says, who has which right, what every phase has done. Most parts
/// are boxed, for a state is held across many a wait.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The programme as a whole.
    pub programme: Programme,
    /// Who may do what.
    pub rights: Rights,
    /// The phases that have started.
    pub phases: Phases,
    /// What did not work.
    pub failures: Failures,
    /// What the platform was found to say otherwise.
    pub drift: Box<Drift>,
    /// Who was told of what is to come.
    pub notices: Box<Notices>,
    /// What our own mailboxes were answered beside each boundary.
    pub canaries: Canaries,
    /// Who was granted a voucher, and what became of it.
    pub vouchers: Box<Vouchers>,
    /// Of whom nothing personal is kept any more.
    pub erasure: Box<Erasure>,
    /// Who asked for the log of their messages, and how far that has come.
    pub log_requests: Box<LogRequests>,
}

impl State {
    /// What a command leads to.
    pub fn decide(&self, command: Command, now: DateTime<Utc>) -> Result<Vec<Event>, Rejection> {
        if let Command::Amend(next) = command {
            return amendment::amend(self, next, now);
        }
        if command == Command::AdoptProposed {
            return Ok(amendment::adopt_proposed(self, now));
        }
        self.decide_alone(command, now)
    }

    /// What a command leads to where it does not matter what the platform was told.
    pub(crate) fn decide_alone(
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

    /// What a command about vouchers leads to. Its events are for the stream of the programme's vouchers,
    /// at the version they were decided at.
    pub fn decide_voucher(
        &self,
        command: VoucherCommand,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        let Some(plan) = self.plan() else {
            return Rejection::because("the programme has no plan yet; adopt one first");
        };
        let (revision, rights) = (self.programme.revision(), &self.rights);
        let forgotten = self.erasure.ordered();
        self.vouchers.decide(command, &Light { plan, revision, rights, forgotten, now })
    }

    /// What a command about the logs of messages leads to. Its events are for the stream of the
    /// programme's archive, at the version they were decided at.
    pub fn decide_log_request(
        &self,
        command: LogCommand,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        self.log_requests.decide(command, &self.sight(now)?)
    }

    /// May logs be read into the index?
    pub fn may_index_logs(&self, now: DateTime<Utc>) -> Result<(), Rejection> {
        may_index(&self.log_requests, &self.sight(now)?)
    }

    /// May the logs be destroyed?
    pub fn may_destroy_logs(&self, now: DateTime<Utc>) -> Result<(), Rejection> {
        may_destroy(&self.log_requests, &self.sight(now)?)
    }

    fn sight(&self, now: DateTime<Utc>) -> Result<Sight<'_>, Rejection> {
        match self.plan() {
            Some(plan) => {
                let forgotten = self.erasure.ordered();
                Ok(Sight { plan, rights: &self.rights, forgotten, now })
            }
            None => Rejection::because("the programme has no plan yet; adopt one first"),
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Plan> {
        self.programme.plan()
    }

    /// Where everyone of a started phase's population stands.
    pub fn account(&self, phase: &PhaseId, now: DateTime<Utc>) -> Option<Account> {
        let zone = self.plan()?.zone;
        Some(self.phases.get(phase)?.account(&self.rights, &self.failures, now, zone))
    }

    /// Takes back registrations and activations that had not happened yet: a registry file tells many
    /// days at once, of which a view of an earlier day must know only those before it.
    pub fn forget_later(&mut self, unrequested: &RoaringBitmap, unactivated: &RoaringBitmap) {
        self.rights.registered -= unrequested;
        self.rights.activated -= unrequested;
        self.rights.activated -= unactivated;
    }

    /// The next state. Never fails and never decides.
    pub fn evolve(&mut self, fact: &Fact) {
        match &fact.event {
            programme_events!() => self.programme.evolve(fact),
            Event::PhaseStarted(event) => self.start(event, fact),
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
                self.gone(outcome);
            }
            Event::SendingDisabled(outcome) => self.close(Capability::Send, outcome),
            Event::ModifyingDisabled(outcome) => self.close(Capability::Modify, outcome),
            Event::ReceivingDisabled(outcome) => self.close(Capability::Receive, outcome),
            Event::AccessClosed(outcome) => self.close(Capability::Access, outcome),
            Event::RightsRestored(event) => {
                self.rights.restore(event.capabilities, &event.mailboxes);
                self.failures.forget(None, &event.mailboxes);
                self.drift.settle(event.capabilities, &event.mailboxes);
            }
            Event::RightsArmed(event) => {
                self.rights.arm(event.capabilities, event.until, &event.mailboxes);
                self.drift.armed(event.capabilities, &event.mailboxes);
            }
            failure_events!() => self.failures.evolve(fact),
            Event::DriftFound(event) => self.found(event, fact),
            Event::DriftSettled(event) => {
                self.drift.settle(event.capability.into(), &event.mailboxes);
            }
            Event::DriftChecked(event) => self.drift.check(event, fact.recorded_at),
            notice_events!() => self.notices.evolve(&fact.event),
            Event::CanaryProbed(event) => self.canaries.evolve(event, fact.position),
            voucher_events!() => {
                let zone = self.plan().map_or(chrono_tz::UTC, |plan| plan.zone);
                self.vouchers.evolve(&fact.event, civil_date(fact.effective_at, zone));
            }
            erasure_events!() => {
                self.erasure.evolve(&fact.event);
            }
            log_request_events!() => self.log_requests.evolve(&fact.event, fact.recorded_at),
        }
    }

    fn start(&mut self, event: &PhaseStarted, fact: &Fact) {
        let started = Started {
            cause: fact.id,
            started_at: fact.recorded_at,
            event: event.clone(),
            changed: RoaringBitmap::new(),
            completed: None,
        };
        self.phases.started.insert(event.phase.clone(), started);
    }

    fn found(&mut self, event: &DriftFound, fact: &Fact) {
        if event.repair {
            self.rights.found(event.capability, event.found, &event.mailboxes);
        }
        self.drift.find(event, fact.position, fact.recorded_at);
    }

    fn close(&mut self, capability: Capability, outcome: &Outcome) {
        self.rights.close(capability, &outcome.mailboxes);
        self.drift.settle(capability.into(), &outcome.mailboxes);
        self.gone(outcome);
    }

    fn gone(&mut self, outcome: &Outcome) {
        let phase = outcome.phase.as_ref();
        if outcome.verdict != Verdict::AlreadySo {
            self.phases.changed(phase, &outcome.mailboxes);
        }
        self.failures.forget(phase, &outcome.mailboxes);
    }
}
