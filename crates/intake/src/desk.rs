//! The desk: looks at what came, acts on what was confirmed, sends what is to be sent.
//!
//! Invariants: state is its input, so that a restart is another tick and nothing is done twice that must be done
//! once; a code is made when its holder has proven who they are, and is nowhere but in the letter. Deliberately
//! absent: what is decided about a message, which is the case's.

mod granting;
mod reminding;
mod sending;
mod still;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, Tick};
use eventstore::Origin;
use lettre::Address;
use registry::{Entry as RegistryEntry, Registry};
use uuid::Uuid;
use vouchers::{Grant, Office};

pub use self::reminding::claim_reminders;
use crate::Error;
use crate::case::{self, Holder};
use crate::letter::{Post, Templates, id};
use crate::reading::{Kind, Reader, Reading};
use crate::store::{LetterKind, Message, New, RETURNED, Route, Standing, Store};

/// Messages looked at in one pass.
const HANDFUL: u32 = 50;
/// Within so long nobody is written to twice: neither who wrote, nor a holder.
const QUIET: TimeDelta = TimeDelta::days(1);

/// Makes the links of extracts of the log of messages, when their letters are written.
#[async_trait]
pub trait Extracts: Send + Sync {
    /// Makes the link of the extract of a request anew: its path on the portal. The one before opens nothing any
    /// more. `None` where no extract lies ready; the error is a short code, and the letter waits.
    async fn link(&self, request: Uuid) -> Result<Option<String>, String>;
}

/// What the desk works with.
pub struct DeskSettings {
    /// How messages are read.
    pub reader: Reader,
    /// What carries letters; without it they wait.
    pub post: Option<Arc<dyn Post>>,
    /// The address that letters come from.
    pub from: Option<Address>,
    /// What letters say.
    pub templates: Templates,
    /// What makes the links of extracts; without it letters with them wait.
    pub extracts: Option<Arc<dyn Extracts>>,
    /// Where the portal is, without a slash at its end, e.g. `https://voucher.agency.example`.
    pub portal: Option<String>,
}

/// The desk.
pub struct Desk {
    store: Arc<Store>,
    office: Office,
    registry: Arc<Registry>,
    settings: DeskSettings,
    /// Codes that were made and whose letters did not leave yet. After a crash they are replaced.
    grants: HashMap<u32, Grant>,
    /// How many rounds of reminders have their letters, as far as was seen.
    reminded: Option<usize>,
    /// The round that was looked at and had nobody due, or could not be sent.
    nobody_due: Option<DateTime<Utc>>,
    origin: Origin,
}

impl Desk {
    /// A desk on these.
    pub fn new(
        store: Arc<Store>,
        office: Office,
        registry: Arc<Registry>,
        settings: DeskSettings,
    ) -> Self {
        let origin = Origin::part("intake");
        Self {
            store,
            office,
            registry,
            settings,
            grants: HashMap::new(),
            reminded: None,
            nobody_due: None,
            origin,
        }
    }

