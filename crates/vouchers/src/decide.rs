//! Commands about vouchers, carried out by the journal's decision loop.
//!
//! A repeated command is recognised by the ids of its events, which are computed from its
//! idempotency key.

use chrono::{DateTime, Utc};
use domain::{Event, State, VoucherCommand};
use eventstore::{
    Decision, Error as LogError, Journal, NewEvent, Origin, erasure_stream, programme_stream,
    voucher_stream,
};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::{Error, Vouchers};

impl Vouchers {
    /// Carries out a command.
    pub(crate) async fn decide(
        &self,
        origin: &Origin,
        command: impl Fn() -> VoucherCommand,
    ) -> Result<Vec<Event>, Error> {
        self.decide_by(DateTime::<Utc>::MAX_UTC, origin, command).await
    }

    /// Carries out a command given at an instant, or now if that instant is ahead. A repeated
    /// command that is rejected because it was carried out before succeeds again.
    pub(crate) async fn decide_by(
        &self,
        given_at: DateTime<Utc>,
        origin: &Origin,
        command: impl Fn() -> VoucherCommand,
    ) -> Result<Vec<Event>, Error> {
        let decide = |state: &State, now: DateTime<Utc>| {
            Ok(state.decide_voucher(command(), now.min(given_at))?)
        };
        let decided = self.decide_on(origin, decide).await;
        if let Err(Error::Rejected(_) | Error::Log(LogError::DuplicateId { .. })) = &decided
            && let Some(before) = self.carried_out().await?
        {
            return if led_to(&before, &command()) { Ok(Vec::new()) } else { Err(Error::IdTaken) };
        }
        decided
    }

    /// Decides on the state and appends the events; decides again if vouchers, the plan or erasures
    /// changed meanwhile.
    pub(crate) async fn decide_on(
        &self,
        origin: &Origin,
        decide: impl Fn(&State, DateTime<Utc>) -> Result<Vec<Event>, Error>,
    ) -> Result<Vec<Event>, Error> {
        let on = decision(&self.journal)?;
        let write = |events: &[Event], now| self.new_events(events, now, origin);
        Ok(self.journal.decide_as(&on, |state, now| decide(state, now), write).await?.0)
    }

    /// The events to append; those of a repeatable command have ids computed from its key.
    fn new_events(
        &self,
        events: &[Event],
        now: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<Vec<NewEvent>, LogError> {
        let events = (0_u32..).zip(events).map(|(index, event)| {
            let mut new = self.journal.new_event(event, now, origin)?;
            if let Some(command) = self.command {
                new.id = id_of(command, index);
                new.correlation_id = origin.correlation_id.unwrap_or(new.id);
            }
            Ok(new)
        });
        events.collect()
    }

    /// The first event of an earlier run of this command.
    async fn carried_out(&self) -> Result<Option<Event>, LogError> {
        let Some(first) = self.command.map(|command| id_of(command, 0)) else { return Ok(None) };
        let found = self.journal.store().find(first).await?;
        Ok(found.map(|found| found.fact()).transpose()?.map(|fact| fact.event))
    }
}

/// The stream that decisions about vouchers are appended to, and the streams they depend on.
pub(crate) fn decision(journal: &Journal) -> Result<Decision, LogError> {
    let programme = journal.programme();
    Ok(Decision::on(voucher_stream(programme)?)
        .depends_on(programme_stream(programme)?)
        .depends_on(erasure_stream(programme)?))
}

/// The origin, caused by an event of the log.
pub(crate) async fn following(
    journal: &Journal,
    origin: &Origin,
    cause: Option<Uuid>,
) -> Result<Origin, LogError> {
    let Some(cause) = cause else { return Ok(origin.clone()) };
    let found = journal.store().find(cause).await?;
    Ok(found.map_or_else(
        || origin.clone(),
        |found| origin.clone().caused_by(found.event.correlation_id, cause),
    ))
}

pub(crate) fn one(number: u32) -> RoaringBitmap {
    RoaringBitmap::from_iter([number])
}

/// Is this the event of such a command? Never for commands that are not repeated.
fn led_to(event: &Event, command: &VoucherCommand) -> bool {
    match command {
        VoucherCommand::Request { mailboxes, .. } => matches!(
            event, Event::VouchersRequested(event) if event.mailboxes.is_superset(mailboxes)
        ),
        VoucherCommand::Verify { mailboxes, .. } => matches!(
            event, Event::VouchersVerified(event) if event.mailboxes.is_superset(mailboxes)
        ),
        VoucherCommand::Refuse { mailboxes, cause } => matches!(
            event, Event::VouchersRefused(event)
                if event.mailboxes.is_superset(mailboxes) && event.cause == *cause
        ),
        VoucherCommand::Redeem { number, issue, provider } => matches!(
            event, Event::VoucherRedeemed(event)
                if (event.number, event.issue, &event.provider) == (*number, *issue, provider)
        ),
        VoucherCommand::Revoke { number } => {
            matches!(event, Event::VoucherRevoked(event) if event.number == *number)
        }
        VoucherCommand::Reissue { number } => {
            matches!(event, Event::VoucherReissued(event) if event.number == *number)
        }
        VoucherCommand::Issue { .. }
        | VoucherCommand::Deliver { .. }
        | VoucherCommand::Expire
        | VoucherCommand::Remind { .. } => false,
    }
}

fn id_of(command: Uuid, index: u32) -> Uuid {
    Uuid::new_v5(&command, index.to_string().as_bytes())
}
