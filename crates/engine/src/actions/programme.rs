//! Decisions about the programme as a whole: whether work is dispatched, and how fast.

use domain::{Command, Event, PaceChanged};
use eventstore::programme_stream;
use views::{PaceSet, Paused, Resumed};

use super::decide::Decided;
use super::{Action, At, Caller};
use crate::Error;
use crate::store::Store;

/// Stops dispatching work.
pub struct Pause;

/// Dispatches work again.
pub struct Resume;

/// Limits the calls to the platform for one capability.
pub struct SetPace(pub PaceChanged);

impl Action for Pause {
    const DONE: &'static str = "paused";
    type Result = Paused;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<Paused>, Error> {
        let decided = decide(store, caller, &Command::Pause).await?;
        let decided = decided.led_to(|event| matches!(event, Event::ProgrammePaused(_)))?;
        Ok(decided.with(Paused {}))
    }
}

impl Action for Resume {
    const DONE: &'static str = "resumed";
    type Result = Resumed;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<Resumed>, Error> {
        let decided = decide(store, caller, &Command::Resume).await?;
        let decided = decided.led_to(|event| matches!(event, Event::ProgrammeResumed(_)))?;
        Ok(decided.with(Resumed {}))
    }
}

impl Action for SetPace {
    const DONE: &'static str = "pace-changed";
    type Result = PaceSet;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<PaceSet>, Error> {
        let decided = decide(store, caller, &Command::ChangePace(self.0.clone())).await?;
        let decided =
            decided.led_to(|event| matches!(event, Event::PaceChanged(pace) if *pace == self.0))?;
        let PaceChanged { effect, calls_per_second, concurrent_calls } = self.0;
        Ok(decided.with(PaceSet { capability: effect, calls_per_second, concurrent_calls }))
    }
}

async fn decide(store: &Store, caller: &Caller, command: &Command) -> Result<Decided, Error> {
    let stream = programme_stream(store.programme())?;
    store.decide(caller, stream, |state, now| Ok(state.decide(command.clone(), now)?)).await
}
