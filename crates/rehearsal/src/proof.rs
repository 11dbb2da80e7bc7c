//! The completeness check of a whole programme, from the log and the mail directory.
//!
//! It uses neither the engine's state nor its fold: it reads the rows of both with plain SQL, and
//! adds up the sets itself. Only the calendar is the engine's: the instant at which a phase begins.
//! Embedded and shared stores are checked alike.

mod exports;
mod row;
mod source;
mod vouchers;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{Capability, Event, HoldPlaced, PhaseId, Plan, Standing};
use roaring::RoaringBitmap;
use sql::PgConnectOptions;

use self::exports::Exports;
use self::row::Row;
use self::source::Source;
use self::vouchers::Granted;
use engine::{Error, Home};

/// The result of the check.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Proof {
    /// Mailboxes that the log ever activated.
    pub activated: u64,
    /// Mailboxes in the directory.
    pub in_directory: u64,
    /// Effects checked: a mailbox and a capability each.
    pub effects: u64,
    /// Vouchers issued.
    pub vouchers: u64,
    /// Vouchers redeemed.
    pub redeemed: u64,
    /// Log requests whose export was delivered.
    pub exports: u64,
    /// Violations, one sentence each; none is the proof.
    pub problems: Vec<String>,
}

impl Proof {
    /// Whether there is no violation.
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The sums of the log's rows.
#[derive(Default)]
struct FromLog {
    activated: RoaringBitmap,
    closed: BTreeMap<Capability, RoaringBitmap>,
    populations: BTreeMap<PhaseId, (RoaringBitmap, Vec<Capability>)>,
    completed: BTreeSet<PhaseId>,
    lapsed: RoaringBitmap,
    withdrawn: RoaringBitmap,
    holds: BTreeMap<uuid::Uuid, HoldPlaced>,
    given_up: RoaringBitmap,
    /// Violations by single events.
    wrong: Vec<String>,
    /// When the newest event was recorded, in microseconds since 1970, and the plan in force then.
    newest: i64,
    plan: Option<Box<Plan>>,
    vouchers: Granted,
    exports: Exports,
}

/// Checks an embedded store.
pub async fn prove(home: &Home) -> Result<Proof, Error> {
    check(&Source::file(home.log()), &Source::file(home.directory())).await
}

/// Checks a shared store.
pub async fn prove_shared(options: &PgConnectOptions) -> Result<Proof, Error> {
    let database = Source::server(options);
    check(&database, &database).await
}

async fn check(log: &Source, directory: &Source) -> Result<Proof, Error> {
    Ok(add_up(&FromLog::read(log).await?, &read_directory(directory).await?))
}

/// The mailboxes by capability; under `None`, all mailboxes.
type Directory = BTreeMap<Option<Capability>, RoaringBitmap>;

fn add_up(log: &FromLog, directory: &Directory) -> Proof {
    let (activated, problems) = (log.activated.len(), log.wrong.clone());
    let mut proof = Proof { activated, problems, ..Proof::default() };
    sums(log, &mut proof);
    (proof.vouchers, proof.redeemed) = (log.vouchers.issued(), log.vouchers.redeemed());
    proof.exports = u64::try_from(log.exports.served()).unwrap_or(u64::MAX);
    proof.in_directory = directory.get(&None).map_or(0, RoaringBitmap::len);
    for capability in domain::Capabilities::OF_PLATFORM.iter() {
        let closed = log.closed.get(&capability).cloned().unwrap_or_default();
        let by_log = &log.activated - &closed;
        let by_directory = directory.get(&Some(capability)).cloned().unwrap_or_default();
        proof.effects += closed.len();
        let differ = &by_log ^ &by_directory;
        if !differ.is_empty() {
            proof.problems.push(format!(
                "{} mailboxes differ in {capability}: {} have it in the log, {} in the directory",
                differ.len(),
                by_log.len(),
                by_directory.len()
            ));
        }
    }
    proof
}

/// Every mailbox of a frozen population is accounted for, phase by phase.
fn sums(log: &FromLog, proof: &mut Proof) {
    for (phase, (population, removes)) in &log.populations {
        if !log.completed.contains(phase) {
            proof.problems.push(format!("phase {phase} started but did not complete"));
        }
        for capability in removes {
            let gone = if *capability == Capability::Activate {
                &(&log.lapsed | &log.withdrawn) | &log.activated
            } else {
                log.closed.get(capability).cloned().unwrap_or_default()
            };
            let missing = ((population - gone) - log.held(*capability)) - &log.given_up;
            if !missing.is_empty() {
                proof.problems.push(format!(
                    "phase {phase} did not account for {} mailboxes with {capability}",
                    missing.len()
                ));
            }
        }
    }
}

impl FromLog {
    async fn read(source: &Source) -> Result<Self, Error> {
        let mut log = Self::default();
        let mut after = 0;
        loop {
            let rows = source.log_after(after).await?;
            let Some(last) = rows.last() else { return Ok(log) };
            after = last.0;
            for (position, kind, version, effective_at, recorded_at, actor, payload) in rows {
                log.newest = log.newest.max(recorded_at);
                let version = u16::try_from(version).unwrap_or(u16::MAX);
                let event = Event::decode(&kind, version, &payload)
                    .map_err(|error| Error::Invalid(format!("event {position}: {error}")))?;
                log.add(event, position, &actor, effective_at);
            }
        }
    }

