//! A state and its mailboxes, folded from the same events.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Capabilities, Change, Command, DateColumn, Event, Fact, Mailbox, MailboxCommand, MailboxSet,
    MailboxesRegistered, Outcome, Plan, PlatformCapabilities, Rejection, RightsArmed,
    RightsRestored, State, Task, Verdict, VouchersIssued, civil_date, tasks,
};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::history::at;

/// A platform that enforces everything, and can be told a month ahead.
pub(crate) const ARMED: PlatformCapabilities = PlatformCapabilities {
    controls: Capabilities::OF_PLATFORM,
    arm_ahead: Some(TimeDelta::days(30)),
};
/// A platform that cannot be armed.
pub(crate) const UNARMED: PlatformCapabilities =
    PlatformCapabilities { controls: Capabilities::OF_PLATFORM, arm_ahead: None };

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) reach: PlatformCapabilities,
    position: u64,
}

impl World {
    /// The plan adopted at an instant; nobody is registered.
    pub(crate) fn adopted(plan: Plan, when: &str, reach: PlatformCapabilities) -> Self {
        let mailboxes = Vec::new();
        let mut world =
            Self { state: State::default(), mailboxes, now: at(when), reach, position: 0 };
        world.command(Command::Adopt(plan)).unwrap();
        world
    }

    /// An id that nothing else has.
    pub(crate) fn new_id(&self) -> Uuid {
        Uuid::from_u128((1 << 100) + u128::from(self.position))
    }

    pub(crate) fn record(&mut self, event: Event) {
        self.position += 1;
        let id = Uuid::from_u128(self.position.into());
        for mailbox in &mut self.mailboxes {
            mailbox.evolve(&event);
        }
        let (position, now) = (self.position, self.now);
        self.state.evolve(&Fact { position, id, effective_at: now, recorded_at: now, event });
    }

    pub(crate) fn command(&mut self, command: Command) -> Result<usize, Rejection> {
        let events = self.state.decide(command, self.now)?;
        let count = events.len();
        for event in events {
            self.record(event);
        }
        Ok(count)
    }

    /// Registers mailboxes with the next numbers; each is activated or not.
    pub(crate) fn register(&mut self, activated: &[bool]) {
        let first = self.state.rights.next_number();
        let today = civil_date(self.now, self.plan().zone);
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for (number, activated) in (first..).zip(activated) {
            self.mailboxes.push(Mailbox::new(number));
            requested_on.push(Some(today)).unwrap();
            activated_on.push(activated.then_some(today)).unwrap();
        }
        let event = MailboxesRegistered { first, requested_on, activated_on };
        self.record(Event::MailboxesRegistered(event));
    }

    pub(crate) fn ask(&mut self, number: u32, command: MailboxCommand) -> Result<(), Rejection> {
        let today = civil_date(self.now, self.plan().zone);
        let mailbox = self.mailboxes.iter().find(|mailbox| mailbox.number == number);
        let events = mailbox.unwrap().decide(command, today)?;
        for event in events {
            self.record(event);
        }
        Ok(())
    }

    pub(crate) fn plan(&self) -> Plan {
        self.state.plan().unwrap().clone()
    }

    /// Starts what is due.
    pub(crate) fn tick(&mut self) {
        while self.command(Command::StartPhase { frozen_at: self.position }).unwrap() > 0 {}
    }

    pub(crate) fn tasks(&self) -> Vec<Task> {
        tasks(&self.state, self.now, self.reach)
    }

    /// The platform does all that is to be done.
    pub(crate) fn work(&mut self) {
        for task in self.tasks() {
            self.done(&task, Verdict::Applied, &task.mailboxes);
        }
        self.command(Command::AdoptProposed).unwrap();
    }

    /// Records that a task's change was made for some of its mailboxes.
    pub(crate) fn done(&mut self, task: &Task, verdict: Verdict, mailboxes: &RoaringBitmap) {
        let (revision, capabilities) = (self.state.programme.revision(), task.capabilities);
        let (phase, mailboxes) = (task.phase.clone(), MailboxSet::from(mailboxes.clone()));
        match task.change {
            Change::Close { due_at } => {
                let outcome = Outcome { phase, revision, due_at, verdict, mailboxes };
                for capability in capabilities.iter() {
                    self.record(Event::removal(capability, outcome.clone()).unwrap());
                }
            }
            Change::Restore => {
                let restored = RightsRestored { capabilities, revision, mailboxes };
                self.record(Event::RightsRestored(restored));
            }
            Change::Arm { until } => {
                let armed = RightsArmed { phase, revision, capabilities, until, mailboxes };
                self.record(Event::RightsArmed(armed));
            }
            Change::Issue => {
                self.record(Event::VouchersIssued(VouchersIssued { revision, mailboxes }));
            }
        }
    }
}
