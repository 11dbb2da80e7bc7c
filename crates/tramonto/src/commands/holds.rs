//! `tramonto hold place` and `hold release`.

use engine::actions::holds::{PlaceHold, ReleaseHold};

use super::act::act;
use crate::Error;
use crate::cli::{Global, HoldCommand};

pub(super) async fn execute(command: HoldCommand, global: &Global) -> Result<(), Error> {
    match command {
        HoldCommand::Place { mailbox, capability, until, reason } => {
            let capabilities = capability.into_iter().collect();
            act(PlaceHold { mailbox, capabilities, until }, &reason, global).await
        }
        HoldCommand::Release { mailbox, hold, reason } => {
            act(ReleaseHold { mailbox, hold }, &reason, global).await
        }
    }
}
