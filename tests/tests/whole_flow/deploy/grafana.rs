//! The dashboard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::files::{at, list, read, text};
use super::prometheus::{assert_known, assert_readable};

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/tramonto.json")).unwrap()
}

/// Each expression, by its panel.
fn expressions(dashboard: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for panel in list(dashboard, "/panels") {
        for target in panel.get("targets").and_then(Value::as_array).into_iter().flatten() {
            let name = format!("{} {}", text(panel, "/title"), text(target, "/refId"));
            assert!(
                found.insert(name.clone(), text(target, "/expr").to_owned()).is_none(),
                "{name}"
            );
        }
    }
    found
}

#[test]
fn panels_do_not_overlap() {
    let dashboard = dashboard();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeMap::new());
    for panel in list(&dashboard, "/panels") {
        let title = text(panel, "/title");
        assert!(
            ids.insert(at(panel, "/id").as_u64().unwrap()),
            "{title} has the number of another"
        );
        let place = |side: &str| at(panel, &format!("/gridPos/{side}")).as_u64().unwrap();
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title} is wider than the page");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            if let Some(other) = taken.insert(cell, title) {
                panic!("{title} lies over {other}");
            }
        }
    }
    assert!(ids.len() > 20, "most panels were not found");
}

#[test]
fn each_panel_queries_the_chosen_source_for_existing_metrics() {
    let dashboard = dashboard();
    let variable = at(&dashboard, "/templating/list/0");
    assert_eq!((text(variable, "/name"), text(variable, "/type")), ("datasource", "datasource"));
    for panel in list(&dashboard, "/panels").iter().filter(|panel| panel["type"] != "row") {
        let title = text(panel, "/title");
        assert_eq!(text(panel, "/datasource/uid"), "${datasource}", "{title}");
        assert!(!list(panel, "/targets").is_empty(), "{title} shows nothing");
        for target in list(panel, "/targets") {
            assert_eq!(text(target, "/datasource/uid"), "${datasource}", "{title}");
        }
    }
    let expressions = expressions(&dashboard);
    assert_known(&expressions);
    assert_readable(&expressions);
}

#[test]
fn the_metrics_for_operators_are_on_the_dashboard() {
    let shown: Vec<_> = expressions(&dashboard()).into_values().collect();
    for metric in [
        "tramonto_phase_due_timestamp_seconds",
        "tramonto_phase_started_timestamp_seconds",
        "tramonto_phase_completed_timestamp_seconds",
        "tramonto_phase_late_seconds",
        "tramonto_phase_mailboxes",
        "tramonto_overdue_mailboxes",
        "tramonto_overdue_age_seconds",
        "tramonto_orders",
        "tramonto_outcomes_total",
        "tramonto_platform_call_duration_seconds_bucket",
        "tramonto_append_duration_seconds_bucket",
        "tramonto_append_events_bucket",
        "tramonto_log_head_position",
        "tramonto_projection_lag_events",
        "tramonto_relay_lag_events",
        "tramonto_leader",
        "tramonto_incidents_open_mailboxes",
        "tramonto_drift_open_rights",
        "tramonto_drift_checked_timestamp_seconds",
        "tramonto_notice_mailboxes",
        "tramonto_notices_total",
        "tramonto_policy_answers_total",
        "tramonto_policy_answer_duration_seconds_bucket",
        "tramonto_policy_contact_timestamp_seconds",
        "tramonto_canary_contradictions",
    ] {
        assert!(
            shown.iter().any(|expression| expression.contains(metric)),
            "{metric} is not shown"
        );
    }
}
