//! `tramonto phase pause`, `resume` and `limit`.

use domain::PaceChanged;
use engine::actions::programme::{Pause, Resume, SetPace};

use super::act::act;
use crate::Error;
use crate::cli::{Global, PaceArgs, Reason};

pub(super) async fn pause(reason: &Reason, global: &Global) -> Result<(), Error> {
    act(Pause, reason, global).await
}

pub(super) async fn resume(reason: &Reason, global: &Global) -> Result<(), Error> {
    act(Resume, reason, global).await
}

pub(super) async fn pace(args: &PaceArgs, global: &Global) -> Result<(), Error> {
    let pace = PaceChanged {
        effect: args.effect,
        calls_per_second: args.calls_per_second,
        concurrent_calls: args.concurrent,
    };
    act(SetPace(pace), &args.reason, global).await
}
