//! Sends letters: each is claimed, written and delivered, and its outcome is recorded.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, MailboxSet, State};
use mail::{Draft, Headers, Letter, MARK, Outcome, Transport};
use vouchers::Credentials;

use super::RequestProcessor;
use super::grants::CodeResult;
use super::notify_address;
use super::precheck::{Facts, Precheck, precheck, request_of};
use crate::Error;
use crate::letter::{self, Fields, SEAL};
use crate::portal::{CONFIRM, PURPOSE};
use crate::store::{Confirmation, DueLetter, LetterKind, LetterOutcome, Route};

/// Letters in one pass.
const BATCH: u32 = 50;
/// How long a claim is held: longer than delivery of one letter can take.
const CLAIM: TimeDelta = TimeDelta::minutes(10);
/// How long a link is valid; the letter's template states it.
const VALID: TimeDelta = TimeDelta::days(7);
/// After this many attempts a letter fails permanently.
const MOST_ATTEMPTS: i64 = 12;
/// How soon an unavailable relay is tried again.
const RETRY_RELAY: TimeDelta = TimeDelta::seconds(30);
/// How long a letter waits for a setting that is not configured.
const UNCONFIGURED: TimeDelta = TimeDelta::minutes(5);
/// The purpose of the keyed hash of addresses.
const ADDRESS: &str = "intake-address";

/// What a letter contains besides its text.
struct Enclosed {
    /// The path of its link on the portal, a secret.
    path: Option<String>,
    code: Option<Credentials>,
    facts: Facts,
}

