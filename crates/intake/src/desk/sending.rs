//! Sending letters: each is claimed, written, handed over, and what became of it is written down.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::MailboxSet;
use rand::TryRng;
use rand::rngs::SysRng;
use vouchers::Grant;

use super::Desk;
use super::still::{Facts, Still, request_of, still};
use crate::Error;
use crate::letter::{self, Answer, Code, Draft};
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
        let doubtful = self.store.doubt(now).await?;
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
        let content = self.store.content(waiting.message).await?.unwrap_or_default();
        let Some(to) = self.address(waiting, &content).await? else {
            return self.fail(waiting, "no-address", now).await;
        };
        let address = self.office.keyring().keyed_hash(ADDRESS).of(to.as_bytes());
        let (token, asked) = self.link(waiting, address, now)?;
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
            enclosed.grant = self.code(mailbox).await?;
            if enclosed.grant.is_none() {
                return self.store.turn_down(waiting.number, "closed", now).await;
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
        self.store.sent(waiting.number, sent, now).await?;
        if let Some(grant) = enclosed.grant {
            match sent {
                // That code alone: it may have been replaced while the letter was on its way.
                Sent::Taken => {
                    let code = vouchers::Kept { number: grant.number, issue: grant.issue };
                    self.office.handed_over(&[code], &self.origin).await?;
                }
                // It surely did not leave, so it is still nobody's.
                Sent::Later(_) => drop(self.grants.insert(grant.number, grant)),
                Sent::Failed | Sent::Doubtful | Sent::Moot => {}
            }
        }
        Ok(())
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
            self.store.sent(waiting.number, Sent::Failed, now).await?;
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
            Route::Notice => notify,
            Route::Sender => None,
        }))
    }

    /// A link for a letter that asks to confirm, and what is kept of it.
    fn link(
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
        Ok((Some(token), Some(Asked { token: hash, address, expires_at: now + VALID })))
    }

    /// A voucher's code, for its letter; `None` where it can't be had any more.
    async fn code(&mut self, mailbox: u32) -> Result<Option<Grant>, Error> {
        if let Some(grant) = self.grants.remove(&mailbox) {
            let known = self.office.journal().known().await?;
            // Somebody may have replaced it meanwhile.
            if known.state().vouchers.issue_of(mailbox) == grant.issue {
                return Ok(Some(grant));
            }
        }
        let issued = match self.office.issue(mailbox, &self.origin).await {
            Err(vouchers::Error::Minted) => self.office.reissue(mailbox, &self.origin).await,
            issued => issued,
        };
        match issued {
            Ok(grant) => Ok(Some(grant)),
            Err(vouchers::Error::Rejected(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
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
        letter::write(&Draft {
            number: waiting.number,
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
        })
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
