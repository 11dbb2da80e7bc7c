//! Laws that hold after every step of every scenario, computed one mailbox at a time from the plan
//! and the holds, so that code without sets checks the sets.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::{
    Capability, Change, Denied, Entitled, Lifecycle, Mailbox, Standing, Task, civil_date, expected,
};

use crate::state::step::of_platform;
use crate::state::world::World;

impl World {
    pub(crate) fn check(&self) {
        self.accounts_are_partitions();
        self.mailboxes_agree_with_the_sets();
        self.whoever_asks_is_told_what_the_calendar_and_the_holds_say();
        let tasks = self.tasks();
        for task in &tasks {
            self.is_lawful(task);
        }
        no_right_is_in_two_tasks(&tasks);
        self.what_is_expected_of_the_platform_is_what_the_mailboxes_say(&tasks);
        self.work_converges();
    }

    fn accounts_are_partitions(&self) {
        for phase in self.state.phases.names() {
            let started = self.state.phases.get(&phase).unwrap();
            let account = self.state.account(&phase, self.now).unwrap();
            let all = &account.done | &account.already_so | &account.held;
            let all = all | &account.failed | &account.retrying | &account.pending;
            assert_eq!(all, *started.event.population, "someone is missing from {phase}");
            assert_eq!(account.total(), all.len(), "someone is twice in {phase}");
            if let Some((_, completed)) = &started.completed {
                let failed: u64 = completed.failed.iter().map(|of| of.mailboxes.len()).sum();
                let counted = completed.done + completed.already_so + completed.held.len();
                assert_eq!(counted + failed, completed.population, "{phase} does not add up");
                assert_eq!(completed.population, all.len());
            }
        }
    }

    fn mailboxes_agree_with_the_sets(&self) {
        let rights = &self.state.rights;
        assert_eq!(rights.registered.iter().count(), self.mailboxes.len());
        for mailbox in &self.mailboxes {
            let number = mailbox.number;
            let lifecycle = if rights.withdrawn.contains(number) {
                Lifecycle::Withdrawn
            } else if rights.activated.contains(number) {
                Lifecycle::Activated
            } else if rights.lapsed.contains(number) {
                Lifecycle::Lapsed
            } else {
                Lifecycle::Registered
            };
            assert_eq!(mailbox.lifecycle, lifecycle, "mailbox {number}");
            for capability in of_platform() {
                let open = rights.open(capability).contains(number);
                assert_eq!(mailbox.has.contains(capability), open, "{number}: {capability}");
                let armed = rights.armed(capability).filter(|(_, set)| set.contains(number));
                let armed: Vec<_> = armed.map(|(until, _)| until).collect();
                let told: Vec<_> = mailbox.armed.get(&capability).copied().into_iter().collect();
                assert_eq!(told, armed, "{number}: {capability}");
            }
            let holds = rights.holds.iter().filter(|(_, hold)| hold.number == number);
            assert!(holds.eq(mailbox.holds.iter()), "{number}: holds");
        }
    }

    /// By the calendar alone: whether the phases that are due have started makes no difference.
    fn whoever_asks_is_told_what_the_calendar_and_the_holds_say(&self) {
        let (plan, entitled) = (self.plan(), Entitled::of(&self.state).unwrap());
        for mailbox in &self.mailboxes {
            for capability in of_platform() {
                let allowed = plan.allowed_at(self.now).contains(capability);
                let expected = match mailbox.lifecycle {
                    Lifecycle::Unknown => Err(Denied::Unregistered),
                    Lifecycle::Registered | Lifecycle::Lapsed => Err(Denied::NeverActivated),
                    Lifecycle::Withdrawn => Err(Denied::Withdrawn),
                    Lifecycle::Activated if allowed => Ok(()),
                    Lifecycle::Activated if self.is_held(mailbox, capability, self.now) => Ok(()),
                    Lifecycle::Activated => Err(Denied::Ended),
                };
                let told = entitled.check(mailbox.number, capability, self.now);
                assert_eq!(told, expected, "{}: {capability} at {}", mailbox.number, self.now);
            }
        }
    }

    /// Each activated mailbox is expected to stand in one way, or left out; never left in while
    /// work is due.
    fn what_is_expected_of_the_platform_is_what_the_mailboxes_say(&self, tasks: &[Task]) {
        for expectation in expected(&self.state, self.now, self.reach, 0..=u32::MAX) {
            let capability = expectation.capability;
            for mailbox in &self.mailboxes {
                let number = mailbox.number;
                let until = expectation.until.iter().filter(|(_, set)| set.contains(number));
                let mut stands: Vec<_> =
                    until.map(|(end, _)| Some(Standing::Until(*end))).collect();
                let sets = [
                    (Some(Standing::Allowed), &expectation.allowed),
                    (Some(Standing::Gone), &expectation.gone),
                    (None, &expectation.left_out),
                ];
                let sets = sets.into_iter().filter(|(_, set)| set.contains(number));
                stands.extend(sets.map(|(standing, _)| standing));
                let activated = self.state.rights.activated.contains(number);
                assert_eq!(stands.len(), usize::from(activated), "{number}: {capability}");
                let Some(Some(standing)) = stands.first() else { continue };
                let busy = tasks.iter().any(|task| {
                    task.capabilities.contains(capability) && task.mailboxes.contains(number)
                });
                assert!(!busy, "{number}: {capability} at {}", self.now);
                let end = mailbox.armed.get(&capability).filter(|end| **end > self.now);
                let told = match (mailbox.has.contains(capability), end) {
                    (false, _) => Standing::Gone,
                    (true, Some(end)) => Standing::Until(*end),
                    (true, None) => Standing::Allowed,
                };
                assert_eq!(*standing, told, "{number}: {capability} at {}", self.now);
            }
        }
    }

