//! Sending letters: each is claimed, written, handed over, and what became of it is written down.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, MailboxSet, State};
use rand::TryRng;
use rand::rngs::SysRng;
use vouchers::Grant;

use super::Desk;
use super::granting::Coded;
use super::notice;
use super::still::{Facts, Still, request_of, still};
use crate::Error;
use crate::letter::{self, Answer, Code, Draft, id};
use crate::portal::{CONFIRM, PURPOSE};
use crate::reading::return_path;
use crate::store::{Asked, LetterKind, Route, Sent, Waiting};

/// Letters in one pass.
const HANDFUL: u32 = 50;
/// For how long a claim holds: longer than a relay takes over a letter.
const CLAIM: TimeDelta = TimeDelta::minutes(10);
/// How long a link can be used, which its letter says too.
const VALID: TimeDelta = TimeDelta::days(7);
/// After so many attempts a letter is given up.
const MOST_ATTEMPTS: i64 = 12;
/// How long a relay that can't be reached is left alone.
const REST: TimeDelta = TimeDelta::seconds(30);
/// How long a letter waits for what is not configured.
const UNCONFIGURED: TimeDelta = TimeDelta::minutes(5);
/// The purpose of the keyed hash of an address.
const ADDRESS: &str = "intake-address";

/// What a letter holds besides its words.
#[derive(Default)]
struct Enclosed {
    token: Option<String>,
    grant: Option<Grant>,
    /// The path of an extract on the portal, which nobody else may know.
    extract: Option<String>,
    facts: Facts,
}

