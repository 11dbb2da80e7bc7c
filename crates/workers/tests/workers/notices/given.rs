//! A log in memory with mailboxes whose notices are released, and a clock set by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    DateColumn, Event, MailboxSet, MailboxesRegistered, NoticeAccount, PhaseId, Plan, PlanAdopted,
    State,
};
use eventstore::{
    Clock, EventStore, ExpectedVersion, Filter, Journal, MemoryStore, Origin, notice_stream,
    programme_stream,
};
use tokio_util::sync::CancellationToken;
use workers::notices::{Contact, ContactLookup, Mailer, Sender};

pub(crate) struct Hands(Mutex<DateTime<Utc>>);

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<Hands>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) plan: Plan,
}

pub(crate) fn notice() -> PhaseId {
    "sending-ends".parse().unwrap()
}

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl World {
    /// This many active mailboxes; their notices are released on the morning of 16 February 2015.
    pub(crate) async fn with(mailboxes: u32) -> Self {
        let clock = Arc::new(Hands(Mutex::new(utc("2015-01-01T00:00:00Z"))));
        let store = Arc::new(MemoryStore::new(Arc::<Hands>::clone(&clock)));
        let plan = Plan::cec_pac().unwrap();
        let world = Self { clock, store, plan: plan.clone() };
        world.record(Event::PlanAdopted(PlanAdopted { revision: 1, plan })).await;
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for _ in 0..mailboxes {
            requested_on.push("2010-05-01".parse().ok()).unwrap();
            activated_on.push("2010-05-01".parse().ok()).unwrap();
        }
        let registered = MailboxesRegistered { first: 0, requested_on, activated_on };
        world.record(Event::MailboxesRegistered(registered)).await;
        world.set_clock(utc("2015-02-16T08:00:00Z"));
        world.release().await;
        world
    }

    pub(crate) fn set_clock(&self, at: DateTime<Utc>) {
        *self.clock.0.lock().unwrap() = at;
    }

    pub(crate) fn pass(&self, time: TimeDelta) {
        *self.clock.0.lock().unwrap() += time;
    }

    /// The journal of another process, on this store or on one in front of it.
    pub(crate) fn journal_on(&self, store: Arc<dyn EventStore>) -> Arc<Journal> {
        let clock: Arc<dyn Clock> = Arc::<Hands>::clone(&self.clock);
        Arc::new(Journal::new(self.plan.programme.clone(), store, clock, State::default(), 0))
    }

    pub(crate) fn journal(&self) -> Arc<Journal> {
        self.journal_on(Arc::clone(&self.store))
    }

    pub(crate) fn sender(&self, mailer: Arc<dyn Mailer>) -> Sender {
        Sender::new(self.journal(), mailer, CancellationToken::new(), 1)
    }

    pub(crate) async fn record(&self, event: Event) {
        let of_plan = matches!(event, Event::PlanAdopted(_) | Event::PlanAmended(_));
        let programme = &self.plan.programme;
        let stream = if of_plan { programme_stream(programme) } else { notice_stream(programme) };
        let (stream, origin) = (stream.unwrap(), Origin::part("test"));
        self.journal().append(stream, ExpectedVersion::Any, &[event], &origin).await.unwrap();
    }

    pub(crate) async fn release(&self) {
        let (journal, now) = (self.journal(), self.clock.now());
        let released = {
            let snapshot = journal.state().await.unwrap();
            domain::release(&snapshot, &notice(), now, now)
        };
        self.record(released.unwrap()).await;
    }

    pub(crate) async fn account(&self) -> NoticeAccount {
        let journal = self.journal();
        let snapshot = journal.state().await.unwrap();
        let rule = snapshot.plan().unwrap().notice(&notice()).unwrap().clone();
        domain::notice_account(&snapshot, &rule)
    }

    /// The notice events in the log, in order, each with its cause and its set.
    pub(crate) async fn log(&self) -> Vec<String> {
        let page = self.store.read_all(0, &Filter::default(), usize::MAX).await.unwrap();
        let told = |event: Event| {
            if let Event::NoticesClaimed(event) = event {
                Some(("claimed", String::new(), event.mailboxes))
            } else if let Event::NoticesSent(event) = event {
                Some(("sent", String::new(), event.mailboxes))
            } else if let Event::NoticesDeferred(event) = event {
                Some(("deferred", format!(" {} x{}", event.cause, event.attempts), event.mailboxes))
            } else if let Event::NoticesFailed(event) = event {
                Some(("failed", format!(" {} x{}", event.cause, event.attempts), event.mailboxes))
            } else if let Event::NoticesInDoubt(event) = event {
                Some(("in doubt", format!(" {}", event.cause), event.mailboxes))
            } else {
                None
            }
        };
        let events = page.events.iter().filter_map(|event| told(event.fact().unwrap().event));
        let line = |(kind, cause, mailboxes): (&str, String, MailboxSet)| {
            format!("{kind}{cause} {:?}", mailboxes.iter().collect::<Vec<_>>())
        };
        events.map(line).collect()
    }
}

/// Addresses by number: the mailbox's own, and the one for notices if there is one.
#[derive(Default)]
pub(crate) struct Contacts(pub(crate) BTreeMap<u32, (String, Option<String>)>);

#[async_trait]
impl ContactLookup for Contacts {
    async fn contacts(&self, mailboxes: &MailboxSet) -> Result<Vec<Contact>, String> {
        let contact = |number: u32| {
            let (address, notify) = self.0.get(&number)?.clone();
            Some(Contact { number, address, notify })
        };
        Ok(mailboxes.iter().filter_map(contact).collect())
    }
}
