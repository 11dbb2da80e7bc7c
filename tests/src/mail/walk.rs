//! The walk through the plan of CEC-PAC, a second before and after each of its boundaries.

use chrono::{DateTime, Duration, Utc};
use domain::{Capabilities, Capability};

use super::canaries::{
    a_repair_is_seen, a_right_restored_by_hand_is_reported, evidence, prober, shows_every_boundary,
    watched, wrong,
};
use super::check::{Check, PASSWORD};
use super::enforcement::Enforcement;
use super::kick::{self, end_sessions};
use super::people::{Kind, Person, people};
use super::servers::MailServers;
use super::smtp::Smtp;
use rehearsal::Rehearsal;

use crate::{Nobody, World};

/// The hash of [`PASSWORD`] by `doveadm pw -s SHA512-CRYPT -r 1000`.
pub(super) const HASH: &str = "{SHA512-CRYPT}$6$rounds=1000$9sbp/KKjOtMm3YX2$\
    t.ajMrgaOO8P25WPwwrfjv0tvJkNDCS/VtgeeSWJvJiqJ.ma3u3.hrp0PRsTN/vBcu7cbKlpRBeZNzftFcECc.";

/// The first instant of each phase, and what it allows.
fn boundaries() -> [(DateTime<Utc>, Capabilities); 5] {
    let allowed = |capabilities: &[Capability]| capabilities.iter().copied().collect();
    [
        ("2014-12-17T23:00:00Z", Capabilities::OF_PLATFORM),
        ("2015-03-17T23:00:00Z", allowed(&[Capability::Receive, Capability::Access])),
        ("2015-07-17T22:00:00Z", allowed(&[Capability::Access])),
        ("2015-09-17T22:00:00Z", Capabilities::NONE),
        ("2018-03-17T23:00:00Z", Capabilities::NONE),
    ]
    .map(|(instant, allowed)| (instant.parse().unwrap(), allowed))
}

/// Takes one mailbox of each kind through the whole plan, on real mail servers.
///
/// No engine runs at a boundary, so what takes effect there was armed before. The engine then
/// restarts and records it, and the servers are checked once more. The same servers are used for
/// everything else that is to be seen at a boundary: mail that is queued, sessions that are open,
/// and a canary whose right is restored by hand.
pub async fn walk<E: Enforcement>() {
    let world = World::of(watched(400), 400).await;
    let mut enforcement = E::of(&world).await;
    let people = people(&world).await;
    let mut running = enforcement.engine(&world).await;
    running.run_until(running.engine.journal.now(), &mut Nobody).await.unwrap();
    for person in people.iter().filter(|person| person.kind != Kind::NeverActivated) {
        enforcement.set_password(&person.address, HASH).await;
    }
    for address in &world.plan.canaries.as_ref().unwrap().addresses {
        assert!(people.iter().all(|person| person.address != *address), "a canary is nobody else");
        enforcement.set_password(address, HASH).await;
    }
    let servers = MailServers::start(&enforcement.lookups());
    let of = |kind| people.iter().find(|person| person.kind == kind).unwrap().address.as_str();
    enforcement.check_before(&world, &servers, [of(Kind::Ordinary), of(Kind::Withdrawn)]).await;
    let no_sending = |from: &str, to: &str, why: &str| enforcement.no_sending(from, to, why);
    let canary = &world.plan.canaries.as_ref().unwrap().addresses[0];
    let mut restored = 0;
    let mut before = Capabilities::OF_PLATFORM;
    for (place, (instant, from)) in boundaries().into_iter().enumerate() {
        let decided = place > 0;
        let check = |moment: &str, allowed| Check {
            servers: &servers,
            people: &people,
            moment: format!("{place}-{moment}"),
            allowed,
            decided,
            no_sending: &no_sending,
        };
        if place == 1 {
            let february = "2015-02-01T00:00:00Z".parse().unwrap();
            running.run_until(february, &mut Nobody).await.unwrap();
            for person in &people {
                person.decide(&running).await;
            }
        }
        let second = Duration::seconds(1);
        running.run_until(instant - second, &mut Nobody).await.unwrap();
        // The engine has no reason to call the platform at this very second, but the servers' clock
        // advances.
        enforcement.set_clock(instant - second).await;
        probe(&servers, &running).await;
        check("before", before).at_everybody();
        let crossing = Crossing::begin(&servers, &people, place, before);
        let closes = before.contains(Capability::Access) && !from.contains(Capability::Access);
        let sessions = closes.then(|| kick::Open::begin(&servers, &people));

        running.engine.stop().await.unwrap();
        enforcement.set_clock(instant + second).await;
        crossing.end(from);
        check("after", from).at_everybody();

        world.clock.set(instant + second);
        running = enforcement.engine(&world).await;
        if closes {
            end_sessions(&servers, &running);
        }
        running.run_until(instant + second, &mut Nobody).await.unwrap();
        if let Some(sessions) = sessions {
            sessions.end().await;
        }
        if place == 1 && enforcement.let_send(canary).await {
            a_right_restored_by_hand_is_reported(&world.plan, &servers, &running, canary).await;
            running.engine.stop().await.unwrap();
            enforcement.stop_sending(canary, instant).await;
            world.clock.set(instant + second + Duration::minutes(1));
            running = enforcement.engine(&world).await;
            a_repair_is_seen(&servers, &running).await;
            restored += 1;
        } else {
            probe(&servers, &running).await;
        }
        before = from;
    }
    let journal = &running.engine.journal;
    shows_every_boundary(&world.plan, &evidence(journal).await, restored);
    assert_eq!(wrong(&journal.state().await.unwrap().canaries), []);
    running.run(&mut Nobody).await.unwrap();
    running.engine.stop().await.unwrap();
    enforcement.end(&world).await;
}

