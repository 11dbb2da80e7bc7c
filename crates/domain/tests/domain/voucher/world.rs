//! A programme with six mailboxes, and its commands.

use domain::{Command, Event, Plan, Rejection, Verification, VoucherCommand, VoucherStanding};
use roaring::RoaringBitmap;

use crate::history::{History, day, set, with_vouchers};

/// On the first day of the window.
pub(crate) const OPEN: &str = "2015-03-18T12:00:00Z";

pub(crate) struct World {
    pub(crate) history: History,
}

pub(crate) fn plan(lines: &str) -> Plan {
    with_vouchers(lines).unwrap()
}

impl World {
    /// Six mailboxes: the even ones activated, the last two asked for too late.
    pub(crate) fn new(plan: Plan) -> Self {
        let mut history = History::adopted(plan, "2014-12-01T12:00:00Z");
        history.register((0..6).map(|number| {
            let asked = day(if number < 4 { "2014-12-17" } else { "2014-12-18" });
            (asked, (number % 2 == 0).then_some(asked))
        }));
        Self { history }
    }

    pub(crate) fn ask(&mut self, at: &str, command: VoucherCommand) -> Result<usize, String> {
        self.history.now = at.parse().unwrap();
        self.ask_now(command).map_err(|why| why.to_string())
    }

    pub(crate) fn ask_now(&mut self, command: VoucherCommand) -> Result<usize, Rejection> {
        let events = self.history.state.decide_voucher(command, self.history.now)?;
        let count = events.len();
        for event in events {
            self.history.record(event);
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
        for event in self.history.state.decide(command, self.history.now).unwrap_or_default() {
            if let Event::PlanAmended(amended) = &event
                && waits
            {
                self.history.record(Event::AmendmentProposed(amended.clone()));
            } else {
                self.history.record(event);
            }
        }
    }

    pub(crate) fn standing(&self, number: u32) -> VoucherStanding {
        self.history.state.vouchers.standing(number)
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
