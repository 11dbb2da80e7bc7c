//! `tramonto phase pause`, `resume` and `limit`.

use domain::PaceChanged;
use engine::actions::programme::{Pause, Resume, SetPace};

use super::act::act;
use crate::Error;
use crate::cli::{Global, PhaseCommand};

pub(super) async fn execute(command: PhaseCommand, global: &Global) -> Result<(), Error> {
    match command {
        PhaseCommand::Pause(why) => act(Pause, &why.reason, global).await,
        PhaseCommand::Resume(why) => act(Resume, &why.reason, global).await,
        PhaseCommand::Limit { effect, calls_per_second, concurrent, reason } => {
            let pace = PaceChanged { effect, calls_per_second, concurrent_calls: concurrent };
            act(SetPace(pace), &reason, global).await
        }
    }
}
