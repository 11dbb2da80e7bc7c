//! Every service as a systemd unit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use super::command_line::{assert_no_secret, assert_taken, stop_within};
use super::files::{listed, program, read, told};
use super::{BESIDE, SERVICES, watched_by};

/// Ten times the exposure that `systemd-analyze security` may report. A networked service cannot
/// get much below 10.
const EXPOSED: &str = "--threshold=15";

/// The units that are not template instances.
const UNITS: [&str; 3] =
    ["tramonto-migrate.service", "tramonto-intake.service", "tramonto-portal.service"];

/// The units as started, with a program that every machine has in place of ours.
fn units(folder: &Path) -> Vec<String> {
    let put = |name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::write(&file, text.replace("/usr/bin/tramonto", "/bin/true")).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let template = read("deploy/systemd/tramonto@.service");
    let services = SERVICES.map(|service| put(&format!("tramonto@{service}.service"), &template));
    let mut units: Vec<_> = services.into_iter().collect();
    for name in UNITS.into_iter().chain(["tramonto.target"]) {
        units.push(put(name, &read(&format!("deploy/systemd/{name}"))));
    }
    units
}

fn verify(units: &[String]) -> (bool, String) {
    let mut analyze = Command::new(program("systemd"));
    let analyze = analyze.args(["verify", "--man=no", "--recursive-errors=yes"]).args(units);
    told(&analyze.output().unwrap())
}

/// The values of a key of a unit, in order.
fn values(unit: &str, key: &str) -> Vec<String> {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).collect()
}

fn variables(path: &str) -> BTreeMap<String, String> {
    let text = read(path);
    // Commented-out options must be valid as well.
    let lines = text.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
    let set = lines.filter_map(|line| line.split_once('=')).filter(|(name, _)| !name.contains(' '));
    set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn systemd_accepts_every_unit_without_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let mut units = units(folder.path());
    assert_eq!(verify(&units), (true, String::new()));
    let spoilt =
        read("deploy/systemd/tramonto@.service").replace("ProtectHome=yes", "ProtectHouse=yes");
    let path = folder.path().join("tramonto@spoilt.service");
    std::fs::write(&path, spoilt.replace("/usr/bin/tramonto", "/bin/true")).unwrap();
    units.push(path.to_str().unwrap().to_owned());
    assert!(verify(&units).1.contains("ProtectHouse"), "a wrong word goes unseen");
}

#[test]
fn the_units_are_hardened() {
    let folder = tempfile::tempdir().unwrap();
    let units = units(folder.path());
    let exposed = |unit: &String, threshold: &str| {
        let mut analyze = Command::new(program("systemd"));
        analyze.args(["security", "--offline=true", "--no-pager", threshold]).arg(unit);
        told(&analyze.output().unwrap())
    };
    for unit in units.iter().filter(|unit| unit.ends_with(".service")) {
        let (ok, said) = exposed(unit, EXPOSED);
        assert!(ok, "{unit}: {}", said.lines().last().unwrap_or_default());
    }
    assert!(!exposed(&units[0], "--threshold=5").0, "the threshold is not looked at");
    for name in UNITS.into_iter().chain(["tramonto@.service"]) {
        let unit = read(&format!("deploy/systemd/{name}"));
        for (key, value) in
            [("DynamicUser", "yes"), ("ProtectSystem", "strict"), ("NoNewPrivileges", "yes")]
        {
            assert_eq!(values(&unit, key), [value], "{name}");
        }
    }
}

#[test]
fn each_unit_starts_what_the_engine_has_and_gives_it_time_to_stop() {
    let common = variables("deploy/systemd/tramonto.env");
    assert_no_secret(common.keys());
    let mut addresses = BTreeSet::new();
    let started = |unit: &str, instance: &str, own: &str| {
        let line = values(unit, "ExecStart").remove(0).replace("%i", instance);
        let arguments = line.strip_prefix("/usr/bin/tramonto ").unwrap().split(' ');
        let mut given = common.clone();
        for variable in values(unit, "Environment") {
            let (name, value) = variable.split_once('=').unwrap();
            let secret = value.strip_prefix("%d/").unwrap();
            let loaded = values(unit, "LoadCredential");
            assert!(
                loaded.iter().any(|loaded| loaded.starts_with(&format!("{secret}:"))),
                "{secret}"
            );
            given.insert(name.to_owned(), value.replace("%d", "/run/credentials/unit"));
        }
        if !own.is_empty() {
            given.extend(variables(own));
        }
        (arguments.map(str::to_owned).collect::<Vec<_>>(), given)
    };
    let unit = read("deploy/systemd/tramonto@.service");
    let with_keys = read("deploy/systemd/tramonto@api.service.d/keyring.conf");
    for service in SERVICES {
        let unit = if service == "api" { format!("{unit}\n{with_keys}") } else { unit.clone() };
        let (arguments, given) = started(&unit, service, &format!("deploy/systemd/{service}.env"));
        assert_taken(&arguments, &given);
        assert_eq!(given.contains_key("TRAMONTO_KEYRING_FILE"), service == "api");
        assert!(addresses.insert(given["TRAMONTO_LISTEN"].clone()), "two services have one port");
    }
    for service in BESIDE {
        let unit = read(&format!("deploy/systemd/tramonto-{service}.service"));
        let own = format!("deploy/systemd/{service}.env");
        assert!(
            values(&unit, "EnvironmentFile").contains(&format!("-/etc/tramonto/{service}.env"))
        );
        let (arguments, mut given) = started(&unit, "", &own);
        given.retain(|name, _| !name.starts_with("TRAMONTO_BUS"));
        assert_eq!(arguments[..2], super::command(service));
        assert_no_secret(given.keys());
        assert!(given.contains_key("TRAMONTO_KEYRING_FILE"), "{service} has no keys");
        assert_taken(&arguments, &given);
        assert!(addresses.insert(given[&watched_by(service)].clone()), "two have one port");
        assert_eq!(values(&unit, "Restart"), ["always"]);
    }
    let (arguments, mut given) = started(&read("deploy/systemd/tramonto-migrate.service"), "", "");
    given.retain(|name, _| !name.starts_with("TRAMONTO_BUS"));
    assert_taken(&arguments, &given);
    let stop = values(&unit, "TimeoutStopSec").remove(0);
    let stop: u64 = stop.strip_suffix('s').unwrap().parse().unwrap();
    assert!(stop > stop_within().as_secs(), "a service is killed before it has stopped");
    assert_eq!(
        (values(&unit, "Restart"), values(&unit, "KillSignal")),
        (vec!["always".into()], vec!["SIGTERM".into()])
    );
    let files = SERVICES.len() + BESIDE.len() + 1;
    assert_eq!(listed("deploy/systemd", ".env").len(), files);
}
