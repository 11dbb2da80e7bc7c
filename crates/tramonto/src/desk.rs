//! The desk: carries out commands from outside, whatever they came by.
//!
//! Invariant: the same command, known by its id and its source, is carried out once. The ids of the events
//! that it leads to are computed from it, so a command that comes again finds them in its stream and is
//! answered as the first time; a registration is known again by what it says, as in an import.
//! Deliberately absent: personal data in any answer.

mod body;
mod vouchers;

use std::sync::Arc;

use ::vouchers::Office;
use bus::{CloudEvent, CommandKind};
use chrono::NaiveDate;
use domain::{Command, Event, MailboxCommand, MailboxId, State, civil_date};
use eventstore::{Decision, Journal, Origin, StreamName, mailbox_stream, programme_stream};
use projections::mailbox_now;
use registry::{Encoding, ImportError, ImportRequest, Registry, Source};
use uuid::Uuid;

use crate::Error;
use body::{Activate, Hold, Register, Release, Why, Withdraw};

/// The commands there are.
pub(crate) const KINDS: [CommandKind; 12] = [
    CommandKind::confidential("register"),
    CommandKind::confidential("activate"),
    CommandKind::plain("withdraw"),
    CommandKind::plain("place-hold"),
    CommandKind::plain("release-hold"),
    CommandKind::plain("pause"),
    CommandKind::plain("resume"),
    CommandKind::plain("request-voucher"),
    CommandKind::plain("verify-voucher"),
    CommandKind::plain("refuse-voucher"),
    CommandKind::confidential("redeem-voucher"),
    CommandKind::plain("revoke-voucher"),
];

/// What the ids of events are computed in: a name space of our own (UUID version 5).
const NAME_SPACE: Uuid = Uuid::from_u128(0x6f1b_2a0e_5c64_5d6a_9a27_3d1f_0c8e_b4d2);

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is carried out and recorded up to this position.
    Accepted {
        /// What was done.
        sentence: String,
        /// Where the log ends with it.
        position: u64,
    },
    /// It may not be carried out.
    Refused(String),
    /// It can't be understood.
    Invalid(String),
    /// It could not be looked at now.
    Unavailable(String),
}

/// Carries commands out.
pub(crate) struct Desk {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    /// Where vouchers are dealt with; `None` in a process that was given no keys.
    office: Option<Office>,
}

impl Desk {
    /// The desk of a programme.
    pub(crate) fn new(
        journal: Arc<Journal>,
        registry: Arc<Registry>,
        office: Option<Office>,
    ) -> Self {
        Self { journal, registry, office }
    }

    /// Carries a command out, or finds that it was.
    pub(crate) async fn carry_out(&self, kind: &str, command: &CloudEvent) -> Outcome {
        let outcome = match kind {
            "register" => self.register(command).await,
            "activate" => self.activate(command).await,
            "withdraw" => self.withdraw(command).await,
            "place-hold" => self.place_hold(command).await,
            "release-hold" => self.release_hold(command).await,
            "pause" => self.programme(command, Command::Pause, "the programme is paused").await,
            "resume" => self.programme(command, Command::Resume, "the programme goes on").await,
            "request-voucher" => self.request_voucher(command).await,
            "verify-voucher" => self.verify_voucher(command).await,
            "refuse-voucher" => self.refuse_voucher(command).await,
            "redeem-voucher" => self.redeem_voucher(command).await,
            "revoke-voucher" => self.revoke_voucher(command).await,
            _ => {
                let names = KINDS.map(|kind| kind.name).join(", ");
                Err(Trouble::Invalid(format!("send one of {names}")))
            }
        };
        outcome.unwrap_or_else(|trouble| match trouble {
            Trouble::Invalid(sentence) => Outcome::Invalid(sentence),
            Trouble::Refused(sentence) => Outcome::Refused(sentence),
            Trouble::Now(sentence) => Outcome::Unavailable(format!("{sentence}; send it again")),
        })
    }