impl RequestProcessor {
    /// Sends due letters; returns how many were processed, and the next wake.
    pub(super) async fn send(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<(u64, Option<DateTime<Utc>>), Error> {
        let in_doubt = self.expire_claims(now).await?;
        if in_doubt > 0 {
            tracing::warn!(letters = in_doubt, "letters in doubt; see `tramonto message list`");
        }
        // Confirmations come from another process, which can't wake this one.
        let again = Some(now + TimeDelta::seconds(2));
        let Some(relay) = self.settings.relay.clone().filter(|_| self.settings.from.is_some())
        else {
            return Ok((0, again));
        };
        let due = self.store.due(now, BATCH).await?;
        if due.is_empty() {
            return Ok((0, again));
        }
        // Before any claim, so that an outage claims nothing.
        if let Err(cause) = relay.ready().await {
            tracing::warn!(cause, "mail relay unavailable, letters wait");
            return Ok((0, Some(now + RETRY_RELAY)));
        }
        let mut many = 0;
        for waiting in due {
            self.send_one(waiting, &*relay, now).await?;
            many += 1;
        }
        Ok((many, again))
    }

    async fn send_one(
        &mut self,
        waiting: DueLetter,
        relay: &dyn Transport,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let Some((waiting, facts)) = self.checked(waiting, now).await? else {
            return Ok(());
        };
        let waiting = &waiting;
        if waiting.kind == LetterKind::Confirm && self.settings.portal.is_none() {
            return self.store.postpone(waiting.number, now + UNCONFIGURED).await;
        }
        let content = self.store.content(waiting.message).await?.unwrap_or_default();
        let Some(to) = self.address(waiting, &content).await? else {
            return self.fail_unsent(waiting, "no-address", now).await;
        };
        let address = self.vouchers.keyring.keyed_hash(ADDRESS).of(to.as_bytes());
        let (path, asked) = self.confirmation(waiting, address, now).await?.unzip();
        if let Some(mailbox) = waiting.mailbox.filter(|_| waiting.kind == LetterKind::Granted) {
            // The code goes to the address from which the holder confirmed, or to nobody.
            let confirmed = self.store.confirmed_address(waiting.message, mailbox).await?;
            if confirmed.is_none_or(|confirmed| confirmed != address) {
                return self.fail_unsent(waiting, "address-changed", now).await;
            }
        }
        if !self.store.claim(waiting, now + CLAIM, asked).await? {
            return Ok(());
        }
        let mut enclosed = Enclosed { path, code: None, facts };
        if waiting.kind == LetterKind::Export {
            match self.export_link(waiting, now).await {
                Ok(path) => enclosed.path = Some(path),
                Err(sent) => return self.store.settle(waiting, sent, now).await,
            }
        }
        if let Some(mailbox) = waiting.mailbox.filter(|_| waiting.kind == LetterKind::Granted) {
            match self.code(mailbox, now).await {
                Ok(CodeResult::Issued(code)) => enclosed.code = Some(code),
                Ok(CodeResult::AlreadyDelivered) => {
                    return self.store.settle(waiting, LetterOutcome::Obsolete, now).await;
                }
                Ok(CodeResult::Refused(why)) => {
                    return self.store.refuse_letter(waiting.number, why.code(), now).await;
                }
                Err(error) => {
                    // It has not left.
                    let later = LetterOutcome::Retry(now + TimeDelta::minutes(1));
                    self.store.settle(waiting, later, now).await?;
                    return Err(error);
                }
            }
        }
        let outcome = match self.write(waiting, &to, &content, &enclosed, now) {
            Ok(letter) => relay.deliver(&letter).await,
            Err(cause) => Outcome::Refused { cause: cause.to_owned() },
        };
        let sent = after(&outcome, waiting, now);
        if let Some(code) = enclosed.code {
            match sent {
                // Of this issue only: the code may have been reissued meanwhile. Before the letter
                // is recorded as sent: a crash in between leaves it in doubt, not lost.
                LetterOutcome::Sent => {
                    self.vouchers.record_delivered(&[code.id], &self.origin).await?;
                }
                // The letter has not left: the code can be used again.
                LetterOutcome::Retry(_) => drop(self.unsent.insert(code.id.number, code)),
                LetterOutcome::Failed(_) | LetterOutcome::InDoubt | LetterOutcome::Obsolete => {}
            }
        }
        self.store.settle(waiting, sent, now).await
    }

    /// Puts letters with an expired claim in doubt and returns their number. A letter whose code is
    /// recorded as delivered was sent.
    async fn expire_claims(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let mut many = 0;
        for letter in self.store.expired_claims(now, BATCH).await? {
            let left = letter.kind == LetterKind::Granted && {
                let snapshot = self.vouchers.journal.state().await?;
                let delivered = &snapshot.vouchers.delivered;
                letter.mailbox.is_some_and(|mailbox| delivered.contains(mailbox))
            };
            let outcome = if left { LetterOutcome::Sent } else { LetterOutcome::InDoubt };
            self.store.settle(&letter, outcome, now).await?;
            many += u64::from(!left);
        }
        Ok(many)
    }

    /// A letter that passes the precheck, with its facts; `None` if it is sent later or never.
    async fn checked(
        &self,
        mut waiting: DueLetter,
        now: DateTime<Utc>,
    ) -> Result<Option<(DueLetter, Facts)>, Error> {
        let links = self.settings.exports.is_some();
        let checked = {
            let snapshot = self.vouchers.journal.state().await?;
            precheck(&snapshot, &waiting, links, now)
        };
        match checked {
            Precheck::Send(facts) => {
                waiting.route = facts.route.unwrap_or(waiting.route);
                Ok(Some((waiting, facts)))
            }
            Precheck::Postpone(later) => {
                self.store.postpone(waiting.number, later).await?;
                Ok(None)
            }
            Precheck::MailboxClosed => {
                self.fail_unsent(&waiting, "mailbox-closed", now).await?;
                Ok(None)
            }
            Precheck::Obsolete => {
                if self.store.claim(&waiting, now + CLAIM, None).await? {
                    self.store.settle(&waiting, LetterOutcome::Obsolete, now).await?;
                }
                Ok(None)
            }
        }
    }

    /// Makes the link of an export: its path on the portal, or the outcome of the letter without
    /// it.
    async fn export_link(
        &self,
        waiting: &DueLetter,
        now: DateTime<Utc>,
    ) -> Result<String, LetterOutcome> {
        let (Some(exports), Some(request)) = (&self.settings.exports, request_of(waiting)) else {
            return Err(LetterOutcome::Obsolete);
        };
        match exports.link(request).await {
            Ok(Some(path)) => Ok(path),
            Ok(None) => Err(LetterOutcome::Obsolete),
            Err(cause) => Err(after(&Outcome::Deferred { cause }, waiting, now)),
        }
    }

    async fn fail_unsent(
        &self,
        waiting: &DueLetter,
        why: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        tracing::warn!(letter = waiting.number, cause = why, "letter cannot be sent");
        if self.store.claim(waiting, now + CLAIM, None).await? {
            self.store.settle(waiting, LetterOutcome::Failed(why), now).await?;
        }
        Ok(())
    }

    /// The recipient of a letter, looked up when it is written.
    async fn address(&self, waiting: &DueLetter, content: &[u8]) -> Result<Option<String>, Error> {
        let Some(mailbox) = waiting.mailbox.filter(|_| waiting.route != Route::Sender) else {
            let message = self.store.message(waiting.message).await?;
            let sender = message.and_then(|message| message.sender);
            return Ok(sender.or_else(|| return_path(content)).filter(|sender| !sender.is_empty()));
        };
        let contacts = self.registry.contacts(&MailboxSet::from(mailbox)).await?;
        Ok(contacts.into_iter().next().and_then(|(_, address, notify)| match waiting.route {
            Route::Mailbox => Some(address),
            Route::Notice => notify_address(&address, notify),
            Route::Sender => None,
        }))
    }

    /// The path of a confirmation link, and what is stored of it.
    async fn confirmation(
        &self,
        waiting: &DueLetter,
        address: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<(String, Confirmation)>, Error> {
        if waiting.kind != LetterKind::Confirm {
            return Ok(None);
        }
        let token = keyring::link_secret()?;
        let hash = self.vouchers.keyring.keyed_hash(PURPOSE).of(token.as_bytes());
        let mut expires_at = now + VALID;
        if waiting.route == Route::Mailbox {
            // After the mailbox stops receiving, the voucher could not be delivered there.
            let snapshot = self.vouchers.journal.state().await?;
            let closes = closes(&snapshot, now);
            expires_at = closes.map_or(expires_at, |closes| expires_at.min(closes));
        }
        let confirmation = Confirmation { token: hash, address, expires_at };
        Ok(Some((format!("{CONFIRM}{token}"), confirmation)))
    }

    /// Writes a letter. The error is a short code.
    fn write(
        &self,
        waiting: &DueLetter,
        to: &str,
        content: &[u8],
        enclosed: &Enclosed,
        now: DateTime<Utc>,
    ) -> Result<Letter, &'static str> {
        let reading = self.settings.reader.read(None, content);
        let from = self.settings.from.as_ref().ok_or("no-sender")?;
        let link = match (&enclosed.path, &self.settings.portal) {
            (Some(path), Some(portal)) => Some(format!("{portal}{path}")),
            (Some(_), None) => return Err("no-portal"),
            (None, _) => None,
        };
        let (credentials, facts) = (enclosed.code.as_ref(), &enclosed.facts);
        let code = credentials.map(|credentials| credentials.code.shown());
        let fields = Fields {
            link: link.as_deref(),
            code: code.as_deref(),
            token: credentials.map(|credentials| credentials.token.as_str()),
            why: waiting.why.as_deref(),
            redeem_by: credentials.map_or(facts.redeem_by, |credentials| credentials.redeem_by),
            until: facts.until,
        };
        let (kind, is_reply) = (waiting.kind, waiting.route == Route::Sender);
        let to = Letter::recipient(to)?;
        let (subject, text) = self.settings.templates.render(kind, reading.language, &fields)?;
        let key = self.vouchers.keyring.keyed_hash(SEAL);
        mail::compose(Draft {
            from,
            return_path: (!is_reply).then(|| from.clone()),
            to,
            id: &mail::seal_number(&key, waiting.number),
            // A holder may never have sent the message that asked in their name.
            in_reply_to: reading.message_id.as_deref().filter(|_| is_reply),
            subject,
            text,
            date: now,
            languages: "it, en",
            automatic: letter::automatic(kind),
            headers: &[("X-Auto-Response-Suppress", "All"), (MARK, kind.code())],
        })
    }
}

/// What becomes of a letter: one that surely did not leave is retried with exponential backoff.
fn after(outcome: &Outcome, waiting: &DueLetter, now: DateTime<Utc>) -> LetterOutcome {
    let letter = waiting.number;
    match outcome {
        Outcome::Accepted => LetterOutcome::Sent,
        Outcome::InDoubt { cause } => {
            tracing::warn!(letter, cause, "letter in doubt");
            LetterOutcome::InDoubt
        }
        Outcome::Deferred { cause } | Outcome::NotTried { cause }
            if waiting.attempts + 1 < MOST_ATTEMPTS =>
        {
            tracing::warn!(letter, cause, "letter deferred");
            let doubled = i32::try_from(waiting.attempts).unwrap_or(0).clamp(0, 8);
            LetterOutcome::Retry(now + TimeDelta::minutes(1) * (1 << doubled))
        }
        Outcome::Deferred { cause }
        | Outcome::NotTried { cause }
        | Outcome::Refused { cause }
        | Outcome::Unreachable { cause } => {
            tracing::warn!(letter, cause, "letter failed permanently");
            LetterOutcome::Failed("letter-failed")
        }
    }
}

fn return_path(message: &[u8]) -> Option<String> {
    Headers::parse(message)?.return_path().map(str::to_owned)
}

/// When mailboxes stop receiving or lose access, by the plan in force.
fn closes(state: &State, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let plan = state.plan()?;
    let ends = [Capability::Receive, Capability::Access].map(|what| plan.ends_at(what, now));
    ends.into_iter().flatten().min()
}
