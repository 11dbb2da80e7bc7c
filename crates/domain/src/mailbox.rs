//! One mailbox: its lifecycle, its rights and its holds; decide and evolve.
//!
//! The same events that move the population's sets, seen by one of its members: the two folds must
//! agree, and a property test says so.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::programme::Rejection;
use crate::rights::Hold;
use crate::{
    Capabilities, Capability, Event, HoldPlaced, HoldReleased, MailboxSet, MailboxWithdrawn,
    MailboxesRegistered, Outcome, Standing,
};

/// Where a mailbox stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    /// Nobody asked for it.
    #[default]
    Unknown,
    /// Asked for, not activated.
    Registered,
    /// Activated at the post office.
    Activated,
    /// Never activated, and it can't be any more.
    Lapsed,
    /// Given up early by its holder.
    Withdrawn,
}

/// One mailbox, folded from the events that concern it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Mailbox {
    /// Its number.
    pub number: u32,
    /// Where it stands in its life.
    pub lifecycle: Lifecycle,
    /// What it has of what the platform enforces, as outcome events say.
    pub has: Capabilities,
    /// The instants the platform was told, by capability.
    pub armed: BTreeMap<Capability, DateTime<Utc>>,
    /// The holds on it that were not released.
    pub holds: BTreeMap<Uuid, Hold>,
}

/// What can be asked of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxCommand {
    /// The holder gives it up (*recesso*).
    Withdraw,
    /// A court or the operator keeps capabilities.
    PlaceHold {
        /// The hold's id.
        hold: Uuid,
        /// What is kept.
        capabilities: Capabilities,
        /// The last day; `None` until released.
        until: Option<NaiveDate>,
    },
    /// The hold ends.
    ReleaseHold {
        /// Which.
        hold: Uuid,
    },
}

impl Mailbox {
    /// A mailbox of which nothing is known yet.
    pub fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// What a command leads to; `today` is the civil date in the plan's zone.
    pub fn decide(
        &self,
        command: MailboxCommand,
        today: NaiveDate,
    ) -> Result<Vec<Event>, Rejection> {
        let number = self.number;
        match (command, self.lifecycle) {
            (_, Lifecycle::Unknown) => Rejection::because("no such mailbox is registered"),
            (MailboxCommand::Withdraw, Lifecycle::Withdrawn) => {
                Rejection::because("the mailbox is already withdrawn")
            }
            (
                MailboxCommand::Withdraw,
                Lifecycle::Registered | Lifecycle::Activated | Lifecycle::Lapsed,
            ) => match self.holds.iter().find(|(_, hold)| hold.is_in_force_on(today)) {
                Some((hold, _)) => {
                    Rejection::because(format!("hold {hold} keeps the mailbox; release it first"))
                }
                None => Ok(vec![Event::MailboxWithdrawn(MailboxWithdrawn { number })]),
            },
            (MailboxCommand::PlaceHold { hold, capabilities, until }, Lifecycle::Activated) => {
                self.place_hold(hold, capabilities, until, today)
            }
            (
                MailboxCommand::PlaceHold { .. },
                lifecycle @ (Lifecycle::Registered | Lifecycle::Lapsed | Lifecycle::Withdrawn),
            ) => Rejection::because(format!(
                "only an activated mailbox can be held; this one is {}",
                match lifecycle {
                    Lifecycle::Registered => "registered and was never activated",
                    Lifecycle::Lapsed => "lapsed",
                    Lifecycle::Withdrawn => "withdrawn",
                    Lifecycle::Unknown | Lifecycle::Activated => "not",
                }
            )),
            (MailboxCommand::ReleaseHold { hold }, _) => {
                if self.holds.contains_key(&hold) {
                    Ok(vec![Event::HoldReleased(HoldReleased { hold, number })])
                } else {
                    Rejection::because(format!("the mailbox has no hold {hold}"))
                }
            }
        }
    }

    fn place_hold(
        &self,
        hold: Uuid,
        capabilities: Capabilities,
        until: Option<NaiveDate>,
        today: NaiveDate,
    ) -> Result<Vec<Event>, Rejection> {
        if capabilities.is_empty() || !capabilities.is_subset(Capabilities::OF_PLATFORM) {
            let can = Capabilities::OF_PLATFORM;
            return Rejection::because(format!("a hold keeps one or more of {can}"));
        }
        if let Some(until) = until.filter(|until| *until < today) {
            return Rejection::because(format!(
                "the hold would have ended on {until}, before today"
            ));
        }
        if self.holds.contains_key(&hold) {
            return Ok(Vec::new());
        }
        let number = self.number;
        Ok(vec![Event::HoldPlaced(HoldPlaced { hold, number, capabilities, until })])
    }