    async fn register(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let row: Register = body::read(&command.data)?;
        self.import(command, &row).await
    }

    async fn activate(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Activate { registration_id, activated_on, .. } = body::read(&command.data)?;
        let found = self.registry.find_registration(&registration_id).await.map_err(unread)?;
        let entry = found.ok_or_else(|| {
            Trouble::Refused("nobody registered under this registration_id; register first".into())
        })?;
        let known = entry.registration.activated_on;
        if known.is_some_and(|known| known != activated_on) {
            return Err(Trouble::Refused("it was activated on another day already".into()));
        }
        self.import(command, &Register::again(&entry.registration, activated_on)).await
    }

    /// A registration is an import of one row: the same checks, and the same again changes nothing.
    async fn import(&self, command: &CloudEvent, row: &Register) -> Result<Outcome, Trouble> {
        let plan = self.journal.state().await?.plan().cloned();
        let plan = plan.ok_or_else(|| Trouble::Now("no plan is adopted yet".into()))?;
        let actor = actor(command);
        let rejects = tempfile::NamedTempFile::new()
            .map_err(|error| Trouble::Now(format!("no file can be made ({error})")))?;
        let request = ImportRequest {
            source: Source::Registration(Box::new(std::io::Cursor::new(row.to_csv()?))),
            rejects: Some(rejects.path().to_owned()),
            encoding: Encoding::Utf8,
            ignore_extra: false,
            plan: &plan,
            now: self.journal.now(),
            actor: &actor,
            reason: row.reason.as_deref(),
            progress: &mut |_| {},
        };
        let log = self.journal.store();
        let summary = registry::import(&**log, &self.registry, request).await?;
        if summary.rejected > 0 {
            let reason = body::rejected_because(rejects.path());
            return Err(Trouble::Refused(format!("the registration is refused: {reason}")));
        }
        let position = log.head().await?;
        let sentence = if summary.unchanged > 0 {
            "the registration was there as it is"
        } else {
            "the registration is recorded"
        };
        Ok(Outcome::Accepted { sentence: sentence.to_owned(), position })
    }

    async fn withdraw(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Withdraw { mailbox, reason } = body::read(&command.data)?;
        self.mailbox(command, mailbox, reason, MailboxCommand::Withdraw, "is withdrawn").await
    }

    async fn place_hold(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Hold { mailbox, capabilities, until, reason } = body::read(&command.data)?;
        let hold = id_of(command, "hold");
        let decision = MailboxCommand::PlaceHold { hold, capabilities, until };
        self.mailbox(command, mailbox, reason, decision, &format!("is kept by hold {hold}")).await
    }

    async fn release_hold(&self, command: &CloudEvent) -> Result<Outcome, Trouble> {
        let Release { mailbox, hold, reason } = body::read(&command.data)?;
        let decision = MailboxCommand::ReleaseHold { hold };
        self.mailbox(command, mailbox, reason, decision, "is not held any more").await
    }

    async fn mailbox(
        &self,
        command: &CloudEvent,
        mailbox: MailboxId,
        reason: String,
        decision: MailboxCommand,
        done: &str,
    ) -> Result<Outcome, Trouble> {
        let programme = self.journal.programme();
        let number = self.number_of(mailbox)?;
        let stream = mailbox_stream(programme, number)?;
        let decide = |state: &State, today: NaiveDate| {
            mailbox_now(state, number).decide(decision.clone(), today)
        };
        let position = self.decide(command, stream, reason, decide).await?;
        Ok(Outcome::Accepted { sentence: format!("mailbox {mailbox} {done}"), position })
    }

    fn number_of(&self, mailbox: MailboxId) -> Result<u32, Trouble> {
        let programme = self.journal.programme();
        mailbox.number(programme).ok_or_else(|| {
            Trouble::Refused(format!("{mailbox} is no mailbox of programme {programme}"))
        })
    }

