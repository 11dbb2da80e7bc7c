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
    answer(&run(action, Some(reason), global).await?, global)
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
    answer(&run_on(store, action, Some(reason), global).await?, global)
}

/// Opens the store, carries out an action and closes the store.
pub(super) async fn run<A: Action>(
    action: A,
    reason: Option<&Reason>,
    global: &Global,
) -> Result<Done<A::Result>, Error> {
    run_on(decide_on(global).await?, action, reason, global).await
}

/// Carries out an action on an open store and closes it.
pub(super) async fn run_on<A: Action>(
    store: Store,
    action: A,
    reason: Option<&Reason>,
    global: &Global,
) -> Result<Done<A::Result>, Error> {
    let done = Box::pin(store.run(action, &global.caller(reason))).await;
    store.close().await?;
    done
}

/// Opens the store, answers a query and closes the store.
pub(super) async fn query<T>(
    global: &Global,
    query: impl AsyncFnOnce(&Store) -> Result<T, Error>,
) -> Result<T, Error> {
    let store = Store::open_to_read(global.settings()?).await?;
    let found = Box::pin(query(&store)).await;
    store.close().await?;
    found
}

/// Opens the store for decisions.
pub(super) async fn decide_on(global: &Global) -> Result<Store, Error> {
    Store::open_to_decide(global.settings()?).await
}

/// Prints the answer to an action: as JSON, or in one sentence.
pub(super) fn answer<T: Display + Serialize>(done: &Done<T>, global: &Global) -> Result<(), Error> {
    print(done, done.result.to_string(), global)
}

/// Prints an object as JSON, or a sentence for people.
pub(super) fn print(
    object: &impl Serialize,
    sentence: impl AsRef<str>,
    global: &Global,
) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json { out.object(object) } else { out.line(sentence) }
}

/// Prints an answer: as a JSON document over several lines, or in words that end their lines.
pub(super) fn show<T: Serialize>(
    answer: &T,
    words: impl FnOnce(&T) -> String,
    global: &Global,
) -> Result<(), Error> {
    let mut out = Output::open();
    if global.json { out.document(answer) } else { out.text(words(answer)) }
}