    /// Is the capability kept by a hold, on the civil day of this instant?
    fn is_held(&self, mailbox: &Mailbox, capability: Capability, at: DateTime<Utc>) -> bool {
        let day = civil_date(at, self.plan().zone);
        mailbox.holds.values().any(|hold| {
            hold.capabilities.contains(capability) && hold.until.is_none_or(|until| day <= until)
        })
    }

    /// What the phases that started, and whose instant has passed, allow.
    fn is_allowed(&self, capability: Capability, at: DateTime<Utc>) -> bool {
        let plan = self.plan();
        let in_force = |place: &usize| {
            let id = &plan.phases.get(*place).unwrap().id;
            self.state.phases.has_started(id) && plan.starts_at(*place) <= at
        };
        let place = (0..plan.phases.len()).rev().find(in_force);
        let allows = place.and_then(|place| plan.phases.get(place)).map(|phase| phase.allows);
        allows.unwrap_or(plan.in_service).contains(capability)
    }

    /// Never early, never against a hold.
    fn is_lawful(&self, task: &Task) {
        for number in &task.mailboxes {
            let mailbox = self.mailboxes.iter().find(|mailbox| mailbox.number == number).unwrap();
            for capability in task.capabilities.iter() {
                let what = format!("{task:?} for {number}: {capability} at {}", self.now);
                match task.change {
                    Change::Close { due_at } => self.may_close(task, mailbox, capability, due_at),
                    Change::Restore => {
                        let held = self.is_held(mailbox, capability, self.now);
                        assert!(held || self.is_allowed(capability, self.now), "{what}");
                        assert_eq!(mailbox.lifecycle, Lifecycle::Activated, "{what}");
                    }
                    Change::Issue => assert!(self.is_allowed(capability, self.now), "{what}"),
                    Change::Arm { until: None } => {
                        assert!(mailbox.armed.contains_key(&capability), "{what}");
                    }
                    Change::Arm { until: Some(until) } => {
                        assert!(until > self.now, "{what}");
                        assert!(!self.is_held(mailbox, capability, until), "{what}");
                        let plan = self.plan();
                        let place = plan.phase_at(until).expect("an end before the first phase");
                        assert!(!plan.phases.get(place).unwrap().allows.contains(capability));
                    }
                }
            }
        }
    }

    fn may_close(
        &self,
        task: &Task,
        mailbox: &Mailbox,
        capability: Capability,
        due: DateTime<Utc>,
    ) {
        let what = format!("{task:?} for {}: {capability} at {}", mailbox.number, self.now);
        assert!(due <= self.now, "{what}");
        let Some(phase) = &task.phase else {
            assert_eq!(mailbox.lifecycle, Lifecycle::Withdrawn, "{what}");
            return;
        };
        let plan = self.plan();
        let place = plan.phases.iter().position(|of_plan| of_plan.id == *phase).unwrap();
        assert_eq!(due, plan.starts_at(place), "{what}");
        assert!(self.state.phases.has_started(phase), "{what}");
        assert!(plan.removes(place).contains(capability), "{what}");
        assert!(!self.is_allowed(capability, self.now), "{what}");
        assert!(!self.is_held(mailbox, capability, self.now), "{what}");
    }

    /// Once all that is to be done is done, nothing is to be done, and everyone has what they
    /// should.
    fn work_converges(&self) {
        let mut after = self.clone();
        after.work();
        // What was given back just now is armed in a second round, and where an amendment was
        // adopted only then, in a third.
        after.work();
        after.work();
        assert_eq!(after.tasks(), [], "at {}", after.now);
        after.decide_incidents(true);
        // Nobody waits longer than two days.
        let begun = after.now;
        let waiting = after.state.failures.waiting.iter().map(|waiting| waiting.retry_at);
        after.now = waiting.max().map_or(begun, |last| last.max(begun));
        after.work();
        after.work();
        assert_eq!(after.tasks(), [], "at {}", after.now);
        for mailbox in &after.mailboxes {
            for capability in of_platform() {
                let held = after.is_held(mailbox, capability, after.now);
                let desired = mailbox.lifecycle == Lifecycle::Activated
                    && (held || after.is_allowed(capability, after.now));
                let number = mailbox.number;
                assert_eq!(mailbox.has.contains(capability), desired, "{number}: {capability}");
            }
        }
    }
}

fn no_right_is_in_two_tasks(tasks: &[Task]) {
    let mut seen = BTreeSet::new();
    for task in tasks {
        for number in &task.mailboxes {
            for capability in task.capabilities.iter() {
                assert!(seen.insert((number, capability)), "{number}: {capability} twice");
            }
        }
    }
}
