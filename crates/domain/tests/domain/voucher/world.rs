//! A programme with six mailboxes, and its commands.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    Command, DateColumn, Event, Fact, MailboxesRegistered, Plan, Rejection, State, Verification,
    VoucherCommand, VoucherStanding,
};
use roaring::RoaringBitmap;
use uuid::Uuid;

/// On the first day of the window.
pub(crate) const OPEN: &str = "2015-03-18T12:00:00Z";

pub(crate) struct World {
    pub(crate) state: State,
    position: u64,
    pub(crate) now: DateTime<Utc>,
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn set(numbers: impl IntoIterator<Item = u32>) -> RoaringBitmap {
    numbers.into_iter().collect()
}

/// The shipped plan with these lines in its section `[vouchers]`.
pub(crate) fn plan(lines: &str) -> Plan {
    let text = include_str!("../../../../../deploy/plans/cec-pac.toml");
    let text = text.replacen("[vouchers]\n", &format!("[vouchers]\n{lines}\n"), 1);
    Plan::parse("trial.toml", &text).unwrap_or_else(|error| panic!("{error}")).0
}

impl World {
    /// Six mailboxes: the even ones activated, the last two asked for too late.
    pub(crate) fn new(plan: Plan) -> Self {
        let now = "2014-12-01T12:00:00Z".parse().unwrap();
        let mut world = Self { state: State::default(), position: 0, now };
        for event in world.state.decide(Command::Adopt(plan), now).unwrap() {
            world.record(event);
        }
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for number in 0..6 {
            let asked = day(if number < 4 { "2014-12-17" } else { "2014-12-18" });
            requested_on.push(Some(asked)).unwrap();
            activated_on.push((number % 2 == 0).then_some(asked)).unwrap();
        }
        world.record(Event::MailboxesRegistered(MailboxesRegistered {
            first: 0,
            requested_on,
            activated_on,
        }));
        world
    }

    pub(crate) fn record(&mut self, event: Event) {
        self.position += 1;
        let (position, now) = (self.position, self.now);
        let id = Uuid::from_u128(position.into());
        self.state.evolve(&Fact { position, id, effective_at: now, recorded_at: now, event });
    }

    pub(crate) fn ask(&mut self, at: &str, command: VoucherCommand) -> Result<usize, String> {
        self.now = at.parse().unwrap();
        self.ask_now(command).map_err(|why| why.to_string())
    }

    pub(crate) fn ask_now(&mut self, command: VoucherCommand) -> Result<usize, Rejection> {
        let events = self.state.decide_voucher(command, self.now)?;
        let count = events.len();
        for event in events {
            self.record(event);
        }
        Ok(count)
    }

    pub(crate) fn request(&mut self, at: &str, numbers: &[u32]) -> Result<usize, String> {
        self.ask(at, request(numbers.iter().copied()))
    }

    /// Has vouchers granted.
    pub(crate) fn grant(&mut self, numbers: &[u32]) {
        self.request(OPEN, numbers).unwrap();
        let mailboxes = set(numbers.iter().copied());
        self.ask(OPEN, verify(mailboxes.clone())).unwrap();
        assert_eq!(self.ask(OPEN, VoucherCommand::Issue { mailboxes }), Ok(1));
    }

    /// What a command about the plan leads to, if to anything; an amendment waits where that is
    /// said.
    pub(crate) fn amend(&mut self, command: Command, waits: bool) {
        for event in self.state.decide(command, self.now).unwrap_or_default() {
            if let Event::PlanAmended(amended) = &event
                && waits
            {
                self.record(Event::AmendmentProposed(amended.clone()));
            } else {
                self.record(event);
            }
        }
    }

    pub(crate) fn standing(&self, number: u32) -> VoucherStanding {
        self.state.vouchers.standing(number)
    }
}

pub(crate) fn request(numbers: impl IntoIterator<Item = u32>) -> VoucherCommand {
    VoucherCommand::Request { mailboxes: set(numbers), requested_in_time: set(0..4) }
}

pub(crate) fn verify(mailboxes: RoaringBitmap) -> VoucherCommand {
    VoucherCommand::Verify { mailboxes, proof: Verification::Officer }
}

pub(crate) fn issue(numbers: impl IntoIterator<Item = u32>) -> VoucherCommand {
    VoucherCommand::Issue { mailboxes: set(numbers) }
}

pub(crate) fn redeem(number: u32, issue: u32, provider: &str) -> VoucherCommand {
    VoucherCommand::Redeem { number, issue, provider: provider.parse().unwrap() }
}
