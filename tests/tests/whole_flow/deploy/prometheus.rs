//! Scraping, alerts, and the names that both use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use super::files::{at, list, program, read, root, text, texts, told, yaml};
use super::{every_service, watched_by};

const FOLDER: &str = "deploy/prometheus";

fn promtool(arguments: &[&str]) -> (bool, String) {
    let folder = root().join(FOLDER);
    told(&Command::new(program("promtool")).args(arguments).current_dir(folder).output().unwrap())
}

/// Each alert with its expression, and its annotations.
fn alerts() -> BTreeMap<String, serde_json::Value> {
    let rules = yaml(&[format!("{FOLDER}/alerts.yml")]).remove(0).remove(0);
    let groups = list(&rules, "/groups").iter().flat_map(|group| list(group, "/rules"));
    groups.map(|rule| (text(rule, "/alert").to_owned(), rule.clone())).collect()
}

/// The metrics in the sources of the crates, and their labels.
fn measured() -> (BTreeSet<String>, BTreeSet<String>) {
    fn gather(folder: &Path, metrics: &mut BTreeSet<String>, labels: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, metrics, labels);
            } else if path.extension().is_some_and(|is| is == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for line in text.lines() {
                    let parts: Vec<_> = line.split('"').collect();
                    for (part, after) in parts.iter().zip(parts.iter().skip(1)).skip(1) {
                        let given = after.trim_start().starts_with("=>");
                        if part.starts_with("tramonto_") {
                            metrics.insert((*part).to_owned());
                        } else if given || line.contains("let labels = [") {
                            labels.insert((*part).to_owned());
                        }
                    }
                }
            }
        }
    }
    let (mut metrics, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        gather(&entry.unwrap().path().join("src"), &mut metrics, &mut labels);
    }
    (metrics, labels)
}

/// The metrics and labels of an expression: its words other than functions, numbers and texts.
fn words(expression: &str) -> BTreeSet<String> {
    const KEYWORDS: [&str; 11] =
        ["by", "on", "ignoring", "without", "and", "or", "unless", "bool", "m", "s", "h"];
    let outside: String = expression.split('"').step_by(2).collect::<Vec<_>>().join(" \" ");
    let outside = outside.replace("$__rate_interval", "5m");
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = BTreeSet::new();
    let mut rest = outside.as_str();
    while let Some(start) = rest.find(is_part) {
        rest = &rest[start..];
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let called = after.trim_start().starts_with('(') || after.starts_with(" by (");
        let number = word.starts_with(|first: char| first.is_ascii_digit());
        if !called && !number && !KEYWORDS.contains(&word) {
            found.insert(word.to_owned());
        }
        rest = after;
    }
    found
}

/// Every metric and label of these expressions exists in the engine or in Prometheus.
pub(crate) fn assert_known(expressions: &BTreeMap<String, String>) {
    let (metrics, labels) = measured();
    let theirs = ["up", "le", "job", "instance", "component"];
    let known = |word: &str| {
        let parts = ["", "_bucket", "_sum", "_count"].iter();
        let mut names = parts.filter_map(|part| word.strip_suffix(part));
        theirs.contains(&word) || labels.contains(word) || names.any(|name| metrics.contains(name))
    };
    for (name, expression) in expressions {
        let words = words(expression);
        assert!(!words.is_empty(), "{name} asks for nothing: {expression}");
        for word in words {
            assert!(known(&word), "{name}: the engine has no {word}");
        }
    }
}

/// Expressions parsed by Prometheus itself.
pub(crate) fn assert_readable(expressions: &BTreeMap<String, String>) {
    let rules = expressions.values().enumerate().map(|(at, expression)| {
        let expression = expression.replace("$__rate_interval", "5m");
        serde_json::json!({ "record": format!("panel:{at}"), "expr": expression })
    });
    let rules: Vec<_> = rules.collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yml");
    // JSON is YAML.
    let file_text =
        serde_json::json!({ "groups": [{ "name": "all", "rules": rules }] }).to_string();
    std::fs::write(&file, file_text).unwrap();
    let (ok, said) = promtool(&["check", "rules", file.to_str().unwrap()]);
    assert!(ok, "{said}");
}

#[test]
fn prometheus_takes_the_rules_and_the_configurations() {
    for arguments in [
        ["check", "rules", "alerts.yml"],
        ["check", "config", "prometheus.yml"],
        ["check", "config", "prometheus.kubernetes.yml"],
    ] {
        let (ok, said) = promtool(&arguments);
        assert!(ok && said.contains("SUCCESS"), "{arguments:?}: {said}");
    }
}

#[test]
fn each_alert_fires_when_it_should_and_not_before() {
    let (ok, said) = promtool(&["test", "rules", "alerts.test.yml"]);
    assert!(ok, "{said}");
    let tested = read(&format!("{FOLDER}/alerts.test.yml"));
    for name in alerts().keys() {
        let named = [format!("\"{name}\""), format!("alertname: {name}")];
        assert!(named.iter().any(|form| tested.contains(form)), "no test hears {name}");
    }
}

#[test]
fn each_alert_has_a_severity_and_a_next_step() {
    for (name, alert) in alerts() {
        assert!(["warning", "critical"].contains(&text(&alert, "/labels/severity")), "{name}");
        assert!(text(&alert, "/annotations/summary").ends_with('.'), "{name}");
        let runbook = text(&alert, "/annotations/runbook");
        assert!(runbook.ends_with('.') && runbook.len() > 40, "{name}: {runbook}");
    }
}

#[test]
fn each_alert_uses_existing_metrics() {
    let expression =
        |(name, alert): (String, serde_json::Value)| (name, text(&alert, "/expr").to_owned());
    assert_known(&alerts().into_iter().map(expression).collect());
    let wrong = |expression: &str| {
        let expressions = BTreeMap::from([("it".to_owned(), expression.to_owned())]);
        std::panic::catch_unwind(|| assert_known(&expressions)).is_err()
    };
    assert!(!wrong("max by (phase) (tramonto_overdue_mailboxes{phase=\"x\"}) > 0"));
    assert!(wrong("max by (phase) (tramonto_overdue_mailbox) > 0"));
    assert!(wrong("max by (phases) (tramonto_overdue_mailboxes) > 0"));
}

#[test]
fn the_targets_are_where_the_services_answer() {
    let config = yaml(&[format!("{FOLDER}/prometheus.yml")]).remove(0).remove(0);
    let targets = list(&config, "/scrape_configs/0/static_configs").iter().map(|target| {
        (text(target, "/labels/component").to_owned(), text(target, "/targets/0").to_owned())
    });
    let targets: BTreeMap<_, _> = targets.collect();
    let compose = yaml(&["deploy/compose.yaml".to_owned()]).remove(0).remove(0);
    for service in every_service() {
        let target = &targets[service];
        let port = texts(at(&compose, &format!("/services/{service}/ports"))).remove(0);
        assert_eq!(port, format!("{target}:9464"), "in compose");
        let unit = read(&format!("deploy/systemd/{service}.env"));
        assert!(
            unit.contains(&format!("{}={target}\n", watched_by(service))),
            "{service} in systemd"
        );
    }
    let config = yaml(&[format!("{FOLDER}/prometheus.kubernetes.yml")]).remove(0).remove(0);
    let names = texts(at(&config, "/scrape_configs/0/dns_sd_configs/0/names"));
    let all = every_service().into_iter().map(|service| format!("{service}.tramonto.svc"));
    assert_eq!(names, all.collect::<Vec<_>>());
}
