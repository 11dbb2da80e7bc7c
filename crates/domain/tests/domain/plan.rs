//! Valid plans, their warnings, and the limits of amendments.

use std::collections::BTreeSet;

use domain::{
    Capabilities, Capability, CatchUp, Eligible, PhaseId, Plan, ProgrammeId, Refusals, RetryPolicy,
};

fn parse(text: &str) -> Plan {
    let (plan, _) = Plan::parse("trial.toml", text).unwrap_or_else(|error| panic!("{error}"));
    plan
}

fn notices(text: &str) -> Vec<String> {
    let (_, notices) = Plan::parse("trial.toml", text).unwrap_or_else(|error| panic!("{error}"));
    notices.iter().map(|notice| format!("{}: {}", notice.line, notice.message)).collect()
}

/// A plan of two phases, in a zone of one's choice.
fn two_phases(zone: &str, first: &str, second: &str) -> String {
    format!(
        r#"
programme = "trial"
title = "A trial"
zone = "{zone}"

[in-service]
allows = ["send", "receive", "access"]

[[phase]]
id = "receive-only"
title = "Receive only"
from = {first}
allows = ["receive", "access"]
sources = ["the law"]

[[phase]]
id = "ended"
title = "Ended"
from = {second}
allows = []
sources = ["the law"]
"#
    )
}

fn set(names: &str) -> Capabilities {
    names.split_whitespace().map(|name| name.parse::<Capability>().expect("a capability")).collect()
}

#[test]
fn the_shipped_plan_says_what_the_law_says() {
    let plan = Plan::cec_pac().unwrap_or_else(|error| panic!("{error}"));
    let phases: Vec<_> =
        plan.phases.iter().map(|p| (p.id.as_str(), p.from.to_string(), p.allows)).collect();
    let expected = [
        ("activations-closed", "2014-12-18", "send modify receive access"),
        ("receive-only", "2015-03-18", "receive access request-voucher"),
        ("consultation-only", "2015-07-18", "access request-voucher"),
        ("access-closed", "2015-09-18", "request-logs request-voucher"),
        ("ended", "2018-03-18", ""),
    ]
    .map(|(id, from, allows)| (id, from.to_owned(), set(allows)));
    assert_eq!(phases, expected);
    assert_eq!(plan.programme.as_str(), "cec-pac");
    assert_eq!(plan.zone, chrono_tz::Europe::Rome);
    assert_eq!(plan.in_service, set("activate send modify receive access"));
    assert_eq!(plan.retry, RetryPolicy::default());

    let vouchers = plan.vouchers.expect("the plan has vouchers");
    assert_eq!(vouchers.eligible, Eligible::Registered);
    assert_eq!(vouchers.registered_before.to_string(), "2014-12-18");
    assert_eq!(vouchers.last_day, None);

    let [sweep] = plan.recurring.as_slice() else { panic!("one recurring work") };
    assert_eq!(
        (sweep.name.as_str(), sweep.cron.as_str(), sweep.catch_up),
        ("left-overs", "0 30 3 * * *", CatchUp::Once)
    );
}

#[test]
fn the_shipped_plan_names_its_sources_and_hides_no_surprise() {
    let (plan, notices) = Plan::parse("cec-pac.toml", Plan::CEC_PAC).expect("the shipped plan");
    assert_eq!(notices, []);
    assert!(plan.phases.iter().all(|phase| !phase.sources.is_empty()));
    assert!(plan.sources.iter().any(|source| source.starts_with("in service: ")));
}

#[test]
fn each_phase_takes_away_the_difference_and_nothing_else() {
    let plan = Plan::cec_pac().expect("the shipped plan");
    let removed: Vec<_> = (0..plan.phases.len()).map(|place| plan.removes(place)).collect();
    let expected =
        ["activate", "send modify", "receive", "access", "request-logs request-voucher"].map(set);
    assert_eq!(removed, expected);
    assert_eq!(
        plan.allowed_before(99),
        Capabilities::NONE,
        "beyond the last phase, what it allows"
    );
}

#[test]
fn a_plan_survives_the_json_of_an_event() {
    let plan = Plan::cec_pac().expect("the shipped plan");
    let json = serde_json::to_string(&plan).expect("a plan can be written");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("and read"), plan);
}

#[test]
fn a_date_may_be_written_as_a_toml_date_or_as_text() {
    let bare = parse(&two_phases("Europe/Rome", "2030-01-10", "2030-02-10"));
    let quoted = parse(&two_phases("Europe/Rome", "\"2030-01-10\"", "'2030-02-10'"));
    assert_eq!(bare, quoted);
}

