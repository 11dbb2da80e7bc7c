//! The office: carries a command about vouchers out.
//!
//! A grant is appended first, then its code is made and entered into the book, then it is handed over, then
//! that is recorded. Who stops in between leaves a voucher that is granted and not delivered: where no code
//! was entered, the next [`Office::issue`] makes it; where one was, it may be lost, and a reissue replaces it.

mod mint;
mod redeem;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    Event, MailboxSet, Plan, Rejection, State, Verification, VoucherCommand, VoucherRules,
    VoucherStanding, free_through,
};
use eventstore::{
    Decision, Error as LogError, Journal, NewEvent, Origin, erasure_stream, programme_stream,
    voucher_stream,
};
use keyring::{KeyedHash, Keyring};
use registry::Registry;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::token::NAMES;
use crate::{CodeBook, Error, Issuer, Report, VoucherId};
pub use mint::{Grant, Minted, Undelivered};
pub use redeem::Redemption;

/// The office of a programme's vouchers.
#[derive(Clone)]
pub struct Office {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    book: Arc<CodeBook>,
    keyring: Arc<Keyring>,
    /// What the names of vouchers are made with.
    names: KeyedHash,
    /// The command that is carried out, where it may come again.
    command: Option<Uuid>,
}

/// How a voucher stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its name to providers.
    pub voucher: VoucherId,
    /// What became of it.
    pub standing: VoucherStanding,
    /// Which code of it is the present one; 0 where none was granted.
    pub issue: u32,
    /// Was the present code handed over?
    pub delivered: bool,
    /// The last day on which it can be redeemed; absent where it does not expire.
    pub redeem_by: Option<NaiveDate>,
    /// The last day of the free year, once it was redeemed.
    pub free_through: Option<NaiveDate>,
}

impl Office {
    /// The office that works on these.
    pub fn new(
        journal: Arc<Journal>,
        registry: Arc<Registry>,
        book: Arc<CodeBook>,
        keyring: Arc<Keyring>,
    ) -> Self {
        let names = keyring.keyed_hash(NAMES);
        Self { journal, registry, book, keyring, names, command: None }
    }

    /// The office for one command that may come again, known by an id that is computed from it: what it led to
    /// the first time is found, and it leads to nothing more. For commands that make no code: that can't be
    /// told twice.
    #[must_use]
    pub fn for_command(&self, command: Uuid) -> Self {
        Self { command: Some(command), ..self.clone() }
    }

    /// What a worker issues these vouchers with.
    pub fn issuer(&self) -> Issuer {
        Issuer::new(Arc::clone(&self.journal), Arc::clone(&self.registry))
    }

    /// The book of codes.
    pub fn book(&self) -> &CodeBook {
        &self.book
    }

    /// Who asked for which mailbox.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The programme's keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The name of a holder's voucher to providers.
    pub fn voucher(&self, number: u32) -> VoucherId {
        VoucherId::new(&self.names, number)
    }

    /// The log it writes to.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// A holder asks for theirs. Who asked before and waits is not asked for twice.
    pub async fn request(&self, number: u32, origin: &Origin) -> Result<(), Error> {
        self.request_all(&one(number), origin).await.map(|_| ())
    }

