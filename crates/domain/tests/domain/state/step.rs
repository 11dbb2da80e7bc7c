//! One step of a scenario. A step that does not fit the moment is rejected or changes nothing.

use chrono::{Days, TimeDelta};
use domain::{
    Capabilities, Capability, Change, Command, DateColumn, DriftFound, DriftSettled, EffectFailed,
    Event, IncidentOpened, IncidentResolved, IncidentRetried, MailboxCommand, MailboxSet,
    MailboxesActivated, Standing, Task, Verdict, civil_date,
};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use crate::state::world::World;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Register(Vec<bool>),
    Activate(u32),
    Withdraw(u32),
    Hold {
        number: u32,
        capabilities: u8,
        days: Option<u16>,
    },
    Release(u8),
    /// Hours go by; below zero the clock is set back.
    Pass(i32),
    Tick,
    /// The platform is asked for everything; `members` says for which mailboxes it answers this.
    Work {
        answer: Answer,
        members: u32,
    },
    Retry,
    Resolve,
    /// A phase is moved by days.
    Amend {
        place: u8,
        days: i16,
    },
    Complete,
    /// The platform is found to say something else of some mailboxes.
    Drift {
        capability: usize,
        found: Found,
        repair: bool,
        members: u32,
    },
    /// And then no more.
    Settle {
        capability: usize,
        members: u32,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Found {
    Allowed,
    Gone,
    Until { hours: i16 },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Applied,
    AlreadySo,
    Transient { hours: u8 },
    Permanent,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let answer = prop_oneof![
        4 => Just(Answer::Applied),
        1 => Just(Answer::AlreadySo),
        2 => (0_u8..48).prop_map(|hours| Answer::Transient { hours }),
        1 => Just(Answer::Permanent),
    ];
    let found = prop_oneof![
        Just(Found::Allowed),
        Just(Found::Gone),
        (-2000_i16..2000).prop_map(|hours| Found::Until { hours }),
    ];
    let step = prop_oneof![
        2 => prop::collection::vec(any::<bool>(), 1..6).prop_map(Step::Register),
        2 => (0_u32..32).prop_map(Step::Activate),
        2 => (0_u32..32).prop_map(Step::Withdraw),
        3 => (0_u32..32, any::<u8>(), prop::option::of(0_u16..200))
            .prop_map(|(number, capabilities, days)| Step::Hold { number, capabilities, days }),
        1 => any::<u8>().prop_map(Step::Release),
        5 => (0_i32..2500).prop_map(Step::Pass),
        1 => (-5000_i32..0).prop_map(Step::Pass),
        6 => Just(Step::Tick),
        6 => (answer, any::<u32>()).prop_map(|(answer, members)| Step::Work { answer, members }),
        1 => Just(Step::Retry),
        1 => Just(Step::Resolve),
        2 => (0_u8..6, -200_i16..200).prop_map(|(place, days)| Step::Amend { place, days }),
        2 => Just(Step::Complete),
        2 => (0_usize..4, found, any::<bool>(), any::<u32>()).prop_map(
            |(capability, found, repair, members)| {
                Step::Drift { capability, found, repair, members }
            }
        ),
        1 => (0_usize..4, any::<u32>())
            .prop_map(|(capability, members)| Step::Settle { capability, members }),
    ];
    prop::collection::vec(step, 1..60)
}

impl World {
    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Register(activated) => self.register(activated),
            Step::Activate(number) => {
                let today = civil_date(self.now, self.plan().zone);
                if self.state.rights.pending().contains(*number) {
                    let mut activated_on = DateColumn::new();
                    activated_on.push(Some(today)).unwrap();
                    let mailboxes = MailboxSet::from(*number);
                    let event = MailboxesActivated { mailboxes, activated_on };
                    self.record(Event::MailboxesActivated(event));
                }
            }
            Step::Withdraw(number) => self.may_ask(*number, MailboxCommand::Withdraw),
            Step::Hold { number, capabilities, days } => {
                let chosen = |(place, _): &(usize, Capability)| capabilities >> place & 1 == 1;
                let all = Capability::ALL.into_iter().enumerate().filter(chosen);
                let today = civil_date(self.now, self.plan().zone);
                let hold = self.new_id();
                self.may_ask(
                    *number,
                    MailboxCommand::PlaceHold {
                        hold,
                        capabilities: all.map(|(_, capability)| capability).collect(),
                        until: days.map(|days| today + Days::new(days.into())),
                    },
                );
            }
            Step::Release(nth) => {
                let holds = &self.state.rights.holds;
                let held = holds.iter().nth(usize::from(*nth) % holds.len().max(1));
                if let Some((hold, number)) = held.map(|(hold, held)| (*hold, held.number)) {
                    self.may_ask(number, MailboxCommand::ReleaseHold { hold });
                }
            }
            Step::Pass(hours) => self.now += TimeDelta::hours((*hours).into()),
            Step::Tick => {
                self.tick();
                self.command(Command::AdoptProposed).unwrap();
            }
            Step::Work { answer, members } => {
                for task in self.tasks() {
                    let these = |number: &u32| members >> (number % 32) & 1 == 1;
                    self.answer(&task, *answer, &task.mailboxes.iter().filter(these).collect());
                }
            }
            Step::Retry | Step::Resolve => self.decide_incidents(matches!(step, Step::Retry)),
            Step::Amend { place, days } => self.amend(usize::from(*place), (*days).into()),
            Step::Complete => {
                for phase in self.state.phases.names() {
                    let before = self.state.phases.get(&phase).unwrap().completed.is_some();
                    let account = self.state.account(&phase, self.now).unwrap();
                    let complete = before || account.is_complete();
                    assert_eq!(self.command(Command::CompletePhase(phase)).is_ok(), complete);
                }
            }
            Step::Drift { capability, found, repair, members } => {
                let capability = of_platform().nth(*capability).unwrap();
                let found = match found {
                    Found::Allowed => Standing::Allowed,
                    Found::Gone => Standing::Gone,
                    Found::Until { hours } => {
                        Standing::Until(self.now + TimeDelta::hours((*hours).into()))
                    }
                };
                let (expected, repair) = (Standing::Allowed, *repair);
                let (compared_at, mailboxes) = (0, self.members(*members));
                self.record(Event::DriftFound(DriftFound {
                    capability,
                    expected,
                    found,
                    compared_at,
                    repair,
                    mailboxes,
                }));
            }
            Step::Settle { capability, members } => {
                let capability = of_platform().nth(*capability).unwrap();
                let mailboxes = self.members(*members);
                self.record(Event::DriftSettled(DriftSettled { capability, mailboxes }));
            }
        }
    }

    /// Some of those who were ever activated.
    fn members(&self, members: u32) -> MailboxSet {
        let these = |number: &u32| members >> (number % 32) & 1 == 1;
        self.state.rights.activated.iter().filter(these).collect()
    }

    fn may_ask(&mut self, number: u32, command: MailboxCommand) {
        if self.mailboxes.iter().any(|mailbox| mailbox.number == number) {
            // A rejection is a valid outcome: the scenario goes on.
            drop(self.ask(number, command));
        }
    }

    fn answer(&mut self, task: &Task, answer: Answer, mailboxes: &RoaringBitmap) {
        if mailboxes.is_empty() {
            return;
        }
        // Failed arming is not recorded: at its date the right is taken away all the same. A
        // registration lapses with us, where nothing can fail.
        let lapses = task.capabilities.contains(Capability::Activate);
        let unrecorded = lapses || matches!(task.change, Change::Arm { .. });
        let (phase, capabilities) = (task.phase.clone(), task.capabilities);
        let cause = "busy".to_owned();
        let set = MailboxSet::from(mailboxes.clone());
        match answer {
            Answer::Applied => self.done(task, Verdict::Applied, mailboxes),
            Answer::AlreadySo => self.done(task, Verdict::AlreadySo, mailboxes),
            Answer::Transient { .. } | Answer::Permanent if unrecorded => {}
            Answer::Transient { hours } => {
                let retry_at = self.now + TimeDelta::hours(hours.into());
                let (attempts, mailboxes) = (1, set);
                self.record(Event::EffectFailed(EffectFailed {
                    phase,
                    capabilities,
                    cause,
                    attempts,
                    retry_at,
                    mailboxes,
                }));
            }
            Answer::Permanent => {
                let (attempts, mailboxes) = (2, set);
                self.record(Event::IncidentOpened(IncidentOpened {
                    phase,
                    capabilities,
                    cause,
                    attempts,
                    mailboxes,
                }));
            }
        }
    }

    pub(crate) fn decide_incidents(&mut self, retry: bool) {
        for (key, incident) in self.state.failures.incidents.clone() {
            let mailboxes = MailboxSet::from(incident.open.clone());
            let (phase, cause) = (key.phase, key.cause);
            self.record(if retry {
                let mailboxes = MailboxSet::from(&incident.open | &incident.resolved);
                Event::IncidentRetried(IncidentRetried { phase, cause, mailboxes })
            } else {
                Event::IncidentResolved(IncidentResolved { phase, cause, mailboxes })
            });
        }
    }

    /// Only plans whose dates are in order can be read at all.
    fn amend(&mut self, place: usize, days: i64) {
        let mut plan = self.plan();
        let Some(phase) = plan.phases.get_mut(place) else { return };
        phase.from += TimeDelta::days(days);
        let dates: Vec<_> = plan.phases.iter().map(|phase| phase.from).collect();
        if dates.is_sorted_by(|one, next| one < next) {
            let moves_a_started =
                self.state.phases.has_started(&plan.phases.get(place).unwrap().id);
            let answer = self.command(Command::Amend(plan));
            assert!(!(moves_a_started && days != 0 && answer.is_ok()), "the past was changed");
        }
    }
}

/// What the platform is asked to enforce.
pub(crate) fn of_platform() -> impl Iterator<Item = Capability> {
    Capabilities::OF_PLATFORM.iter()
}