#[test]
fn line_ends_and_a_byte_order_mark_of_windows_change_nothing() {
    let text = two_phases("Europe/Rome", "2030-01-10", "2030-02-10");
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(parse(&windows), parse(&text));
}

#[test]
fn a_phase_says_where_its_day_does_not_begin_at_midnight() {
    for (zone, first, expected) in [
        (
            "America/Sao_Paulo",
            "2015-10-18",
            "12: phase receive-only starts at 01:00 on 2015-10-18, the first valid instant of that \
             day: midnight does not exist then in America/Sao_Paulo",
        ),
        (
            "Pacific/Apia",
            "2011-12-30",
            "12: phase receive-only starts at 00:00 on 2011-12-31, the first valid instant after \
             2011-12-30, a day that Pacific/Apia skipped",
        ),
        (
            "America/Havana",
            "2014-11-02",
            "12: phase receive-only starts at the first of the two midnights of 2014-11-02 in \
             America/Havana, 2014-11-02T04:00:00Z",
        ),
    ] {
        assert_eq!(notices(&two_phases(zone, first, "2030-01-01")), [expected], "{zone}");
    }
    assert_eq!(notices(&two_phases("Europe/Rome", "2015-03-29", "2030-01-01")), [""; 0]);
}

#[test]
fn what_returns_on_purpose_is_accepted_and_an_idle_permission_is_noticed() {
    let text = two_phases("Europe/Rome", "2030-01-10", "2030-02-10");
    let returning = text.replace("allows = []", "allows = [\"send\"]\nrestores = true");
    let plan = parse(&returning);
    assert!(plan.phases[1].restores);
    assert_eq!(plan.removes(1), set("receive access"));
    assert_eq!(
        plan.removed_by(1, Capability::Send).map(|phase| phase.id.as_str()),
        Some("receive-only")
    );

    let idle = text.replace("allows = []", "allows = []\nrestores = true");
    assert_eq!(notices(&idle), ["21: phase ended has restores = true but restores nothing"]);
}

#[test]
fn a_phase_without_sources_is_noticed() {
    let text = two_phases("Europe/Rome", "2030-01-10", "2030-02-10").replacen(
        "sources = [\"the law\"]",
        "",
        1,
    );
    assert_eq!(
        notices(&text),
        ["9: phase receive-only names no sources for its date and capabilities"]
    );
}

#[test]
fn an_amendment_may_change_the_future_and_correct_words() {
    let plan = parse(&two_phases("Europe/Rome", "2030-01-10", "2030-02-10"));
    let started = BTreeSet::from(["receive-only".parse().expect("an id")]);
    let next = parse(
        &two_phases("Europe/Rome", "2030-01-10", "2031-02-10")
            .replace("\"ended\"", "\"closed\"")
            .replace("\"Receive only\"", "\"Only receiving\""),
    );
    assert_eq!(plan.amendment_problems(&next, &started), [""; 0]);
}

#[test]
fn an_amendment_may_not_change_what_has_started() {
    let original = two_phases("Europe/Rome", "2030-01-10", "2030-02-10");
    let plan = parse(&original);
    let started: BTreeSet<PhaseId> = BTreeSet::from(["receive-only".parse().expect("an id")]);
    let before = "[[phase]]\nid = \"earlier\"\ntitle = \"Earlier\"\nfrom = 2030-01-01\n\
                  allows = [\"send\", \"receive\", \"access\"]\n\n[[phase]]\nid = \"receive-only\"";
    for (change, text, expected) in [
        (
            "moved",
            original.replace("2030-01-10", "2030-01-11"),
            "phase receive-only has started and cannot move from 2030-01-10 to 2030-01-11; keep \
             its date",
        ),
        (
            "removed",
            original.replace("\"receive-only\"", "\"other\""),
            "phase receive-only has started and cannot be removed; restore it",
        ),
        (
            "other rights",
            original.replace("allows = [\"receive\", \"access\"]", "allows = [\"access\"]"),
            "phase receive-only has started and cannot allow access instead of receive, access; \
             keep its capabilities, or add a later phase",
        ),
        (
            "restoring",
            original.replacen("sources = [", "restores = true\nsources = [", 1),
            "phase receive-only has started; keep restores = false",
        ),
        (
            "one before it",
            original.replace("[[phase]]\nid = \"receive-only\"", before),
            "phase earlier (2030-01-01) cannot precede a phase that has started; give it a later \
             date",
        ),
        (
            "another past",
            original.replace("allows = [\"send\", ", "allows = [\"modify\", \"send\", "),
            "the capabilities in service cannot change from send, receive, access to send, modify, \
             receive, access after the first phase has started; keep them",
        ),
        (
            "another zone",
            original.replace("Europe/Rome", "Europe/Paris"),
            "the zone cannot change from Europe/Rome to Europe/Paris, because every date would \
             move; keep Europe/Rome",
        ),
        (
            "another programme",
            original.replace("\"trial\"", "\"error\""),
            "the plan is for programme error, but this store runs trial; use a plan for trial",
        ),
    ] {
        assert_eq!(plan.amendment_problems(&parse(&text), &started), [expected], "{change}");
    }
}

