//! The text of the shipped notices.

use domain::{MAILBOX, Plan};

#[test]
fn the_shipped_notices_say_what_ends_when_and_what_stays_in_both_languages() {
    let plan = Plan::cec_pac().unwrap();
    let notice = plan.notice(&"sending-ends".parse().unwrap()).unwrap();
    let wording = notice.wording(&plan).unwrap();
    assert_eq!(
        wording.subject,
        "CEC-PAC: l'invio di messaggi termina il 17 marzo 2015 / CEC-PAC: sending ends on 17 March \
         2015"
    );
    for said in [
        "Dal 18 marzo 2015 non sarà più possibile inviare messaggi e modificare il contenuto della \
         casella.",
        "- ricevere messaggi fino al 17 luglio 2015;",
        "salvare i messaggi ricevuti fino al 17 settembre 2015;",
        "From 18 March 2015 the following will no longer be possible: sending messages and \
         changing the content of the mailbox.",
        "- receive messages through 17 July 2015;",
        "by writing to richiestapec@agid.gov.it.",
    ] {
        assert!(wording.text.contains(said), "{said}\nis not in\n{}", wording.text);
    }
    assert!(wording.text.contains(MAILBOX), "the address is filled in by whoever writes to it");
}

#[test]
fn nothing_but_the_mailbox_is_left_open_in_any_shipped_notice() {
    let plan = Plan::cec_pac().unwrap();
    assert_eq!(plan.notices.len(), 4);
    for rule in &plan.notices {
        let wording = rule.wording(&plan).unwrap();
        let all = format!("{}\n{}", wording.subject, wording.text).replace(MAILBOX, "");
        assert!(!all.contains(['{', '}']), "{}: {all}", rule.id);
        assert_eq!(wording.languages.len(), 2);
        assert!(plan.phase(&rule.phase).is_some());
    }
}

#[test]
fn a_plan_without_notices_is_written_as_it_always_was() {
    let mut plan = Plan::cec_pac().unwrap();
    let with = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&with).unwrap(), plan);
    plan.notices.clear();
    let without = serde_json::to_string(&plan).unwrap();
    assert!(!without.contains("notices"));
    assert_eq!(serde_json::from_str::<Plan>(&without).unwrap(), plan);
}
