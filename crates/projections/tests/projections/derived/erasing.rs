//! Erasures in the scenarios: personal data of some holders is deleted.

use std::collections::BTreeMap;

use domain::{ErasureGround, ErasureOrdered, Event, HoldersErased, MailboxSet, State};
use eventstore::erasure_stream;

use crate::derived::scenario::{Scenario, chosen, programme};

impl Scenario {
    /// Orders erasures for some, and completes some of those.
    pub(crate) async fn erase(&self, state: &State, a: u32) {
        let some = |of: u32| -> MailboxSet {
            let registered = state.rights.registered.iter();
            registered.filter(|number| chosen(*number, a, of) == 0).collect()
        };
        let ground = if a.is_multiple_of(2) { ErasureGround::End } else { ErasureGround::Demand };
        let places = BTreeMap::from([("registry".to_owned(), 1)]);
        let events = [
            Event::ErasureOrdered(ErasureOrdered { ground, mailboxes: some(9) }),
            Event::HoldersErased(HoldersErased { places, mailboxes: some(18) }),
        ];
        self.append(erasure_stream(&programme()).unwrap(), self.now(), &events).await;
    }
}
