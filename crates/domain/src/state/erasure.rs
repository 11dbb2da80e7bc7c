//! Ordered and finished erasures of personal data.

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::Event;

/// Ordered and finished erasures, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Ordered, finished ones included.
    #[serde(skip)]
    pub(super) ordered: RoaringBitmap,
    #[serde(skip)]
    pub(super) erased: RoaringBitmap,
}

impl Erasure {
    /// Mailboxes with an ordered erasure, finished or not.
    pub fn ordered(&self) -> &RoaringBitmap {
        &self.ordered
    }

    /// Mailboxes whose holders' data every store has erased.
    pub fn erased(&self) -> &RoaringBitmap {
        &self.erased
    }

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
