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
    Event, MailboxSet, Plan, Proof, Rejection, State, VoucherCommand, VoucherRules,
    VoucherStanding, free_through,
};
use eventstore::{
    Append, Direction, Error as LogError, Journal, NewEvent, Origin, StreamName, voucher_stream,
};
use keyring::Keyring;
use projections::Registry;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::{CodeBook, Error, Report, VoucherId};
pub use mint::{Grant, Minted, Undelivered};
pub use redeem::Redemption;

/// Events that are looked through at a time.
const PAGE: usize = 256;
/// So many others in a row may be faster; each of them got something done.
const ATTEMPTS: usize = 64;

/// The office of a programme's vouchers.
#[derive(Clone)]
pub struct Office {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    book: Arc<CodeBook>,
    keyring: Arc<Keyring>,
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
        Self { journal, registry, book, keyring, command: None }
    }

    /// The office for one command that may come again, known by an id that is computed from it: what it led to
    /// the first time is found, and it leads to nothing more. For commands that make no code: that can't be
    /// told twice.
    #[must_use]
    pub fn for_command(&self, command: Uuid) -> Self {
        Self { command: Some(command), ..self.clone() }
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

    /// The log it writes to.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// A holder asks for theirs. Who asked before and waits is not asked for twice.
    pub async fn request(&self, number: u32, origin: &Origin) -> Result<(), Error> {
        self.request_all(&one(number), origin).await.map(|_| ())
    }

    /// Holders ask for theirs: of those who can, how many were not waiting yet. One alone who can't is told
    /// why.
    pub async fn request_all(&self, who: &RoaringBitmap, origin: &Origin) -> Result<u64, Error> {
        let before = self.rules(|_, rules| rules.registered_before).await?;
        let asked_in_time = self.registry.requested_before(who, before).await?;
        let events = self
            .decide(origin, || VoucherCommand::Request {
                mailboxes: who.clone(),
                asked_in_time: asked_in_time.clone(),
            })
            .await?;
        Ok(concerned(&events))
    }

    /// It is sure who asked.
    pub async fn verify(&self, number: u32, proof: Proof, origin: &Origin) -> Result<(), Error> {
        self.verify_all(&one(number), proof, origin).await.map(|_| ())
    }

    /// It is sure who asked, of many: of how many it was not before.
    pub async fn verify_all(
        &self,
        who: &RoaringBitmap,
        proof: Proof,
        origin: &Origin,
    ) -> Result<u64, Error> {
        let verify = || VoucherCommand::Verify { mailboxes: who.clone(), proof };
        Ok(concerned(&self.decide(origin, verify).await?))
    }

    /// A request is turned down, with a short code for why, e.g. `not-the-holder`. The holder may ask again.
    pub async fn refuse(&self, number: u32, cause: &str, origin: &Origin) -> Result<(), Error> {
        let refuse = || VoucherCommand::Refuse { mailboxes: one(number), cause: cause.to_owned() };
        self.decide(origin, refuse).await.map(|_| ())
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
        let known = self.journal.known().await?;
        let vouchers = &known.state().vouchers;
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
            voucher: VoucherId::new(self.journal.programme(), number),
            standing,
            issue: if vouchers.issued().contains(number) { vouchers.issue_of(number) } else { 0 },
            delivered: vouchers.delivered().contains(number),
            redeem_by,
            free_through,
        })
    }

    /// What became of all of them.
    pub async fn report(&self) -> Result<Report, Error> {
        Ok(Report::known(self.journal.known().await?.state()))
    }

    /// Something of the rules in force.
    async fn rules<T>(&self, read: impl FnOnce(&Plan, &VoucherRules) -> T) -> Result<T, Error> {
        let known = self.journal.known().await?;
        let plan = known.state().plan();
        let rules = plan.and_then(|plan| Some((plan, plan.vouchers.as_ref()?)));
        let (plan, rules) =
            rules.ok_or_else(|| Rejection("the programme has no vouchers".to_owned()))?;
        Ok(read(plan, rules))
    }

    /// Carries out one command.
    async fn decide(
        &self,
        origin: &Origin,
        command: impl Fn() -> VoucherCommand,
    ) -> Result<Vec<Event>, Error> {
        self.decide_on(origin, |state, now| Ok(state.decide_voucher(command(), now)?)).await
    }

    /// Decides on what is known, and appends what comes of it at the version it was decided at; decided again
    /// where another was faster.
    async fn decide_on(
        &self,
        origin: &Origin,
        decide: impl Fn(&State, DateTime<Utc>) -> Result<Vec<Event>, Error>,
    ) -> Result<Vec<Event>, Error> {
        let stream = voucher_stream(self.journal.programme())?;
        let mut attempts = 0;
        loop {
            // Before the state: whatever is written after this look makes the append a conflict.
            let expected = self.journal.version_of(&stream).await?;
            let now = self.journal.now();
            let decided = decide(self.journal.known().await?.state(), now);
            let events = match decided {
                Err(Error::Rejected(_)) if self.carried_out(&stream).await? => {
                    return Ok(Vec::new());
                }
                decided => decided?,
            };
            if events.is_empty() {
                return Ok(events);
            }
            attempts += 1;
            let written = self.written(&events, now, origin)?;
            let append = Append::to(stream.clone(), expected, written);
            match self.journal.store().append(append).await {
                Ok(_) => return Ok(events),
                // The command came before, and what is decided of it now would be said a second time.
                Err(LogError::DuplicateId { .. }) if self.command.is_some() => {
                    return Ok(Vec::new());
                }
                Err(LogError::Conflict(_)) if attempts < ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
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
            let mut written = self.journal.written(event, now, origin)?;
            if let Some(command) = self.command {
                written.id = id_of(command, place);
                written.correlation_id = origin.correlation_id.unwrap_or(written.id);
            }
            Ok(written)
        });
        written.collect()
    }

    /// Did this command lead to something before? The newest are looked at first.
    async fn carried_out(&self, stream: &StreamName) -> Result<bool, LogError> {
        let Some(first) = self.command.map(|command| id_of(command, 0)) else { return Ok(false) };
        let mut from = u64::MAX;
        loop {
            let log = self.journal.store();
            let page = match log.read_stream(stream, from, Direction::Backwards, PAGE).await {
                Err(LogError::StreamNotFound(_)) => return Ok(false),
                page => page?,
            };
            if page.iter().any(|event| event.event.id == first) {
                return Ok(true);
            }
            match page.last().and_then(|oldest| oldest.version.checked_sub(1)) {
                Some(older) => from = older,
                None => return Ok(false),
            }
        }
    }
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