#[test]
fn names_are_1_to_40_plain_letters() {
    let longest = "x".repeat(40);
    for (text, good) in [
        ("a", true),
        ("cec-pac", true),
        ("2015", true),
        (longest.as_str(), true),
        ("", false),
        ("CEC", false),
        ("a b", false),
        ("-a", false),
        ("a-", false),
        ("caffè", false),
        ("../etc", false),
    ] {
        assert_eq!(text.parse::<ProgrammeId>().is_ok(), good, "{text}");
        assert_eq!(serde_json::from_value::<PhaseId>(text.into()).is_ok(), good, "{text}");
    }
    assert!("x".repeat(41).parse::<PhaseId>().is_err());
}

#[test]
fn the_plan_in_the_documentation_is_a_good_plan() {
    let page = include_str!("../../../../docs/reference/plan.md");
    let (_, after) = page.split_once("```toml\n").expect("the page shows a plan");
    let (text, _) = after.split_once("```").expect("and it ends");
    assert_eq!(notices(text), [""; 0]);
    assert_eq!(parse(text).retry, RetryPolicy::default(), "the defaults are told as they are");
    assert!(
        Capability::ALL.iter().all(|capability| page.contains(&format!("| `{capability}` |"))),
        "every capability is told"
    );
}

#[test]
fn refusals_are_one_line_in_the_languages_of_the_plan_and_the_usual_ones_where_it_has_none() {
    let usual = parse(&two_phases("Europe/Rome", "2015-03-18", "2015-07-18")).refusals;
    assert_eq!(usual, Refusals::default());
    let plan = two_phases("Europe/Rome", "2015-03-18", "2015-07-18");
    let plan = parse(&format!(
        "{plan}\n[refusals.receive]\nstatus = \"5.2.0\"\nit = \"chiusa\"\nde = \"geschlossen\"\n"
    ));
    let Refusals { send, receive, access } = &plan.refusals;
    assert_eq!(receive.status.as_str(), "5.2.0");
    assert_eq!(receive.wording.line(), "chiusa / geschlossen");
    assert_eq!((send, access), (&usual.send, &usual.access));
    // In the log, a plan without refusals stands as it stood before there were any.
    let json = |plan: &Plan| serde_json::to_value(plan).unwrap();
    let silent = Plan { refusals: Refusals::default(), ..plan.clone() };
    assert!(json(&silent).get("refusals").is_none());
    for plan in [plan, silent] {
        assert_eq!(serde_json::from_value::<Plan>(json(&plan)).unwrap(), plan);
    }
}

#[test]
fn the_refusals_of_the_shipped_plan_fit_an_smtp_reply_beside_the_longest_address() {
    let Refusals { send, receive, access } = Plan::cec_pac().unwrap().refusals;
    let address = "x".repeat(254);
    let replies = [
        format!("550 5.7.1 <{address}>: SASL login name rejected: {}\r\n", send.wording.line()),
        format!(
            "550 5.2.1 <{address}>: Recipient address rejected: {}\r\n",
            receive.wording.line()
        ),
        format!("NO [CONTACTADMIN] {}\r\n", access.line()),
    ];
    for reply in replies {
        assert!(reply.len() <= 512 && reply.is_ascii(), "{reply}");
    }
}

#[test]
fn canaries_are_addresses_of_our_own_and_may_write_to_somebody_else() {
    let plain = two_phases("Europe/Rome", "2030-01-10", "2030-02-10");
    assert_eq!(parse(&plain).canaries, None);
    let section = "[canaries]\naddresses = [\"a@mail.example\", \"b@mail.example\"]\n";
    let rules = |more: &str| parse(&format!("{plain}\n{section}{more}")).canaries.expect("rules");
    assert_eq!(rules("").addresses, ["a@mail.example", "b@mail.example"]);
    assert_eq!(rules("").recipient, None);
    let to = "recipient = \"echo@elsewhere.example\"";
    assert_eq!(rules(to).recipient.as_deref(), Some("echo@elsewhere.example"));
}
