//! Canaries on real mail servers, and their evidence in the log.

use std::sync::Arc;
use std::time::Duration;

use domain::{
    Canaries, CanaryProbed, CanaryRules, Capabilities, Event, PROBED_CAPABILITIES, Plan,
    ProbeAnswer, Side, Window, windows,
};
use eventstore::{Filter, Journal};
use registry::Registry;
use rehearsal::Rehearsal;
use rehearsal::generate::{Options, generate};
use workers::canary::{ProbeEndpoints, ProbeSettings, Prober};

use super::check::PASSWORD;
use super::servers::MailServers;

/// The plan of CEC-PAC with two canaries, from the end of a generated population.
pub(super) fn watched(registrations: u32) -> Plan {
    let mut file = Vec::new();
    generate(&Options { registrations, seed: 1 }, &mut file).unwrap();
    let file = String::from_utf8(file).unwrap();
    let rows = file.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    // Activated, but not on the last day, which the walk uses for another mailbox.
    let activated = rows.filter(|row| !row[6].is_empty() && row[6] < "2014-11-01");
    let mut addresses: Vec<_> = activated.map(|row| row[4].to_owned()).collect();
    let addresses = addresses.split_off(addresses.len() - 2);
    let mut plan = Plan::cec_pac().unwrap();
    plan.canaries = Some(Box::new(CanaryRules { addresses, recipient: None }));
    plan
}

/// A prober of these servers.
pub(super) fn prober(
    servers: &MailServers,
    journal: &Arc<Journal>,
    registry: &Arc<Registry>,
) -> Prober {
    let url = |scheme, port| format!("{scheme}://127.0.0.1:{port}").parse().unwrap();
    let (smtp, submission, imap) =
        (url("smtp", servers.smtp), url("smtp", servers.submission), url("imap", servers.imap));
    let settings = ProbeSettings {
        smtp: Some(&smtp),
        submission: Some(&submission),
        imap: Some(&imap),
        password: Some(PASSWORD.to_owned().into()),
        root: None,
        timeout: Duration::from_secs(30),
    };
    let endpoints = ProbeEndpoints::new(settings).unwrap().unwrap();
    Prober::new(
        Arc::clone(journal),
        Arc::new(engine::parts::RegistryNumbers(Arc::clone(registry))),
        endpoints,
    )
}

/// The canary probes in the log.
pub(super) async fn evidence(journal: &Journal) -> Vec<CanaryProbed> {
    let filter = Filter { categories: vec!["canary".to_owned()] };
    let page = journal.store().read_all(0, &filter, 1_000).await.unwrap();
    let probed = page.events.iter().map(|recorded| {
        let event = recorded.fact().unwrap().event;
        if let Event::CanaryProbed(probed) = event {
            probed
        } else {
            panic!("no evidence: {event:?}")
        }
    });
    probed.collect()
}

/// The evidence shows each boundary as expected: before it what the previous phase allows, after it
/// what the phase allows, in the plan's texts, and no personal data. A canary whose right was
/// restored by hand is left out at that boundary.
pub(super) fn shows_every_boundary(plan: &Plan, evidence: &[CanaryProbed], restored: usize) {
    let canaries = plan.canaries.as_ref().unwrap();
    let agrees = |probed: &CanaryProbed| {
        probed.findings.iter().all(|finding| finding.agrees() == Some(true))
    };
    let of = |probed: &CanaryProbed| (probed.due_at, probed.number);
    let wrong: Vec<_> = evidence.iter().filter(|probed| !agrees(probed)).map(of).collect();
    assert_eq!(wrong.len(), restored, "{evidence:#?}");
    for (place, window) in windows(plan).iter().enumerate() {
        let phase = place / 2;
        let allowed = match window.side {
            Side::Before => plan.allowed_before(phase),
            Side::After => plan.phases[phase].allows,
        };
        let here = evidence.iter().filter(|probed| is_of(probed, window));
        let here: Vec<_> = here.filter(|probed| !wrong.contains(&of(probed))).collect();
        let left_out = wrong.iter().filter(|(due_at, _)| *due_at == window.due_at).count();
        assert_eq!(here.len(), canaries.addresses.len() - left_out, "{window:?}");
        for probed in here {
            shows(probed, allowed, plan);
        }
    }
    let told = serde_json::to_string(evidence).unwrap();
    for secret in canaries.addresses.iter().map(String::as_str).chain([PASSWORD, "@"]) {
        assert!(!told.contains(secret), "{secret} is in the log");
    }
}