impl Desk {
    /// Sends what is due; how many letters were dealt with, and when to look again.
    pub(super) async fn send(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<(u64, Option<DateTime<Utc>>), Error> {
        let doubtful = self.doubt(now).await?;
        if doubtful > 0 {
            tracing::warn!(
                "of {doubtful} letters nobody knows whether they left; look at `tramonto intake list`"
            );
        }
        // A confirmation is given in another process, which can't wake this one.
        let again = Some(now + TimeDelta::seconds(2));
        let Some(post) = self.settings.post.clone().filter(|_| self.settings.from.is_some()) else {
            return Ok((0, again));
        };
        let due = self.store.due(now, HANDFUL).await?;
        if due.is_empty() {
            return Ok((0, again));
        }
        // Before anything is claimed, so that an outage claims nothing.
        if let Err(cause) = post.ready().await {
            tracing::warn!("letters wait: the relay can't be used ({cause})");
            return Ok((0, Some(now + REST)));
        }
        let mut many = 0;
        for waiting in due {
            self.send_one(waiting, &*post, now).await?;
            many += 1;
        }
        Ok((many, again))
    }

    async fn send_one(
        &mut self,
        waiting: Waiting,
        post: &dyn letter::Post,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let Some((waiting, facts)) = self.still_true(waiting, now).await? else {
            return Ok(());
        };
        let waiting = &waiting;
        if waiting.kind == LetterKind::Confirm && self.settings.portal.is_none() {
            // As without a relay.
            return self.store.put_off(waiting.number, now + UNCONFIGURED).await;
        }
        let content = self.store.content(waiting.message).await?.unwrap_or_default();
        let Some(to) = self.address(waiting, &content).await? else {
            return self.fail(waiting, "no-address", now).await;
        };
        let address = self.office.keyring().keyed_hash(ADDRESS).of(to.as_bytes());
        let (token, asked) = self.link(waiting, address, now).await?;
        if let Some(mailbox) = waiting.mailbox.filter(|_| waiting.kind == LetterKind::Granted) {
            // The code goes to where it was proven who asked, or to nobody.
            let proven = self.store.proven(waiting.message, mailbox).await?;
            if proven.is_none_or(|proven| proven != address) {
                return self.fail(waiting, "address-changed", now).await;
            }
        }
        if !self.store.claim(waiting, now + CLAIM, asked).await? {
            return Ok(());
        }
        let mut enclosed = Enclosed { token, facts, ..Enclosed::default() };
        if waiting.kind == LetterKind::Extract {
            match self.extract(waiting, now).await {
                Ok(path) => enclosed.extract = Some(path),
                Err(sent) => return self.store.sent(waiting.number, sent, now).await,
            }
        }
        if let Some(mailbox) = waiting.mailbox.filter(|_| waiting.kind == LetterKind::Granted) {
            match self.code(mailbox, now).await {
                Ok(Coded::Made(grant)) => enclosed.grant = Some(grant),
                Ok(Coded::Elsewhere) => {
                    return self.store.sent(waiting.number, Sent::Moot, now).await;
                }
                Ok(Coded::No(why)) => {
                    return self.store.turn_down(waiting.number, why.code(), now).await;
                }
                Err(error) => {
                    // It surely did not leave.
                    let later = Sent::Later(now + TimeDelta::minutes(1));
                    self.store.sent(waiting.number, later, now).await?;
                    return Err(error);
                }
            }
        }
        let answer = match self.write(waiting, &to, &content, &enclosed, now) {
            Ok(letter) => post.hand_over(letter).await,
            Err(cause) => Answer::Refused(cause.to_owned()),
        };
        let sent = after(&answer, waiting, now);
        if let Answer::Deferred(cause) | Answer::Refused(cause) | Answer::InDoubt(cause) = &answer {
            tracing::warn!(letter = waiting.number, "a letter was not taken for certain: {cause}");
        }
        if let Some(grant) = enclosed.grant {
            match sent {
                // That code alone: it may have been replaced while the letter was on its way. Before the letter
                // counts as sent: who stops in between finds a letter in doubt, and none that is lost.
                Sent::Taken => {
                    let code = vouchers::Kept { number: grant.number, issue: grant.issue };
                    self.office.handed_over(&[code], &self.origin).await?;
                }
                // It surely did not leave, so it is still nobody's.
                Sent::Later(_) => drop(self.grants.insert(grant.number, grant)),
                Sent::Failed | Sent::Doubtful | Sent::Moot => {}
            }
        }
        match sent {
            Sent::Failed => self.store.given_up(waiting, (sent, "letter-failed"), now).await,
            Sent::Doubtful => self.store.given_up(waiting, (sent, "letter-in-doubt"), now).await,
            Sent::Taken | Sent::Later(_) | Sent::Moot => {
                self.store.sent(waiting.number, sent, now).await
            }
        }
    }

    /// Letters whose claim has run out are in doubt; tells how many. Not those whose code is recorded as handed
    /// over: they left.
    async fn doubt(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let mut many = 0;
        for letter in self.store.overdue(now, HANDFUL).await? {
            let left = letter.kind == LetterKind::Granted && {
                let known = self.office.journal().known().await?;
                let delivered = known.state().vouchers.delivered();
                letter.mailbox.is_some_and(|mailbox| delivered.contains(mailbox))
            };
            if left {
                self.store.sent(letter.number, Sent::Taken, now).await?;
            } else {
                let doubt = (Sent::Doubtful, "letter-in-doubt");
                self.store.given_up(&letter, doubt, now).await?;
                many += 1;
            }
        }
        Ok(many)
    }

    /// A letter as it is due now, with what it says; `None` where it goes out later or never.
    async fn still_true(
        &self,
        mut waiting: Waiting,
        now: DateTime<Utc>,
    ) -> Result<Option<(Waiting, Facts)>, Error> {
        let links = self.settings.extracts.is_some();
        let looked = {
            let known = self.office.journal().known().await?;
            still(known.state(), &waiting, links, now)
        };
        match looked {
            Still::True(facts) => {
                waiting.route = facts.route.unwrap_or(waiting.route);
                Ok(Some((waiting, facts)))
            }
            Still::NotBefore(later) => {
                self.store.put_off(waiting.number, later).await?;
                Ok(None)
            }
            Still::Stranded => {
                self.fail(&waiting, "mailbox-closed", now).await?;
                Ok(None)
            }
            Still::Moot => {
                if self.store.claim(&waiting, now + CLAIM, None).await? {
                    self.store.sent(waiting.number, Sent::Moot, now).await?;
                }
                Ok(None)
            }
        }
    }

    /// The link of an extract, made for its letter; the path on the portal, or what becomes of the letter without.
    async fn extract(&self, waiting: &Waiting, now: DateTime<Utc>) -> Result<String, Sent> {
        let (Some(extracts), Some(request)) = (&self.settings.extracts, request_of(waiting)) else {
            return Err(Sent::Moot);
        };
        match extracts.link(request).await {
            Ok(Some(path)) => Ok(path),
            Ok(None) => Err(Sent::Moot),
            Err(cause) => {
                tracing::warn!(
                    letter = waiting.number,
                    "the link of an extract can't be made: {cause}"
                );
                Err(after(&Answer::Deferred(cause), waiting, now))
            }
        }
    }

    async fn fail(&self, waiting: &Waiting, why: &str, now: DateTime<Utc>) -> Result<(), Error> {
        tracing::warn!(letter = waiting.number, "a letter can't be sent: {why}");
        if self.store.claim(waiting, now + CLAIM, None).await? {
            self.store.given_up(waiting, (Sent::Failed, why), now).await?;
        }
        Ok(())
    }

    /// Whom a letter goes to, looked up when it is written.
    async fn address(&self, waiting: &Waiting, content: &[u8]) -> Result<Option<String>, Error> {
        let Some(mailbox) = waiting.mailbox.filter(|_| waiting.route != Route::Sender) else {
            let message = self.store.message(waiting.message).await?;
            let sender = message.and_then(|message| message.sender);
            return Ok(sender.or_else(|| return_path(content)).filter(|sender| !sender.is_empty()));
        };
        let contacts = self.registry.contacts(&MailboxSet::from(mailbox)).await?;
        Ok(contacts.into_iter().next().and_then(|(_, address, notify)| match waiting.route {
            Route::Mailbox => Some(address),
            Route::Notice => notice(&address, notify),
            Route::Sender => None,
        }))
    }

    /// A link for a letter that asks to confirm, and what is kept of it.
    async fn link(
        &self,
        waiting: &Waiting,
        address: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<(Option<String>, Option<Asked>), Error> {
        if waiting.kind != LetterKind::Confirm {
            return Ok((None, None));
        }
        let mut bits = [0; 32];
        SysRng.try_fill_bytes(&mut bits).map_err(|error| Error::Random(error.to_string()))?;
        let token = URL_SAFE_NO_PAD.encode(bits);
        let hash = self.office.keyring().keyed_hash(PURPOSE).of(token.as_bytes());
        let mut expires_at = now + VALID;
        if waiting.route == Route::Mailbox {
            // What is confirmed there after the mailbox has stopped receiving could not be answered there.
            let known = self.office.journal().known().await?;
            let closes = closes(known.state(), now);
            expires_at = closes.map_or(expires_at, |closes| expires_at.min(closes));
        }
        Ok((Some(token), Some(Asked { token: hash, address, expires_at })))
    }

    fn write(
        &self,
        waiting: &Waiting,
        to: &str,
        content: &[u8],
        enclosed: &Enclosed,
        now: DateTime<Utc>,
    ) -> Result<letter::Letter, &'static str> {
        let reading = self.settings.reader.read(None, content);
        let from = self.settings.from.as_ref().ok_or("no-sender")?;
        let confirm = enclosed.token.as_ref().map(|token| format!("{CONFIRM}{token}"));
        let link = match (confirm.as_ref().or(enclosed.extract.as_ref()), &self.settings.portal) {
            (Some(path), Some(portal)) => Some(format!("{portal}{path}")),
            (Some(_), None) => return Err("no-portal"),
            (None, _) => None,
        };
        let code = enclosed.grant.as_ref().map(|grant| Code {
            shown: grant.code.shown(),
            token: &grant.token,
            redeem_by: grant.redeem_by,
        });
        let id = id::sealed(&self.office.keyring().keyed_hash(id::LETTER), waiting.number);
        let draft = Draft {
            id: &id,
            kind: waiting.kind,
            from,
            to,
            is_answer: waiting.route == Route::Sender,
            answers: reading.message_id.as_deref(),
            language: reading.language,
            dated: now,
            link: link.as_deref(),
            code,
            why: waiting.why.as_deref(),
            redeem_by: enclosed.facts.redeem_by,
            until: enclosed.facts.until,
        };
        letter::write(&draft, &self.settings.templates)
    }
}

/// What an answer makes of a letter; one that surely did not leave is tried again, later each time.
fn after(answer: &Answer, waiting: &Waiting, now: DateTime<Utc>) -> Sent {
    match answer {
        Answer::Accepted => Sent::Taken,
        Answer::InDoubt(_) => Sent::Doubtful,
        Answer::Deferred(_) if waiting.attempts + 1 < MOST_ATTEMPTS => {
            let doubled = i32::try_from(waiting.attempts).unwrap_or(0).clamp(0, 8);
            Sent::Later(now + TimeDelta::minutes(1) * (1 << doubled))
        }
        Answer::Deferred(_) | Answer::Refused(_) => Sent::Failed,
    }
}

/// When mailboxes stop receiving, or being read, by the plan in force.
fn closes(state: &State, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let plan = state.plan()?;
    let ends = [Capability::Receive, Capability::Access].map(|what| plan.ends_at(what, now));
    ends.into_iter().flatten().min()
}
