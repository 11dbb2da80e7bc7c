//! One mailbox of each kind, and its expected rights, derived from the sources and not by the
//! engine.

use chrono::NaiveDate;
use domain::{Capabilities, Capability, MailboxCommand};
use rehearsal::Rehearsal;
use uuid::Uuid;

use crate::{World, command, connect, kinds};

/// The kind of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Requested and never activated: it lapses, and is never on the platform.
    NeverActivated,
    /// Nothing is special about it.
    Ordinary,
    /// Its holder withdraws early.
    Withdrawn,
    /// A hold keeps these capabilities.
    Held(Capabilities),
}

/// A mailbox of the test.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) number: u32,
    pub(super) address: String,
    pub(super) kind: Kind,
}

impl Person {
    /// The expected rights when the plan allows these in general; `None` if the platform does not
    /// know the mailbox.
    pub(super) fn may(&self, allowed: Capabilities, decided: bool) -> Option<Capabilities> {
        match self.kind {
            Kind::NeverActivated => None,
            Kind::Withdrawn if decided => Some(Capabilities::NONE),
            Kind::Held(kept) if decided => Some(kept.iter().fold(allowed, Capabilities::with)),
            Kind::Ordinary | Kind::Withdrawn | Kind::Held(_) => Some(allowed),
        }
    }

    /// Makes the decision about it, if there is one.
    pub(super) async fn decide(&self, running: &Rehearsal) {
        let decision = match self.kind {
            Kind::NeverActivated | Kind::Ordinary => return,
            Kind::Withdrawn => MailboxCommand::Withdraw,
            Kind::Held(capabilities) => MailboxCommand::PlaceHold {
                hold: Uuid::from_u128(u128::from(self.number)),
                capabilities,
                until: NaiveDate::from_ymd_opt(2019, 1, 1),
            },
        };
        command(running, self.number, decision).await;
    }
}

/// One of each kind. The last one can be read and receives until the end: the others send to it.
pub(super) async fn people(world: &World) -> Vec<Person> {
    let found = kinds(&world.home()).await;
    let held = |capabilities: &[Capability]| Kind::Held(capabilities.iter().copied().collect());
    let mut wanted = vec![
        (found.never_activated, Kind::NeverActivated),
        (found.used, Kind::Ordinary),
        (found.activated_late, Kind::Ordinary),
    ];
    let others = [
        Kind::Withdrawn,
        held(&[Capability::Send]),
        held(&[Capability::Modify]),
        held(&[Capability::Receive]),
        held(&[Capability::Access]),
        held(&[Capability::Receive, Capability::Access]),
    ];
    wanted.extend(found.others.iter().copied().zip(others));
    let mut registry = connect(&world.home().registry()).await;
    let mut people = Vec::new();
    for (number, kind) in wanted {
        let address = sqlx::query_scalar("SELECT address FROM registration WHERE number = ?")
            .bind(number)
            .fetch_one(&mut registry)
            .await
            .unwrap();
        people.push(Person { number, address, kind });
    }
    people
}