    /// A holder asked for theirs at an instant before now, by which it is judged whether that was in time.
    pub async fn request_asked(
        &self,
        number: u32,
        asked_at: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<(), Error> {
        self.ask(&one(number), asked_at, origin).await.map(|_| ())
    }

    /// Holders ask for theirs: of those who can, how many were not waiting yet. One alone who can't is told
    /// why.
    pub async fn request_all(&self, who: &RoaringBitmap, origin: &Origin) -> Result<u64, Error> {
        self.ask(who, DateTime::<Utc>::MAX_UTC, origin).await
    }

    async fn ask(
        &self,
        who: &RoaringBitmap,
        asked_at: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<u64, Error> {
        let before = self.rules(|_, rules| rules.registered_before).await?;
        let requested_in_time = self.registry.requested_before(who, before).await?;
        let command = || VoucherCommand::Request {
            mailboxes: who.clone(),
            requested_in_time: requested_in_time.clone(),
        };
        Ok(concerned(&self.decide_by(asked_at, origin, command).await?))
    }

    /// It is sure who asked.
    pub async fn verify(
        &self,
        number: u32,
        proof: Verification,
        origin: &Origin,
    ) -> Result<(), Error> {
        let origin = self.following(number, origin).await?;
        self.verify_all(&one(number), proof, &origin).await.map(|_| ())
    }

    /// An origin that names the open request of a mailbox as its cause, where it names none.
    async fn following(&self, number: u32, origin: &Origin) -> Result<Origin, Error> {
        if origin.correlation_id.is_some() {
            return Ok(origin.clone());
        }
        let cause = self.journal.state().await?.vouchers.cause_of(number);
        Ok(following(&self.journal, origin, cause).await?)
    }

    /// It is sure who asked, of many: of how many it was not before.
    pub async fn verify_all(
        &self,
        who: &RoaringBitmap,
        proof: Verification,
        origin: &Origin,
    ) -> Result<u64, Error> {
        let verify = || VoucherCommand::Verify { mailboxes: who.clone(), proof };
        Ok(concerned(&self.decide(origin, verify).await?))
    }

    /// A request is turned down, with a short code for why, e.g. `not-the-holder`. The holder may ask again.
    pub async fn refuse(&self, number: u32, cause: &str, origin: &Origin) -> Result<(), Error> {
        let origin = self.following(number, origin).await?;
        let refuse = || VoucherCommand::Refuse { mailboxes: one(number), cause: cause.to_owned() };
        self.decide(&origin, refuse).await.map(|_| ())
    }

    /// A voucher is taken back; its holder gets no other.
    pub async fn revoke(&self, number: u32, origin: &Origin) -> Result<(), Error> {
        self.decide(origin, || VoucherCommand::Revoke { number }).await.map(|_| ())
    }

    /// What was not redeemed in time ends; tells how many did now.
    pub async fn expire(&self, origin: &Origin) -> Result<u64, Error> {
        Ok(concerned(&self.decide(origin, || VoucherCommand::Expire).await?))
    }

    /// Claims a round of reminders: of everyone who has a voucher, did not use it and is due one by the plan.
    /// Tells how many; their letters are somebody else's to write, after this.
    pub async fn remind(
        &self,
        scheduled_for: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<u64, Error> {
        let remind = || VoucherCommand::Remind { scheduled_for };
        Ok(concerned(&self.decide(origin, remind).await?))
    }

    /// How a voucher stands, as far as is recorded.
    pub async fn show(&self, number: u32) -> Result<Shown, Error> {
        let redeem_by = self.rules(|_, rules| rules.redeem_by).await?;
        let snapshot = self.journal.state().await?;
        let vouchers = &snapshot.vouchers;
        let standing = vouchers.standing(number);
        let free_through = match &standing {
            VoucherStanding::Redeemed { on, .. } => Some(free_through(*on)),
            VoucherStanding::None
            | VoucherStanding::Requested
            | VoucherStanding::Verified
            | VoucherStanding::Refused
            | VoucherStanding::Valid
            | VoucherStanding::Expired
            | VoucherStanding::Revoked => None,
        };
        Ok(Shown {
            voucher: self.voucher(number),
            standing,
            issue: if vouchers.issued().contains(number) { vouchers.issue_of(number) } else { 0 },
            delivered: vouchers.delivered().contains(number),
            redeem_by,
            free_through,
        })
    }

    /// What became of all of them.
    pub async fn report(&self) -> Result<Report, Error> {
        let now = self.journal.now();
        Ok(Report::known(&*self.journal.state().await?, now))
    }

    /// Something of the rules in force.
    async fn rules<T>(&self, read: impl FnOnce(&Plan, &VoucherRules) -> T) -> Result<T, Error> {
        let snapshot = self.journal.state().await?;
        let plan = snapshot.plan();
        let rules = plan.and_then(|plan| Some((plan, plan.vouchers.as_ref()?)));
        let (plan, rules) =
            rules.ok_or_else(|| Rejection("the plan does not provide for vouchers".to_owned()))?;
        Ok(read(plan, rules))
    }

    /// Carries out one command.
    async fn decide(
        &self,
        origin: &Origin,
        command: impl Fn() -> VoucherCommand,
    ) -> Result<Vec<Event>, Error> {
        self.decide_by(DateTime::<Utc>::MAX_UTC, origin, command).await
    }

    /// Carries out one command that was given at an instant, or now where that is to come. One that came before, and
    /// can't be carried out any more for that very reason, is answered as the first time.
    async fn decide_by(
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

    /// Decides on what is known of the vouchers, of the plan and of who was erased, and appends what comes of it;
    /// decided again where any of these has changed meanwhile.
    async fn decide_on(
        &self,
        origin: &Origin,
        decide: impl Fn(&State, DateTime<Utc>) -> Result<Vec<Event>, Error>,
    ) -> Result<Vec<Event>, Error> {
        let on = deciding(&self.journal)?;
        let write = |events: &[Event], now| self.written(events, now, origin);
        Ok(self.journal.decide_as(&on, |state, now| decide(state, now), write).await?.0)
    }
}

impl Office {
    /// The events as they are appended; those of a command have ids that follow from it.
    fn written(
        &self,
        events: &[Event],
        now: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<Vec<NewEvent>, LogError> {
        let written = (0_u32..).zip(events).map(|(place, event)| {
            let mut written = self.journal.new_event(event, now, origin)?;
            if let Some(command) = self.command {
                written.id = id_of(command, place);
                written.correlation_id = origin.correlation_id.unwrap_or(written.id);
            }
            Ok(written)
        });
        written.collect()
    }

    /// What this command led to before, if it did.
    async fn carried_out(&self) -> Result<Option<Event>, LogError> {
        let Some(first) = self.command.map(|command| id_of(command, 0)) else { return Ok(None) };
        let found = self.journal.store().find(first).await?;
        Ok(found.map(|found| found.fact()).transpose()?.map(|fact| fact.event))
    }
}

/// Where decisions about vouchers are appended, and what else they are made on.
pub(crate) fn deciding(journal: &Journal) -> Result<Decision, LogError> {
    let programme = journal.programme();
    Ok(Decision::on(voucher_stream(programme)?)
        .depends_on(programme_stream(programme)?)
        .depends_on(erasure_stream(programme)?))
}

/// Is this what such a command leads to? Of commands that never come again, nothing is.
fn led_to(event: &Event, command: &VoucherCommand) -> bool {
    match command {
        VoucherCommand::Request { mailboxes, .. } => {
            matches!(event, Event::VouchersRequested(event) if event.mailboxes.is_superset(mailboxes))
        }
        VoucherCommand::Verify { mailboxes, .. } => {
            matches!(event, Event::VouchersVerified(event) if event.mailboxes.is_superset(mailboxes))
        }
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
        VoucherCommand::Issue { .. }
        | VoucherCommand::Deliver { .. }
        | VoucherCommand::Expire
        | VoucherCommand::Remind { .. }
        | VoucherCommand::Reissue { .. } => false,
    }
}

/// An origin caused by an event, as that is in the log.
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

fn id_of(command: Uuid, place: u32) -> Uuid {
    Uuid::new_v5(&command, place.to_string().as_bytes())
}

/// The mailboxes that an event of a set is about.
fn set_of(event: &Event) -> Option<&MailboxSet> {
    if let Event::VouchersRequested(event) = event {
        Some(&event.mailboxes)
    } else if let Event::VouchersVerified(event) = event {
        Some(&event.mailboxes)
    } else if let Event::VouchersIssued(event) = event {
        Some(&event.mailboxes)
    } else if let Event::VouchersDelivered(event) = event {
        Some(&event.mailboxes)
    } else if let Event::VouchersExpired(event) = event {
        Some(&event.mailboxes)
    } else if let Event::VoucherRemindersClaimed(event) = event {
        Some(&event.mailboxes)
    } else {
        None
    }
}

/// How many mailboxes these events are about.
fn concerned(events: &[Event]) -> u64 {
    events.iter().filter_map(set_of).map(|set| set.len()).sum()
}

fn one(number: u32) -> RoaringBitmap {
    RoaringBitmap::from_iter([number])
}