    /// The next state. An event that does not concern the mailbox changes nothing.
    pub fn evolve(&mut self, event: &Event) {
        let number = self.number;
        match event {
            Event::MailboxesRegistered(event) => self.register(event),
            Event::MailboxesActivated(event) => {
                if event.mailboxes.contains(number) {
                    self.activate();
                }
            }
            Event::MailboxWithdrawn(event) => {
                if event.number == number {
                    self.lifecycle = Lifecycle::Withdrawn;
                }
            }
            Event::HoldPlaced(event) => {
                if event.number == number {
                    let (capabilities, until) = (event.capabilities, event.until);
                    self.holds.insert(event.hold, Hold { number, capabilities, until });
                }
            }
            Event::HoldReleased(event) => {
                if event.number == number {
                    self.holds.remove(&event.hold);
                }
            }
            Event::RegistrationsLapsed(outcome) => {
                if outcome.mailboxes.contains(number) && self.lifecycle == Lifecycle::Registered {
                    self.lifecycle = Lifecycle::Lapsed;
                }
            }
            Event::SendingDisabled(outcome) => self.close(Capability::Send, outcome),
            Event::ModifyingDisabled(outcome) => self.close(Capability::Modify, outcome),
            Event::ReceivingDisabled(outcome) => self.close(Capability::Receive, outcome),
            Event::AccessClosed(outcome) => self.close(Capability::Access, outcome),
            Event::RightsRestored(event) => {
                if event.mailboxes.contains(number) {
                    self.has = self.has.union(event.capabilities);
                    self.armed.retain(|capability, _| !event.capabilities.contains(*capability));
                }
            }
            Event::RightsArmed(event) => {
                self.arm(event.capabilities, event.until, &event.mailboxes);
            }
            Event::DriftFound(event) => {
                if event.repair && event.mailboxes.contains(number) {
                    self.found(event.capability, event.found);
                }
            }
            Event::PhaseStarted(_)
            | Event::PhaseCompleted(_)
            | Event::DriftSettled(_)
            | Event::DriftChecked(_)
            | programme_events!()
            | informational_events!()
            | failure_events!()
            | notice_events!()
            | canary_events!()
            | voucher_events!()
            | erasure_events!()
            | log_request_events!() => {}
        }
    }

    fn register(&mut self, event: &MailboxesRegistered) {
        let place = self.number.checked_sub(event.first).and_then(|at| usize::try_from(at).ok());
        if let Some(place) = place.filter(|place| *place < event.activated_on.len()) {
            self.lifecycle = Lifecycle::Registered;
            if event.activated_on.get(place).is_some() {
                self.activate();
            }
        }
    }

    fn activate(&mut self) {
        match self.lifecycle {
            // A later registry file that says it again gives nothing back.
            Lifecycle::Activated => return,
            Lifecycle::Withdrawn => {}
            Lifecycle::Unknown | Lifecycle::Registered | Lifecycle::Lapsed => {
                self.lifecycle = Lifecycle::Activated;
            }
        }
        self.has = Capabilities::OF_PLATFORM;
    }

    fn close(&mut self, capability: Capability, outcome: &Outcome) {
        if outcome.mailboxes.contains(self.number) {
            self.has = self.has.without(capability.into());
            self.armed.remove(&capability);
        }
    }

    fn found(&mut self, capability: Capability, found: Standing) {
        self.armed.remove(&capability);
        match found {
            Standing::Gone => self.has = self.has.without(capability.into()),
            Standing::Allowed => self.has = self.has.with(capability),
            Standing::Until(end) => {
                self.has = self.has.with(capability);
                self.armed.insert(capability, end);
            }
        }
    }

    fn arm(
        &mut self,
        capabilities: Capabilities,
        until: Option<DateTime<Utc>>,
        mailboxes: &MailboxSet,
    ) {
        if mailboxes.contains(self.number) {
            for capability in capabilities.iter() {
                match until {
                    Some(until) => self.armed.insert(capability, until),
                    None => self.armed.remove(&capability),
                };
            }
        }
    }
}