/// Probes the canaries at this instant, with a prober that has just started.
async fn probe(servers: &MailServers, running: &Rehearsal) {
    let engine = &running.engine;
    let mut prober = prober(servers, &engine.journal, &engine.registry);
    assert_eq!(prober.tick().await.unwrap().progress, 1);
    assert_eq!(prober.tick().await.unwrap().progress, 0, "a boundary is probed once");
}

/// What is in progress at a boundary: an accepted message that is not delivered yet, and a
/// logged-in sender.
struct Crossing<'a> {
    servers: &'a MailServers,
    reader: &'a Person,
    queued: Option<String>,
    session: Smtp,
}

impl<'a> Crossing<'a> {
    fn begin(
        servers: &'a MailServers,
        people: &'a [Person],
        place: usize,
        allowed: Capabilities,
    ) -> Self {
        let reader = people.iter().find(|person| person.kind == Kind::Ordinary).unwrap();
        let queued = allowed.contains(Capability::Receive).then(|| {
            let subject = format!("{place}-queued");
            servers.hold_deliveries(true);
            let reply = Smtp::deliver(servers.smtp, &reader.address, &subject);
            assert!(reply.starts_with("250 2.0.0 Ok: queued"), "{reply}");
            subject
        });
        let mut session = Smtp::open(servers.submission);
        assert!(session.log_in(&reader.address, PASSWORD).starts_with("235 "));
        Self { servers, reader, queued, session }
    }

    /// An accepted message is delivered, whatever has ended. A logged-in sender may not send.
    fn end(mut self, allowed: Capabilities) {
        let address = &self.reader.address;
        if let Some(subject) = self.queued {
            assert_eq!(self.servers.delivered(address, &subject), 0, "it did not wait");
            self.servers.hold_deliveries(false);
            self.servers.wait_for_queued(address, &subject);
        }
        let command = format!("MAIL FROM:<{address}>");
        assert!(self.session.command(&command).starts_with("250 "));
        let reply = self.session.command(&format!("RCPT TO:<{address}>"));
        let accepted = allowed.contains(Capability::Send) && allowed.contains(Capability::Receive);
        assert_eq!(reply.starts_with("250 "), accepted, "{reply}");
    }
}
