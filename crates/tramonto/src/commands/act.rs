//! From parsed arguments to an action, and from its result to an answer.

use std::fmt::Display;

use engine::Reason;
use engine::actions::{Action, Done};
use engine::store::Store;
use serde::Serialize;

use crate::Error;
use crate::cli::Global;
use crate::output::Output;

/// Opens the store, carries out an action and prints its answer.
pub(super) async fn act<A>(action: A, reason: &Reason, global: &Global) -> Result<(), Error>
where
    A: Action<Result: Display + Serialize>,
{
    act_on(decide_on(global).await?, action, reason, global).await
}

/// Carries out an action on an open store, closes it and prints the answer.
pub(super) async fn act_on<A>(
    store: Store,
    action: A,
    reason: &Reason,
    global: &Global,
) -> Result<(), Error>
where
    A: Action<Result: Display + Serialize>,
{
    let done = Box::pin(store.run(action, &global.caller(Some(reason)))).await;
    store.close().await?;
    answer(&done?, global)
}

/// Opens the store for a query.
pub(super) async fn read(global: &Global) -> Result<Store, Error> {
    Store::open_to_read(global.settings()?).await
}

/// Opens the store for decisions.
pub(super) async fn decide_on(global: &Global) -> Result<Store, Error> {
    Store::open_to_decide(global.settings()?).await
}

/// Prints the answer to an action: as JSON, or in one sentence.
pub(super) fn answer<T: Display + Serialize>(done: &Done<T>, global: &Global) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json { out.object(done) } else { out.line(done.result.to_string()) }
}
