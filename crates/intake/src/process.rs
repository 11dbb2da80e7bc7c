//! Processes requests: decides about new messages, acts on confirmations, queues reminders, sends
//! letters.
//!
//! Invariants: state is the only input, so that a restart is another tick and nothing is done
//! twice; a code is generated after its holder has confirmed, and exists in the letter alone.
//! Deliberately absent: the decision about a message, which is in `case`.

mod grants;
mod precheck;
mod reminders;
mod sending;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, Tick};
use eventstore::Origin;
use lettre::Address;
use mail::Transport;
use registry::{Entry as RegistryEntry, Registry};
use uuid::Uuid;
use vouchers::{Credentials, Vouchers};

pub use self::reminders::claim_reminders;
use crate::Error;
use crate::case::{self, Holder};
use crate::letter::{SEAL, Templates};
use crate::reading::{Kind, Reader, Reading};
use crate::store::{BOUNCED, LetterKind, Message, MessageStatus, NewLetter, Route, Store};

/// Messages processed in one pass.
const BATCH: u32 = 50;
/// The interval within which no sender and no holder gets a second letter.
const QUIET: TimeDelta = TimeDelta::days(1);

/// Makes links of message-log exports when their letters are written.
#[async_trait]
pub trait Exports: Send + Sync {
    /// Makes a new link, a path on the portal, for the export of a log request, and revokes the
    /// previous one. `None` if no export is ready; the error is a short code, and the letter is
    /// retried.
    async fn link(&self, request: Uuid) -> Result<Option<String>, String>;
}

/// What the processor works with.
pub struct ProcessorSettings {
    /// How messages are read.
    pub reader: Reader,
    /// Delivers letters; without it they wait.
    pub relay: Option<Arc<dyn Transport>>,
    /// The address that letters come from.
    pub from: Option<Address>,
    /// The templates of letters.
    pub templates: Templates,
    /// Makes the links of exports; without it their letters wait.
    pub exports: Option<Arc<dyn Exports>>,
    /// The portal's URL, without a trailing slash, e.g. `https://voucher.agency.example`.
    pub portal: Option<String>,
}

/// Processes messages, confirmations and letters.
pub struct RequestProcessor {
    store: Arc<Store>,
    vouchers: Vouchers,
    registry: Arc<Registry>,
    settings: ProcessorSettings,
    /// Codes whose letters have not left yet. After a crash they are reissued.
    unsent: HashMap<u32, Credentials>,
    /// Rounds of reminders whose letters are all queued, as last read.
    rounds_queued: Option<usize>,
    /// A due round without eligible holders, or that can't be sent.
    skipped_round: Option<DateTime<Utc>>,
    origin: Origin,
}

impl RequestProcessor {
    /// A processor that has done nothing yet.
    pub fn new(
        store: Arc<Store>,
        vouchers: Vouchers,
        registry: Arc<Registry>,
        settings: ProcessorSettings,
    ) -> Self {
        let origin = Origin::part("intake");
        Self {
            store,
            vouchers,
            registry,
            settings,
            unsent: HashMap::new(),
            rounds_queued: None,
            skipped_round: None,
            origin,
        }
    }

