//! A log in memory with one canary, and a clock set by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    CanaryProbed, CanaryRules, DateColumn, Event, Finding, MailboxesRegistered, Plan, PlanAdopted,
    ProbeAnswer, Protocol, Side, State,
};
use eventstore::{
    Clock, EventStore, ExpectedVersion, Filter, Journal, MemoryStore, Origin, programme_stream,
};
use workers::canary::{CanaryLookup, ProbeEndpoints, ProbeSettings, Prober};

use crate::canary::server::{Mood, Server};

pub(crate) const CANARY: &str = "canary@mail.example";
pub(crate) const PASSWORD: &str = "not-to-be-told";

pub(crate) struct Hands(Mutex<DateTime<Utc>>);

impl Hands {
    pub(crate) fn set(&self, at: DateTime<Utc>) {
        *self.0.lock().unwrap() = at;
    }
}

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) struct World {
    pub(crate) clock: Arc<Hands>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) plan: Plan,
}

impl World {
    /// The plan of CEC-PAC with a canary, which is mailbox 0, at an instant.
    pub(crate) async fn at(now: &str) -> Self {
        let clock = Arc::new(Hands(Mutex::new(utc(now))));
        let store = Arc::new(MemoryStore::new(Arc::<Hands>::clone(&clock)));
        let mut plan = Plan::cec_pac().unwrap();
        let addresses = vec![CANARY.to_owned()];
        plan.canaries = Some(Box::new(CanaryRules { addresses, recipient: None }));
        let world = Self { clock, store, plan: plan.clone() };
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        requested_on.push("2010-05-01".parse().ok()).unwrap();
        activated_on.push("2010-05-01".parse().ok()).unwrap();
        let registered = MailboxesRegistered { first: 0, requested_on, activated_on };
        let events = [
            Event::PlanAdopted(PlanAdopted { revision: 1, plan }),
            Event::MailboxesRegistered(registered),
        ];
        let stream = programme_stream(&world.plan.programme).unwrap();
        let origin = Origin::part("test");
        world.journal().append(stream, ExpectedVersion::Any, &events, &origin).await.unwrap();
        world
    }

    /// The journal of another process.
    pub(crate) fn journal(&self) -> Arc<Journal> {
        let clock: Arc<dyn Clock> = Arc::<Hands>::clone(&self.clock);
        let (programme, store) = (self.plan.programme.clone(), Arc::clone(&self.store));
        Arc::new(Journal::new(programme, store, clock, State::default(), 0))
    }

    pub(crate) async fn server(&self, mood: Mood) -> Server {
        Server::start(mood, self.plan.refusals.clone(), Arc::clone(&self.clock)).await
    }

    pub(crate) fn prober(&self, server: &Server) -> Prober {
        self.patient(server, Duration::from_mins(1))
    }

    pub(crate) fn patient(&self, server: &Server, timeout: Duration) -> Prober {
        Prober::new(self.journal(), Arc::new(Book), endpoints(server, timeout))
    }

    /// Every probe in the log.
    pub(crate) async fn log(&self) -> Vec<CanaryProbed> {
        let page = self.store.read_all(0, &Filter::default(), usize::MAX).await.unwrap();
        let events = page.events.iter().map(|event| event.fact().unwrap().event);
        let probed =
            |event| if let Event::CanaryProbed(event) = event { Some(event) } else { None };
        events.filter_map(probed).collect()
    }
}

pub(crate) fn endpoints(server: &Server, timeout: Duration) -> ProbeEndpoints {
    let url = |scheme, place| format!("{scheme}://{place}").parse().unwrap();
    let (smtp, submission, imap) =
        (url("smtp", server.smtp), url("smtp", server.submission), url("imap", server.imap));
    let settings = ProbeSettings {
        smtp: Some(&smtp),
        submission: Some(&submission),
        imap: Some(&imap),
        password: Some(PASSWORD.to_owned().into()),
        root: None,
        timeout,
    };
    ProbeEndpoints::new(settings).unwrap().unwrap()
}

struct Book;

#[async_trait]
impl CanaryLookup for Book {
    async fn number(&self, address: &str) -> Result<Option<u32>, String> {
        Ok((address == CANARY).then_some(0))
    }
}

/// The findings, one word per capability, in the order of the servers.
pub(crate) fn found(findings: &[Finding]) -> Vec<&str> {
    fn word(finding: &Finding) -> &str {
        match &finding.found {
            ProbeAnswer::Allowed => "allowed",
            ProbeAnswer::Refused(_) => "refused",
            ProbeAnswer::Unknown(_) => "unknown",
        }
    }
    findings.iter().map(word).collect()
}

/// The cause of an unknown finding.
pub(crate) fn causes(findings: &[Finding]) -> Vec<&str> {
    fn cause(finding: &Finding) -> &str {
        match &finding.found {
            ProbeAnswer::Unknown(cause) => cause,
            ProbeAnswer::Allowed | ProbeAnswer::Refused(_) => "",
        }
    }
    findings.iter().map(cause).collect()
}

/// The probes, in order.
pub(crate) fn sides(log: &[CanaryProbed]) -> Vec<(&str, Side)> {
    log.iter().map(|probed| (probed.phase.as_str(), probed.side)).collect()
}

pub(crate) fn lines(probed: &CanaryProbed, protocol: Protocol) -> &[String] {
    let transcript = probed.transcripts.iter().find(|transcript| transcript.protocol == protocol);
    &transcript.unwrap().lines
}
