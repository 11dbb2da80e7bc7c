//! A state and the events that it is folded from, and other things that the worlds of these tests
//! share.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Command, DateColumn, Event, Fact, MailboxesRegistered, Plan, State};
use roaring::RoaringBitmap;
use uuid::Uuid;

/// A state, folded from the events that are recorded.
pub(crate) struct History {
    pub(crate) state: State,
    pub(crate) now: DateTime<Utc>,
    pub(crate) position: u64,
}

impl History {
    /// The plan adopted at an instant; nobody is registered.
    pub(crate) fn adopted(plan: Plan, when: &str) -> Self {
        let mut history = Self { state: State::default(), now: at(when), position: 0 };
        for event in history.state.decide(Command::Adopt(plan), history.now).unwrap() {
            history.record(event);
        }
        history
    }

    /// Registers mailboxes from number 0 on, by the days of their requests and activations.
    pub(crate) fn register(
        &mut self,
        mailboxes: impl IntoIterator<Item = (NaiveDate, Option<NaiveDate>)>,
    ) {
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for (requested, activated) in mailboxes {
            requested_on.push(Some(requested)).unwrap();
            activated_on.push(activated).unwrap();
        }
        let registered = MailboxesRegistered { first: 0, requested_on, activated_on };
        self.record(Event::MailboxesRegistered(registered));
    }

    pub(crate) fn record(&mut self, event: Event) {
        self.position += 1;
        let (position, now) = (self.position, self.now);
        let id = Uuid::from_u128(position.into());
        self.state.evolve(&Fact { position, id, effective_at: now, recorded_at: now, event });
    }
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn set(numbers: impl IntoIterator<Item = u32>) -> RoaringBitmap {
    numbers.into_iter().collect()
}

/// The shipped plan with these lines in its section `[vouchers]`.
pub(crate) fn with_vouchers(lines: &str) -> Result<Plan, String> {
    let text = Plan::CEC_PAC.replacen("[vouchers]\n", &format!("[vouchers]\n{lines}\n"), 1);
    Plan::parse("trial.toml", &text).map(|(plan, _)| plan).map_err(|error| error.to_string())
}

/// The state that a snapshot restores. Its sets are all that were stored.
pub(crate) fn restored(state: &State) -> State {
    let (header, mut sets) = state.snapshot();
    let header = serde_json::to_string(&header).unwrap();
    let find = |name: &str| sets.remove(name).expect("a set of this name");
    let restored = State::from_snapshot(serde_json::from_str(&header).unwrap(), find);
    assert!(sets.is_empty(), "nothing names {sets:?}");
    restored
}