    async fn programme(
        &self,
        command: &CloudEvent,
        decision: Command,
        done: &str,
    ) -> Result<Outcome, Trouble> {
        let Why { reason } = body::read(&command.data)?;
        let stream = programme_stream(self.journal.programme())?;
        let now = self.journal.now();
        let decide = |state: &State, _| state.decide(decision.clone(), now);
        let position = self.decide(command, stream, reason, decide).await?;
        Ok(Outcome::Accepted { sentence: done.to_owned(), position })
    }

    /// Decides and appends, or finds that this very command was decided on before.
    async fn decide(
        &self,
        command: &CloudEvent,
        stream: StreamName,
        reason: String,
        decide: impl Fn(&State, NaiveDate) -> Result<Vec<Event>, domain::Rejection>,
    ) -> Result<u64, Trouble> {
        let journal = &self.journal;
        if let Some(position) = self.decided_before(&stream, command).await? {
            return Ok(position);
        }
        let origin = Origin { reason: Some(reason), ..Origin::part(&actor(command)) };
        let on = Decision::on(stream.clone());
        let decided = journal.decide_as(
            &on,
            |state, now| {
                let zone = state.plan().map(|plan| plan.zone);
                let today = zone.map_or(now.date_naive(), |zone| civil_date(now, zone));
                decide(state, today).map_err(|why| Trouble::Refused(why.to_string()))
            },
            |events, now| {
                let written = events.iter().enumerate().map(|(place, event)| {
                    let mut event = journal.new_event(event, now, &origin)?;
                    event.id = id_of(command, &place.to_string());
                    event.correlation_id = correlation(command).unwrap_or(event.id);
                    Ok(event)
                });
                written.collect()
            },
        );
        let position = match decided.await {
            Ok((_, appended)) => appended.last_position(),
            // The same command was carried out at this very moment by somebody else.
            Err(trouble) => match self.decided_before(&stream, command).await? {
                Some(position) => Some(position),
                None => return Err(trouble),
            },
        };
        match position {
            Some(position) => Ok(position),
            None => Ok(journal.state().await?.position()),
        }
    }

    /// Where the first event of this command stands, if it was carried out before.
    async fn decided_before(
        &self,
        stream: &StreamName,
        command: &CloudEvent,
    ) -> Result<Option<u64>, Trouble> {
        match self.journal.store().find(id_of(command, "0")).await? {
            None => Ok(None),
            Some(found) if found.stream == *stream => Ok(Some(found.position)),
            Some(_) => Err(Trouble::Refused(::vouchers::Error::IdTaken.to_string())),
        }
    }
}

/// Why a command was not carried out.
enum Trouble {
    /// It can't be understood.
    Invalid(String),
    /// It may not be.
    Refused(String),
    /// It can't be just now.
    Now(String),
}

impl From<eventstore::Error> for Trouble {
    fn from(error: eventstore::Error) -> Self {
        if error.may_retry() || matches!(error, eventstore::Error::Conflict(_)) {
            Self::Now(error.to_string())
        } else {
            Self::Refused(error.to_string())
        }
    }
}

impl From<ImportError> for Trouble {
    fn from(error: ImportError) -> Self {
        // The one row is sound CSV, so what goes wrong is a store that is away or an import under way.
        Self::Now(error.to_string())
    }
}

fn unread(error: impl Into<Error>) -> Trouble {
    Trouble::Now(error.into().to_string())
}

/// An id that follows from the command alone.
fn id_of(command: &CloudEvent, what: &str) -> Uuid {
    Uuid::new_v5(&NAME_SPACE, format!("{}\n{}\n{what}", command.source, command.id).as_bytes())
}

/// The chain that the sender says the command belongs to.
fn correlation(command: &CloudEvent) -> Option<Uuid> {
    command.extensions.get("correlationid")?.parse().ok()
}

/// Who acts, as the log names it: the source, which names a system and no person.
fn actor(command: &CloudEvent) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '/' | '.');
    let source: String = command.source.chars().filter(|letter| plain(*letter)).take(60).collect();
    format!("bus:{source}")
}
