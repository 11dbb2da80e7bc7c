//! Every service on one machine, in containers.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Map, Value};

use super::command_line::{assert_no_secret, assert_taken, stop_within};
use super::files::{
    assert_pinned, at, list, offered_yaml, program, read, root, text, texts, told, yaml,
};
use super::{PORT, command, every_service, watched_by};

fn compose() -> Value {
    yaml(&["deploy/compose.yaml".to_owned()]).remove(0).remove(0)
}

/// The same, with all commented-out options enabled.
fn all_offered() -> Value {
    offered_yaml("deploy/compose.yaml").remove(0)
}

fn services(compose: &Value) -> &Map<String, Value> {
    at(compose, "/services").as_object().unwrap()
}

fn variables(service: &Value) -> BTreeMap<String, String> {
    let given = service.get("environment").and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().unwrap_or_else(|| panic!("{name} is no text")).to_owned())
    };
    given.into_iter().flatten().map(text).collect()
}

fn seconds(text: &str) -> u64 {
    text.strip_suffix('s').and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn every_container_is_locked_up_bounded_and_of_a_known_version() {
    let compose = compose();
    for (name, service) in services(&compose) {
        assert_pinned(text(service, "/image"));
        assert_eq!(at(service, "/read_only"), true, "{name}");
        assert_eq!(texts(at(service, "/cap_drop")), ["ALL"], "{name}");
        assert_eq!(texts(at(service, "/security_opt")), ["no-new-privileges:true"], "{name}");
        for refused in ["privileged", "cap_add", "network_mode", "pid", "devices"] {
            assert!(service.get(refused).is_none(), "{name} has {refused}");
        }
        for limit in ["memory", "pids"] {
            at(service, &format!("/deploy/resources/limits/{limit}"));
        }
        assert_no_secret(variables(service).keys());
        for port in service.get("ports").map(texts).unwrap_or_default() {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open to everyone: {port}");
        }
    }
}

#[test]
fn every_service_of_the_engine_is_there_and_takes_what_it_is_told() {
    let compose = compose();
    let all = services(&compose);
    let mut ports = BTreeSet::new();
    for name in every_service() {
        let service = &all[name];
        let words = texts(at(service, "/command"));
        assert!(words.starts_with(&command(name)), "{name}: {words:?}");
        assert_taken(&words, &variables(service));
        assert_eq!(text(service, "/restart"), "unless-stopped", "{name}");
        let grace = seconds(text(service, "/stop_grace_period"));
        assert!(grace > stop_within().as_secs(), "{name} is killed before it has stopped");
        let listen = &variables(service)[&watched_by(name)];
        assert_eq!(*listen, format!("0.0.0.0:{PORT}"), "{name}");
        let port = texts(at(service, "/ports")).remove(0);
        assert!(port.ends_with(&format!(":{PORT}")), "{name}");
        assert!(ports.insert(port), "two services have one port");
    }
    for name in ["migrate", "operator"] {
        assert_taken(&texts(at(&all[name], "/command")), &variables(&all[name]));
    }
    for name in ["api", "intake", "portal"] {
        let keys = &variables(&all[name])["TRAMONTO_KEYRING_FILE"];
        assert_eq!(keys, "/run/secrets/keyring", "{name} could write the keys");
    }
    let bus = text(&compose, "/configs/nats/content");
    assert!(bus.contains("4222") && variables(&all["worker"])["TRAMONTO_BUS"].ends_with(":4222"));
}

#[test]
fn what_is_offered_behind_comments_is_taken_and_holds_no_secret() {
    let (compose, offered) = (compose(), all_offered());
    let told = |compose| variables(&services(compose)["worker"]);
    let (plain, more) = (told(&compose), told(&offered));
    assert!(plain.iter().all(|(name, value)| more.get(name) == Some(value)), "one is lost");
    for name in [
        "TRAMONTO_SMTP_URL",
        "TRAMONTO_NOTICES_FROM",
        "TRAMONTO_ON_ACCESS_CLOSED",
        "TRAMONTO_CANARY_IMAP",
    ] {
        assert!(more.contains_key(name) && !plain.contains_key(name), "{name}");
    }
    assert_no_secret(more.keys());
    assert_taken(&texts(at(&services(&offered)["worker"], "/command")), &more);
    let intake = &services(&offered)["intake"];
    let more = variables(intake);
    for name in ["TRAMONTO_PORTAL_URL", "TRAMONTO_SMTP_URL", "TRAMONTO_LMTP_LISTEN"] {
        assert!(more.contains_key(name), "{name}");
    }
    assert_no_secret(more.keys());
    assert_taken(&texts(at(intake, "/command")), &more);
}

#[test]
fn what_a_container_names_is_there() {
    for compose in [compose(), all_offered()] {
        named_is_there(&compose);
    }
}

fn named_is_there(compose: &Value) {
    let all = services(compose);
    let is_job = |service: &Value| service.get("healthcheck").is_none();
    for (name, service) in all {
        let waits = service.get("depends_on").and_then(Value::as_object);
        for (other, how) in waits.into_iter().flatten() {
            let job = is_job(all.get(other).unwrap_or_else(|| panic!("{name} waits for {other}")));
            let wanted = if job { "service_completed_successfully" } else { "service_healthy" };
            assert_eq!(text(how, "/condition"), wanted, "{name} waits for {other}");
        }
        let restart = service.get("restart").and_then(Value::as_str);
        let expected = if is_job(service) { "on-failure" } else { "unless-stopped" };
        assert!(name == "operator" || restart == Some(expected), "{name}: {restart:?}");
        for volume in service.get("volumes").map(texts).unwrap_or_default() {
            let source = volume.split(':').next().unwrap();
            let known = match source.strip_prefix("./") {
                Some(file) => root().join("deploy").join(file).is_file(),
                None => compose["volumes"].get(source).is_some(),
            };
            assert!(known, "{name} mounts {source}, which is not there");
        }
        for kind in ["secrets", "networks"] {
            for named in service.get(kind).map(texts).unwrap_or_default() {
                assert!(compose[kind].get(&named).is_some(), "{name}: {kind}: {named}");
            }
        }
        for (variable, value) in variables(service) {
            if let Some(secret) = value.strip_prefix("/run/secrets/") {
                let given = texts(at(service, "/secrets"));
                assert!(given.iter().any(|given| given == secret), "{name}: {variable}={value}");
            }
        }
    }
    for (name, secret) in at(compose, "/secrets").as_object().unwrap() {
        let file = text(secret, "/file");
        let outside =
            file.starts_with("${TRAMONTO_SECRETS:?") && file.ends_with(&format!("}}/{name}"));
        assert!(outside, "{name} would be kept in the repository: {file}");
    }
}

/// The command of a container's health check, as the container gets it.
fn check(service: &Value) -> Vec<String> {
    let words = list(service, "/healthcheck/test").iter();
    let mut words: Vec<_> = words.map(|word| word.as_str().unwrap().replace("$$", "$")).collect();
    assert_eq!(words.remove(0), "CMD", "a check that needs no shell of its own");
    words
}

#[test]
fn each_service_is_asked_for_its_health_by_its_own_binary() {
    let compose = compose();
    for name in every_service() {
        let service = &services(&compose)[name];
        let words = check(service);
        assert_eq!(words[0], "tramonto", "{name}");
        let variables = variables(service);
        let listen = variables.get("TRAMONTO_LISTEN").cloned();
        // Services with another variable for their probe endpoints are named explicitly.
        let named = words.contains(&variables[&watched_by(name)]);
        assert_ne!(listen.is_some(), named, "{name}");
        let listen = listen.map(|listen| ("TRAMONTO_LISTEN".to_owned(), listen));
        assert_taken(&words[1..], &listen.into_iter().collect());
    }
}

#[test]
fn the_bus_takes_its_configuration_and_finds_its_users() {
    let compose = compose();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("etc/nats/nats.conf");
    let users = folder.path().join("run/secrets/bus-users");
    for file in [&config, &users] {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    }
    std::fs::write(&config, text(&compose, "/configs/nats/content")).unwrap();
    let server = program("nats");
    let try_it = || told(&Command::new(&server).arg("-t").arg("-c").arg(&config).output().unwrap());
    assert!(!try_it().0, "without the secret there are no users, and the bus must not start open");
    std::fs::write(&users, "user: tramonto, password: \"secret\"\n").unwrap();
    let (ok, said) = try_it();
    assert!(ok, "{said}");
    for setting in ["max_payload: 8MB", "max_pending: 64MB"] {
        let both = [text(&compose, "/configs/nats/content"), &read("deploy/nats/common.conf")];
        assert!(both.iter().all(|config| config.contains(setting)), "{setting} is not in both");
    }
    let nats = &services(&compose)["nats"];
    assert_eq!(text(nats, "/configs/0/target"), "/etc/nats/nats.conf");
    assert_eq!(texts(at(nats, "/secrets")), ["bus-users"]);
    assert!(check(nats).last().unwrap().contains("127.0.0.1:8222/healthz"));
}