    /// Mailboxes whose hold kept the capability when the newest event was recorded: an expired hold
    /// is no reason.
    fn held(&self, capability: Capability) -> RoaringBitmap {
        let newest = DateTime::<Utc>::from_timestamp_micros(self.newest).unwrap_or_default();
        let lasts = |hold: &&HoldPlaced| {
            let end = self.plan.as_ref().and_then(|plan| hold.ends_at(plan.zone));
            hold.capabilities.contains(capability) && end.is_none_or(|end| newest < end)
        };
        self.holds.values().filter(lasts).map(|hold| hold.number).collect()
    }

    fn removed(&mut self, event: &Event, position: i64, effective_at: i64) {
        if let Some((capability, outcome)) = event.as_removal() {
            if effective_at < outcome.due_at.timestamp_micros() {
                self.wrong.push(format!("event {position} took effect before it was due"));
            }
            let closed = if capability == Capability::Activate {
                &mut self.lapsed
            } else {
                self.closed.entry(capability).or_default()
            };
            let again = outcome.mailboxes.intersection_len(closed);
            if again > 0 {
                self.wrong.push(format!(
                    "event {position} records again that {again} mailboxes lost {capability}"
                ));
            }
            *closed |= &*outcome.mailboxes;
        }
    }

    /// A right that failed permanently excuses its phase; a voucher that did excuses none.
    fn excused(&mut self, event: &Event) {
        if let Event::IncidentOpened(event) = event
            && is_of_rights(event.phase.as_ref(), &event.cause)
        {
            self.given_up |= &*event.mailboxes;
        } else if let Event::IncidentRetried(event) = event
            && is_of_rights(event.phase.as_ref(), &event.cause)
        {
            self.given_up -= &*event.mailboxes;
        }
    }

    fn add(&mut self, event: Event, position: i64, actor: &str, effective_at: i64) {
        self.removed(&event, position, effective_at);
        self.excused(&event);
        self.vouchers.know(&event);
        if let Some(plan) = &self.plan {
            let at = DateTime::<Utc>::from_timestamp_micros(effective_at).unwrap_or_default();
            let (activated, withdrawn) = (&self.activated, &self.withdrawn);
            let wrong = &mut self.wrong;
            let mut row = Row { position, at, actor, plan, activated, withdrawn, wrong };
            self.vouchers.add(&event, &mut row);
            self.exports.add(&event, &mut row);
        }
        if let Event::MailboxesRegistered(event) = event {
            let dates = (event.first..).zip(event.activated_on.iter());
            self.activated.extend(dates.filter_map(|(number, day)| day.map(|_| number)));
        } else if let Event::MailboxesActivated(event) = event {
            self.activated |= &*event.mailboxes;
        } else if let Event::MailboxWithdrawn(event) = event {
            self.withdrawn.insert(event.number);
        } else if let Event::HoldPlaced(event) = event {
            self.holds.insert(event.hold, event);
        } else if let Event::HoldReleased(event) = event {
            self.holds.remove(&event.hold);
        } else if let Event::PhaseStarted(event) = event {
            let removes = domain::effects(event.removes).iter().collect();
            self.populations.insert(event.phase, (event.population.into_inner(), removes));
        } else if let Event::PhaseCompleted(event) = event {
            self.completed.insert(event.phase);
        } else if let Event::RightsRestored(event) = event {
            for capability in event.capabilities.iter() {
                *self.closed.entry(capability).or_default() -= &*event.mailboxes;
            }
        } else if let Event::PlanAdopted(event) | Event::PlanAmended(event) = event {
            self.plan = Some(Box::new(event.plan));
        } else if let Event::DriftFound(event) = event
            && event.repair
        {
            // Drift under repair is the actual state, until its repair is recorded.
            let closed = self.closed.entry(event.capability).or_default();
            match event.found {
                Standing::Gone => *closed |= &*event.mailboxes,
                Standing::Allowed | Standing::Until(_) => *closed -= &*event.mailboxes,
            }
        }
    }
}

/// Is an incident about rights, and not about vouchers?
fn is_of_rights(phase: Option<&PhaseId>, cause: &str) -> bool {
    phase.is_some() || !cause.starts_with("voucher-")
}

async fn read_directory(source: &Source) -> Result<Directory, Error> {
    let (all, send, modify, receive, access) = source.rights().await?;
    let numbers =
        |text: String| text.split(',').filter_map(|number| u32::from_str(number).ok()).collect();
    Ok(Directory::from([
        (None, numbers(all)),
        (Some(Capability::Send), numbers(send)),
        (Some(Capability::Modify), numbers(modify)),
        (Some(Capability::Receive), numbers(receive)),
        (Some(Capability::Access), numbers(access)),
    ]))
}