    /// One pass.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let now = self.office.journal().now();
        let mut progress = 0;
        for message in self.store.messages(Standing::New, 0, HANDFUL).await? {
            self.look(&message, now).await?;
            progress += 1;
        }
        for confirmed in self.store.confirmed(HANDFUL).await? {
            self.settle(&confirmed, now).await?;
            progress += 1;
        }
        progress += self.remind(now).await?;
        let (sent, next_wake) = self.send(now).await?;
        Ok(Tick { progress: progress + sent, next_wake })
    }

    async fn look(&self, message: &Message, now: DateTime<Utc>) -> Result<(), Error> {
        let content = self.store.content(message.number).await?.unwrap_or_default();
        let (reader, sender) = (self.settings.reader.clone(), message.sender.clone());
        let released = message.released;
        // Off the thread that answers mail servers: a large one takes its time.
        let reading = tokio::task::spawn_blocking(move || {
            if released {
                reader.read_as_a_persons(&content)
            } else {
                reader.read(sender.as_deref(), &content)
            }
        });
        let reading = reading.await.map_err(|error| Error::Ended(error.to_string()))?;
        if !released && self.is_returned(message, &reading, now).await? {
            return Ok(());
        }
        // By when it came, however long it waited to be looked at.
        let open = self.is_open(message.received_at).await?;
        let mut decision = if let Some(number) = message.mailbox.filter(|_| released) {
            let entry = self.registry.find(number).await?;
            let holder = self.seen(entry.map(|entry| (entry, true)), now).await?.pop();
            case::decide_for(holder, open)
        } else {
            let holders = if open { self.holders(&reading, now).await? } else { Vec::new() };
            case::decide(&reading, &holders, open)
        };
        let mut letters = Vec::new();
        let letter =
            |kind, mailbox, route, why| New { kind, message: message.number, mailbox, route, why };
        if let (Some(mailbox), Some(route)) = (decision.mailbox, decision.confirm) {
            let refused = self.request(mailbox, message.received_at).await?;
            if self.store.told(mailbox, now - QUIET).await? {
                decision.reason = "asked-before";
            } else if let Some(why) = refused {
                decision.reason = why.code();
                letters.push(letter(LetterKind::Refused, Some(mailbox), route, Some(why.code())));
            } else {
                letters.push(letter(LetterKind::Confirm, Some(mailbox), route, None));
            }
        }
        if let (Some(kind), Some(sender)) = (decision.answer, &message.sender)
            && !sender.is_empty()
            && !self.store.answered(sender, now - QUIET).await?
        {
            letters.push(letter(kind, None, Route::Sender, None));
        }
        tracing::info!(
            message = message.number,
            reason = decision.reason,
            "a message was looked at"
        );
        metrics::counter!("tramonto_intake_decisions_total", "reason" => decision.reason)
            .increment(1);
        self.store.decided(message.number, &decision, letters, now).await
    }

    /// Is it a report that one of our letters could not be delivered? Then what the letter was about waits for an officer.
    async fn is_returned(
        &self,
        message: &Message,
        reading: &Reading,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let Some(letter) = reading.undelivered.as_deref() else { return Ok(false) };
        let key = self.office.keyring().keyed_hash(id::LETTER);
        let Some(letter) = id::opened(&key, letter) else { return Ok(false) };
        let returned = self.store.returned(letter, message.number, now).await?;
        if returned {
            tracing::warn!(letter, message = message.number, "a letter came back");
            metrics::counter!("tramonto_intake_decisions_total", "reason" => RETURNED).increment(1);
        }
        Ok(returned)
    }

    /// Could vouchers be asked for at an instant?
    async fn is_open(&self, at: DateTime<Utc>) -> Result<bool, Error> {
        let known = self.office.journal().known().await?;
        let Some(plan) = known.state().plan() else { return Ok(false) };
        let Some(rules) = &plan.vouchers else { return Ok(false) };
        let today = domain::civil_date(at, plan.zone);
        let over = rules.last_day.is_some_and(|last| today > last);
        Ok(plan.allowed_at(at).contains(Capability::RequestVoucher) && !over)
    }

    /// Who of those named has a mailbox.
    async fn holders(&self, reading: &Reading, now: DateTime<Utc>) -> Result<Vec<Holder>, Error> {
        let Kind::Request(named) = &reading.kind else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for code in &named.codes {
            found.extend(self.registry.find_holder(code).await?.map(|entry| (entry, true)));
        }
        for address in &named.addresses {
            found.extend(self.registry.find_address(address).await?.map(|entry| (entry, false)));
        }
        self.seen(found, now).await
    }

    /// Each of these once, with where proof could be asked for; with each, whether it was named by codice fiscale.
    async fn seen(
        &self,
        found: impl IntoIterator<Item = (RegistryEntry, bool)>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Holder>, Error> {
        let known = self.office.journal().known().await?;
        let state = known.state();
        let mut holders: Vec<Holder> = Vec::new();
        for (entry, by_code) in found {
            let (number, notify) = (entry.number, entry.registration.notify_email);
            if let Some(same) = holders.iter_mut().find(|holder| holder.number == number) {
                same.by_code |= by_code;
                continue;
            }
            holders.push(Holder {
                number,
                by_code,
                receives: reminding::receives(state, number, now),
                notice_proves: state.rights.activated().contains(number)
                    && notice(&entry.registration.address, notify).is_some(),
            });
        }
        Ok(holders)
    }
}

/// The address for notices; the mailbox's own is none, for it closes with the mailbox.
fn notice(address: &str, notify: Option<String>) -> Option<String> {
    notify.filter(|notify| !notify.eq_ignore_ascii_case(address))
}

#[cfg(test)]
mod tests {
    use super::notice;

    #[test]
    fn the_mailbox_that_closes_is_no_address_for_notices() {
        let of = |notify: Option<&str>| notice("anna@pec.example", notify.map(str::to_owned));
        assert_eq!(of(Some("anna@mail.example")).as_deref(), Some("anna@mail.example"));
        assert_eq!((of(Some("Anna@PEC.example")), of(None)), (None, None));
    }
}