fn is_of(probed: &CanaryProbed, window: &Window) -> bool {
    probed.phase == window.phase && probed.side == window.side && probed.due_at == window.due_at
}

fn shows(probed: &CanaryProbed, allowed: Capabilities, plan: &Plan) {
    let refusals = &plan.refusals;
    assert_eq!(probed.findings.len(), PROBED_CAPABILITIES.len(), "{probed:#?}");
    for finding in &probed.findings {
        let expected = allowed.contains(finding.capability);
        assert_eq!((finding.expected, finding.agrees()), (expected, Some(true)), "{probed:#?}");
    }
    // The finding appears in the transcript too, with the plan's texts.
    let heard = |text: &str| {
        let mut lines = probed.transcripts.iter().flat_map(|transcript| &transcript.lines);
        lines.any(|line| line.starts_with("< ") && line.contains(text))
    };
    let [receive, send, access, _] = PROBED_CAPABILITIES;
    for (capability, words) in [
        (receive, refusals.receive.wording.line()),
        (send, refusals.send.wording.line()),
        (access, refusals.access.line()),
    ] {
        assert_eq!(heard(&words), !allowed.contains(capability), "{words}: {probed:#?}");
    }
    let second = chrono::Duration::seconds(1);
    let began = match probed.side {
        Side::Before => probed.due_at - second,
        Side::After => probed.due_at + second,
    };
    assert_eq!((probed.began_at, probed.ended_at), (began, began));
}

/// The rights that the latest probes found other than expected.
pub(super) fn wrong(canaries: &Canaries) -> Vec<(&str, &ProbeAnswer)> {
    let found = canaries.contradictions().into_iter();
    found.map(|(_, finding)| (finding.capability.name(), &finding.found)).collect()
}

/// Somebody has restored a canary's right by hand: the servers let it send, and the log reports it.
pub(super) async fn a_right_restored_by_hand_is_reported(
    plan: &Plan,
    servers: &MailServers,
    running: &Rehearsal,
    address: &str,
) {
    let (journal, registry) = (&running.engine.journal, &running.engine.registry);
    let before = evidence(journal).await.len();
    prober(servers, journal, registry).tick().await.unwrap();
    let seen = evidence(journal).await.split_off(before);
    let one = registry.find_address(address).await.unwrap().unwrap().number;
    let (lying, others): (Vec<_>, Vec<_>) = seen.iter().partition(|probed| probed.number == one);
    assert_eq!((lying.len(), others.len()), (1, 1));
    shows(others[0], plan.phases[1].allows, plan);
    let snapshot = journal.state().await.unwrap();
    assert_eq!(wrong(&snapshot.canaries), [("send", &ProbeAnswer::Allowed)], "{lying:#?}");
    let told = views::contradictions(&snapshot);
    assert_eq!((told.len(), told[0].number), (1, one));
}

/// After the repair, the next probe agrees.
pub(super) async fn a_repair_is_seen(servers: &MailServers, running: &Rehearsal) {
    let (journal, registry) = (&running.engine.journal, &running.engine.registry);
    let before = evidence(journal).await.len();
    prober(servers, journal, registry).tick().await.unwrap();
    let after = evidence(journal).await.len();
    assert_eq!(after, before + 1, "only what contradicted is probed again");
    assert_eq!(wrong(&journal.state().await.unwrap().canaries), []);
}
