//! Erasing the personal data of holders.

use std::collections::BTreeMap;

use domain::{ErasureCommand, ErasureGround, Event, LogCommand, State};
use eventstore::{Decision, Origin, archive_stream, erasure_stream, voucher_stream};
use roaring::RoaringBitmap;
use views::HoldersErased;

use super::{Action, At, Caller, Convergent};
use crate::erasure::{MessageLogs, Pending, erase};
use crate::store::Store;
use crate::{Error, MailboxRef};

/// Erases the personal data of one holder, on their demand.
pub struct EraseHolder<'a> {
    /// Whose.
    pub mailbox: MailboxRef,
    /// Where the mail logs are.
    pub logs: &'a MessageLogs,
}

/// Erases the personal data of everyone who can be erased, after the end of the programme.
pub struct EraseAll<'a> {
    /// Where the mail logs are.
    pub logs: &'a MessageLogs,
    /// Takes the number of records that were searched, of how many.
    pub progress: &'a mut (dyn FnMut(u64, u64) + Send),
}

/// Completes an erasure that was interrupted.
pub struct FinishErasure<'a> {
    /// Where the mail logs are.
    pub logs: &'a MessageLogs,
    /// Takes the number of records that were searched, of how many.
    pub progress: &'a mut (dyn FnMut(u64, u64) + Send),
}

impl Action for EraseHolder<'_> {
    const DONE: &'static str = "holders-erased";
    type Result = HoldersErased;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<HoldersErased>, Error> {
        let number = store.number_of(&self.mailbox).await?;
        order(store, caller, self.logs, Some(number)).await?;
        let at = carry_out(store, &caller.origin(), self.logs, &mut |_, _| {}).await?;
        Ok(at.map(|places| HoldersErased { mailbox: Some(store.id_of(number)), places, kept: 0 }))
    }
}

impl Action for EraseAll<'_> {
    const DONE: &'static str = "holders-erased";
    type Result = HoldersErased;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<HoldersErased>, Error> {
        order(store, caller, self.logs, None).await?;
        let at = carry_out(store, &caller.origin(), self.logs, self.progress).await?;
        let kept = {
            let snapshot = store.journal().state().await?;
            let state = &*snapshot;
            state.rights.registered.len() - state.erasure.ordered.len()
        };
        Ok(at.map(|places| HoldersErased { mailbox: None, places, kept }))
    }
}

impl Convergent for FinishErasure<'_> {
    const DONE: &'static str = "holders-erased";
    type Result = HoldersErased;

    async fn run(self, store: &Store, by: &Origin) -> Result<At<HoldersErased>, Error> {
        let at = carry_out(store, by, self.logs, self.progress).await?;
        Ok(at.map(|places| HoldersErased { mailbox: None, places, kept: 0 }))
    }
}

/// Decides to erase one holder, or everyone who can be erased. Links that have expired keep nobody.
async fn order(
    store: &Store,
    caller: &Caller,
    logs: &MessageLogs,
    only: Option<u32>,
) -> Result<(), Error> {
    logs.expect_none_unknown(&*store.journal().state().await?)?;
    let now = store.now().await?;
    let programme = store.programme();
    let archive = archive_stream(programme)?;
    let expire = |state: &State, _| Ok(state.decide_log_request(LogCommand::Expire, now)?);
    store.append(&caller.origin(), None, &Decision::on(archive.clone()), &expire).await?;
    // What is granted or requested meanwhile may be due to the holders.
    let stream = erasure_stream(programme)?;
    let on =
        Decision::on(stream.clone()).depends_on(voucher_stream(programme)?).depends_on(archive);
    let ground = only.map_or(ErasureGround::End, |_| ErasureGround::Demand);
    let order = |state: &State, _| {
        let mailboxes = match only {
            Some(number) => RoaringBitmap::from([number]),
            None => state.rights.registered.clone(),
        };
        Ok(state.decide_erasure(ErasureCommand::Order { ground, mailboxes }, now)?)
    };
    let decided = store.decide_on(caller, stream, &on, order).await?;
    let fits = |event: &Event| {
        matches!(event, Event::ErasureOrdered(event) if event.ground == ground
            && only.is_none_or(|number| event.mailboxes.contains(number)))
    };
    decided.led_to(fits).map(|_| ())
}

/// Erases the holders whose erasure is ordered from every owner, and records it.
async fn carry_out(
    store: &Store,
    by: &Origin,
    logs: &MessageLogs,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<At<BTreeMap<String, u64>>, Error> {
    let (pending, position) = {
        let snapshot = store.journal().state().await?;
        (Pending::of(&snapshot), snapshot.position())
    };
    if pending.holders.is_empty() {
        return Ok(At { result: BTreeMap::new(), position });
    }
    logs.expect_none_unknown(&*store.journal().state().await?)?;
    if let Some(home) = logs.folder() {
        archive::delete_expired(store.journal(), &home.exports()).await?;
    }
    let archive = logs.present_or_to_come(store.settings(), &pending)?;
    let erased = erase(store, &pending, archive.as_ref(), progress).await?;
    let now = store.now().await?;
    let done = |state: &State, _| {
        let (places, mailboxes) = (erased.clone(), pending.holders.clone());
        Ok(state.decide_erasure(ErasureCommand::Done { places, mailboxes }, now)?)
    };
    let on = Decision::on(erasure_stream(store.programme())?);
    let decided = store.append(by, None, &on, &done).await?;
    Ok(decided.with(erased))
}