    /// One pass.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let now = self.vouchers.journal.now();
        let mut progress = 0;
        for message in self.store.messages(MessageStatus::New, 0, BATCH).await? {
            self.process(&message, now).await?;
            progress += 1;
        }
        for confirmed in self.store.confirmed(BATCH).await? {
            self.issue_confirmed(&confirmed, now).await?;
            progress += 1;
        }
        progress += self.queue_reminders(now).await?;
        let (sent, next_wake) = self.send(now).await?;
        Ok(Tick { progress: progress + sent, next_wake })
    }

    async fn process(&self, message: &Message, now: DateTime<Utc>) -> Result<(), Error> {
        let content = self.store.content(message.number).await?.unwrap_or_default();
        let (reader, sender) = (self.settings.reader.clone(), message.sender.clone());
        let released = message.released;
        // A large message takes time: not on the threads that serve LMTP.
        let reading = tokio::task::spawn_blocking(move || {
            if released {
                reader.read_as_personal(&content)
            } else {
                reader.read(sender.as_deref(), &content)
            }
        });
        let reading = reading.await.map_err(|error| Error::Cancelled(error.to_string()))?;
        if !released && self.is_bounce(message, &reading, now).await? {
            return Ok(());
        }
        // Requests count from their arrival, however long they waited.
        let open = self.is_open(message.received_at).await?;
        let mut decision = if let Some(number) = message.mailbox.filter(|_| released) {
            let entry = self.registry.find(number).await?;
            let holder = self.candidates(entry.map(|entry| (entry, true)), now).await?.pop();
            case::decide_for(holder, open)
        } else {
            let holders = if open { self.holders(&reading, now).await? } else { Vec::new() };
            case::decide(&reading, &holders, open)
        };
        let mut letters = Vec::new();
        let letter = |kind, mailbox, route, why| NewLetter {
            kind,
            message: message.number,
            mailbox,
            route,
            why,
        };
        if let (Some(mailbox), Some(route)) = (decision.mailbox, decision.confirm) {
            let refused = self.request(mailbox, message.received_at).await?;
            if self.store.notified_since(mailbox, now - QUIET).await? {
                decision.reason = "asked-before";
            } else if let Some(why) = refused {
                decision.reason = why.code();
                letters.push(letter(LetterKind::Refused, Some(mailbox), route, Some(why.code())));
            } else {
                letters.push(letter(LetterKind::Confirm, Some(mailbox), route, None));
            }
        }
        if let (Some(kind), Some(sender)) = (decision.reply, &message.sender)
            && !sender.is_empty()
            && !self.store.replied_since(sender, now - QUIET).await?
        {
            letters.push(letter(kind, None, Route::Sender, None));
        }
        tracing::info!(message = message.number, reason = decision.reason, "message processed");
        metrics::counter!("tramonto_intake_decisions_total", "reason" => decision.reason)
            .increment(1);
        self.store.apply_decision(message.number, &decision, letters, now).await
    }

    /// Records a bounce of one of our letters, which puts the letter's message in quarantine; false
    /// for any other message.
    async fn is_bounce(
        &self,
        message: &Message,
        reading: &Reading,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let Some(letter) = reading.undelivered.as_deref() else { return Ok(false) };
        let key = self.vouchers.keyring.keyed_hash(SEAL);
        let Some(letter) = mail::open_number(&key, letter) else { return Ok(false) };
        let recorded = self.store.record_bounce(letter, message.number, now).await?;
        if recorded {
            tracing::warn!(letter, message = message.number, "letter bounced");
            metrics::counter!("tramonto_intake_decisions_total", "reason" => BOUNCED).increment(1);
        }
        Ok(recorded)
    }

    /// Is the voucher window open at an instant?
    async fn is_open(&self, at: DateTime<Utc>) -> Result<bool, Error> {
        let snapshot = self.vouchers.journal.state().await?;
        let Some(plan) = snapshot.plan() else { return Ok(false) };
        let Some(rules) = &plan.vouchers else { return Ok(false) };
        let today = domain::civil_date(at, plan.zone);
        let closed = rules.last_day.is_some_and(|last| today > last);
        Ok(plan.allowed_at(at).contains(Capability::RequestVoucher) && !closed)
    }

    /// The holders that a message names.
    async fn holders(&self, reading: &Reading, now: DateTime<Utc>) -> Result<Vec<Holder>, Error> {
        let Kind::Request(identifiers) = &reading.kind else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for code in &identifiers.codes {
            found.extend(self.registry.find_holder(code).await?.map(|entry| (entry, true)));
        }
        for address in &identifiers.addresses {
            found.extend(self.registry.find_address(address).await?.map(|entry| (entry, false)));
        }
        self.candidates(found, now).await
    }

    /// The holders of these entries, each once, with the addresses at which they can confirm. Each
    /// entry comes with whether it was named by codice fiscale.
    async fn candidates(
        &self,
        found: impl IntoIterator<Item = (RegistryEntry, bool)>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Holder>, Error> {
        let snapshot = self.vouchers.journal.state().await?;
        let state = &*snapshot;
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
                receives: reminders::receives(state, number, now),
                notify_confirms: state.rights.activated.contains(number)
                    && notify_address(&entry.registration.address, notify).is_some(),
            });
        }
        Ok(holders)
    }
}

/// The holder's address for notices, unless it is the closing mailbox itself.
fn notify_address(address: &str, notify: Option<String>) -> Option<String> {
    notify.filter(|notify| !notify.eq_ignore_ascii_case(address))
}

#[cfg(test)]
mod tests {
    use super::notify_address;

    #[test]
    fn the_closing_mailbox_is_not_an_address_for_notices() {
        let of =
            |notify: Option<&str>| notify_address("anna@pec.example", notify.map(str::to_owned));
        assert_eq!(of(Some("anna@mail.example")).as_deref(), Some("anna@mail.example"));
        assert_eq!((of(Some("Anna@PEC.example")), of(None)), (None, None));
    }
}
