//! The origin of an operator's decision.

use eventstore::Origin;

use crate::cli::{Global, Reason};

/// Who decides, and why.
pub(super) fn origin(global: &Global, reason: &Reason) -> Origin {
    global.caller(Some(reason)).origin()
}
