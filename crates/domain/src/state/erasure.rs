//! Ordered and finished erasures of personal data.

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::Event;

/// Ordered and finished erasures, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Mailboxes with an ordered erasure, finished or not.
    #[serde(skip)]
    pub ordered: RoaringBitmap,
    /// Mailboxes whose holders' data every store has erased.
    #[serde(skip)]
    pub erased: RoaringBitmap,
}

impl Erasure {
    /// Mailboxes with an ordered, unfinished erasure.
    pub fn pending(&self) -> RoaringBitmap {
        &self.ordered - &self.erased
    }

    /// The next state. Never fails and never decides.
    pub(super) fn evolve(&mut self, event: &Event) {
        if let Event::ErasureOrdered(event) = event {
            self.ordered |= &*event.mailboxes;
        } else if let Event::HoldersErased(event) = event {
            self.erased |= &*event.mailboxes;
        }
    }
}
