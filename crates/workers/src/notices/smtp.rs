//! A mail relay that speaks SMTP.
//!
//! Invariant: it is known of every letter at which stage it failed. Before its last line was sent it was not
//! taken, whatever broke; after that, and without an answer, it is in doubt. A refused recipient is the
//! mailbox's affair; a refused sender or a lost connection is the relay's, and ends the errand.
//! Deliberately absent: any server's words in a cause or a log, for they repeat addresses.

mod connection;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::letter::{self, Letter, ReturnPath};
use super::mailer::{AddressBook, Answer, Errand, Mailer, Posted, Tally};
pub use connection::Relay;
pub(super) use connection::is_enhanced;
pub(super) use connection::{Connection, Outcome};

/// How long nothing new is begun after the start of a handful.
const PATIENCE: Duration = Duration::from_mins(5);
/// The cause of those that were not come to because the relay could not be used.
const RELAY_LOST: &str = "relay-out-of-reach";

/// How notices go to the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaySettings {
    /// The address that they come from.
    pub from: ReturnPath,
    /// Connections side by side; at least 1.
    pub connections: usize,
    /// Letters a second over all connections; `None` for as fast as the relay takes them.
    pub per_second: Option<u32>,
    /// Letters in one claim: at most so many are in doubt after a crash.
    pub handful: u32,
}

/// Carries notices to a relay.
pub struct Smtp {
    relay: Relay,
    settings: RelaySettings,
    book: Arc<dyn AddressBook>,
    /// One connection a lane, kept open between handfuls.
    lanes: Vec<Mutex<Option<Connection>>>,
    pace: Option<Mutex<Interval>>,
}

/// The letters of an errand, which the lanes take from.
struct Pile {
    letters: Mutex<VecDeque<Letter>>,
    tally: Mutex<Tally>,
    /// The relay can't be used: what is left is not tried.
    lost: AtomicBool,
}

impl Smtp {
    /// A relay to which nothing is connected yet.
    pub fn new(relay: Relay, settings: RelaySettings, book: Arc<dyn AddressBook>) -> Self {
        let lanes = (0..settings.connections.max(1)).map(|_| Mutex::default()).collect();
        let pace = settings.per_second.filter(|rate| *rate > 0).map(|rate| {
            let mut interval = interval(Duration::from_secs(1) / rate);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(interval)
        });
        Self { relay, settings, book, lanes, pace }
    }

    async fn lane(&self, lane: &Mutex<Option<Connection>>, pile: &Pile, errand: &Errand<'_>) {
        let mut held = lane.lock().await;
        loop {
            let Some(letter) = pile.letters.lock().await.pop_front() else { return };
            let over = errand.stop.is_cancelled() || Instant::now() >= errand.deadline;
            let answer = if over {
                Answer::NotTried { cause: "out-of-time".to_owned() }
            } else if pile.lost.load(Ordering::Relaxed) {
                Answer::NotTried { cause: RELAY_LOST.to_owned() }
            } else {
                if let Some(pace) = &self.pace {
                    pace.lock().await.tick().await;
                }
                self.hand_over(&mut held, &letter, pile).await
            };
            pile.tally.lock().await.add(answer, letter.number);
        }
    }

    async fn hand_over(
        &self,
        held: &mut Option<Connection>,
        letter: &Letter,
        pile: &Pile,
    ) -> Answer {
        let mut cause = RELAY_LOST.to_owned();
        // A connection that was kept may have been closed meanwhile: then another is made, once.
        for _ in 0..2 {
            let kept = held.is_some();
            let mut connection = match held.take() {
                Some(connection) => connection,
                None => match Connection::open(&self.relay).await {
                    Ok(connection) => connection,
                    Err(why) => {
                        cause = why;
                        break;
                    }
                },
            };
            match connection.deliver(letter).await {
                Outcome::Answered(answer) => {
                    *held = connection.reusable().await;
                    return answer;
                }
                Outcome::Unsure(cause) => return Answer::InDoubt { cause },
                Outcome::Lost(_) if kept => {}
                Outcome::Lost(why) => {
                    cause = why;
                    break;
                }
            }
        }
        pile.lost.store(true, Ordering::Relaxed);
        Answer::NotTried { cause }
    }
}

#[async_trait]
impl Mailer for Smtp {
    fn handful(&self) -> u32 {
        self.settings.handful.max(1)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    async fn ready(&self) -> Result<(), String> {
        let Some(lane) = self.lanes.first() else { return Ok(()) };
        let mut held = lane.lock().await;
        if let Some(mut connection) = held.take()
            && connection.takes_mail_from(self.settings.from.address()).await.is_ok()
        {
            *held = Some(connection);
            return Ok(());
        }
        let mut connection = Connection::open(&self.relay).await?;
        connection.takes_mail_from(self.settings.from.address()).await?;
        *held = Some(connection);
        Ok(())
    }

    async fn post(&self, errand: &Errand<'_>) -> Vec<Posted> {
        let contacts = match self.book.contacts(errand.mailboxes).await {
            Ok(contacts) => contacts,
            Err(problem) => {
                tracing::warn!("no address could be looked up: {problem}");
                let answer = Answer::NotTried { cause: "registry-out-of-reach".to_owned() };
                return vec![Posted { answer, mailboxes: errand.mailboxes.clone() }];
            }
        };
        let mut tally = Tally::default();
        let mut missing = errand.mailboxes.clone().into_inner();
        let mut letters = VecDeque::with_capacity(contacts.len());
        for contact in contacts {
            // Of whom more was answered than asked, nothing is to become of.
            if !missing.remove(contact.number) {
                continue;
            }
            match letter::write(errand, &self.settings.from, &contact) {
                Ok(letter) => letters.push_back(letter),
                Err(cause) => tally.add(Answer::Unreachable { cause }, contact.number),
            }
        }
        for number in missing {
            tally.add(Answer::Unreachable { cause: "not-in-registry".to_owned() }, number);
        }
        let pile = Pile {
            letters: Mutex::new(letters),
            tally: Mutex::new(tally),
            lost: AtomicBool::new(false),
        };
        join_all(self.lanes.iter().map(|lane| self.lane(lane, &pile, errand))).await;
        pile.tally.into_inner().posted()
    }
}
