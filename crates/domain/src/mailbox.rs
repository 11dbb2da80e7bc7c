//! One mailbox: lifecycle, rights and holds; decide and evolve.
//!
//! A mailbox folds the same events as the sets of the whole population ([`Rights`](crate::Rights)).
//! A property test holds that both folds agree.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Capabilities, Capability, Event, HoldPlaced, HoldReleased, MailboxSet, MailboxWithdrawn,
    MailboxesRegistered, Outcome, Rejection, Standing,
};

/// The lifecycle of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    /// Not registered.
    #[default]
    Unknown,
    /// Registered, not activated.
    Registered,
    /// Activated at the post office.
    Activated,
    /// Not activated in time.
    Lapsed,
    /// Withdrawn early by its holder.
    Withdrawn,
}

/// One mailbox, folded from the events that concern it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Mailbox {
    /// Its number.
    pub number: u32,
    /// Its lifecycle.
    pub lifecycle: Lifecycle,
    /// The platform capabilities that it has, according to outcome events.
    pub has: Capabilities,
    /// The armed end of each capability.
    pub armed: BTreeMap<Capability, DateTime<Utc>>,
    /// Its holds that were not released.
    pub holds: BTreeMap<Uuid, HoldPlaced>,
}

/// A command about one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxCommand {
    /// Withdraw the mailbox at its holder's request (*recesso*).
    Withdraw,
    /// Place a hold for a court or the operator.
    PlaceHold {
        /// The hold's id.
        hold: Uuid,
        /// The capabilities that it keeps.
        capabilities: Capabilities,
        /// Its last day; `None` until released.
        until: Option<NaiveDate>,
    },
    /// Release a hold.
    ReleaseHold {
        /// The hold's id.
        hold: Uuid,
    },
}

impl Mailbox {
    /// A mailbox before its first event.
    pub fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// Decides a command; `today` is the civil date in the plan's zone.
    pub fn decide(
        &self,
        command: MailboxCommand,
        today: NaiveDate,
    ) -> Result<Vec<Event>, Rejection> {
        let number = self.number;
        match (command, self.lifecycle) {
            (_, Lifecycle::Unknown) => Rejection::because("the mailbox is not registered"),
            (MailboxCommand::Withdraw, Lifecycle::Withdrawn) => {
                Rejection::because("the mailbox is already withdrawn")
            }
            (
                MailboxCommand::Withdraw,
                Lifecycle::Registered | Lifecycle::Activated | Lifecycle::Lapsed,
            ) => match self.holds.iter().find(|(_, hold)| hold.is_in_force_on(today)) {
                Some((hold, _)) => Rejection::because(format!(
                    "hold {hold} on the mailbox is in force; release it first"
                )),
                None => Ok(vec![Event::MailboxWithdrawn(MailboxWithdrawn { number })]),
            },
            (MailboxCommand::PlaceHold { hold, capabilities, until }, Lifecycle::Activated) => {
                self.place_hold(hold, capabilities, until, today)
            }
            (
                MailboxCommand::PlaceHold { .. },
                lifecycle @ (Lifecycle::Registered | Lifecycle::Lapsed | Lifecycle::Withdrawn),
            ) => Rejection::because(format!(
                "a hold needs an activated mailbox; this one {}",
                match lifecycle {
                    Lifecycle::Unknown | Lifecycle::Registered | Lifecycle::Activated => {
                        "was never activated"
                    }
                    Lifecycle::Lapsed => "has lapsed",
                    Lifecycle::Withdrawn => "was withdrawn",
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
            let all = Capabilities::OF_PLATFORM;
            return Rejection::because(format!("a hold can keep one or more of {all}"));
        }
        if let Some(until) = until.filter(|until| *until < today) {
            return Rejection::because(format!(
                "the hold would end on {until}, which is in the past"
            ));
        }
        if self.holds.contains_key(&hold) {
            return Ok(Vec::new());
        }
        let number = self.number;
        Ok(vec![Event::HoldPlaced(HoldPlaced { hold, number, capabilities, until })])
    }

    /// The next state. An event that does not concern the mailbox changes nothing.
    #[expect(clippy::unnested_or_patterns, reason = "a group of events is one pattern")]
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
                    self.holds.insert(event.hold, event.clone());
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
                    self.overwrite(event.capability, event.found);
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
        let index = self.number.checked_sub(event.first).and_then(|at| usize::try_from(at).ok());
        if let Some(index) = index.filter(|index| *index < event.activated_on.len()) {
            self.lifecycle = Lifecycle::Registered;
            if event.activated_on.get(index).is_some() {
                self.activate();
            }
        }
    }

    fn activate(&mut self) {
        match self.lifecycle {
            // A registry file that repeats an activation restores nothing.
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

    /// Replaces the applied state with the state found on the platform.
    fn overwrite(&mut self, capability: Capability, found: Standing) {
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
