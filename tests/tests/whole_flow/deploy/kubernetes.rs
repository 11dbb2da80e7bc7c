//! Every service in Kubernetes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use tramonto::cli::Cli;

use super::command_line::{assert_no_secret, assert_taken, stop_within};
use super::files::{assert_pinned, at, list, listed, offered_yaml, python, text, texts, yaml};
use super::{PORT, command, every_service};

const FOLDER: &str = "deploy/kubernetes";

/// Pods with other clients than Prometheus, and their Services.
const ASKED: [(&str, &str); 3] =
    [("policy", "policy-mail"), ("intake", "intake-mail"), ("portal", "portal-web")];

/// Every object, as the kustomization lists their files.
fn objects() -> Vec<Value> {
    let files =
        listed(FOLDER, ".yaml").into_iter().filter(|path| !path.ends_with("/kustomization.yaml"));
    yaml(&files.collect::<Vec<_>>()).into_iter().flatten().collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let fitting = objects.iter().filter(|object| object["kind"] == kind);
    fitting.map(|object| (text(object, "/metadata/name"), object)).collect()
}

/// The pods that are created: of each service, and of the job.
fn pods(objects: &[Value]) -> Vec<(&str, &Value)> {
    let templates = ["Deployment", "Job"].into_iter().flat_map(|kind| of_kind(objects, kind));
    templates.map(|(name, object)| (name, at(object, "/spec/template"))).collect()
}

fn problems(objects: &[Value]) -> Vec<String> {
    let told = python("check_kubernetes.py", &[], &Value::from(objects).to_string());
    told.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn every_object_is_as_kubernetes_own_models_describe_it() {
    let mut objects = objects();
    assert_eq!(problems(&objects), Vec::<String>::new());
    let deployment = objects.iter_mut().find(|object| object["kind"] == "Deployment").unwrap();
    let spec = deployment["spec"].as_object_mut().unwrap();
    spec.insert("replica".to_owned(), json!(2));
    spec.insert("replicas".to_owned(), json!("two"));
    spec.remove("selector");
    assert_eq!(problems(&objects).len(), 3, "a wrong field goes unseen");
}

#[test]
fn the_kustomization_lists_every_file_and_all_is_in_one_namespace() {
    let files = listed(FOLDER, ".yaml");
    let kustomization = yaml(&[format!("{FOLDER}/kustomization.yaml")]).remove(0).remove(0);
    let named = texts(at(&kustomization, "/resources"));
    let named: BTreeSet<_> = named.iter().map(|name| format!("{FOLDER}/{name}")).collect();
    let there = files.into_iter().filter(|path| !path.ends_with("/kustomization.yaml"));
    assert_eq!(named, there.collect());
    for object in objects() {
        if object["kind"] != "Namespace" {
            assert_eq!(text(&object, "/metadata/namespace"), "tramonto", "{object}");
        }
        assert_ne!(object["kind"], "Secret", "a secret is named here and kept elsewhere");
    }
}

#[test]
fn every_pod_is_locked_up_and_bounded() {
    let objects = objects();
    let pods = pods(&objects);
    assert_eq!(pods.len(), every_service().len() + 1);
    let accounts = of_kind(&objects, "ServiceAccount");
    for (name, pod) in pods {
        let spec = at(pod, "/spec");
        for (path, wanted) in [
            ("/securityContext/runAsNonRoot", json!(true)),
            ("/securityContext/seccompProfile/type", json!("RuntimeDefault")),
            ("/automountServiceAccountToken", json!(false)),
            ("/enableServiceLinks", json!(false)),
        ] {
            assert_eq!(*at(spec, path), wanted, "{name}: {path}");
        }
        assert!(at(spec, "/securityContext/runAsUser").as_u64().unwrap() >= 1_000, "{name}");
        assert!(accounts.contains_key(text(spec, "/serviceAccountName")), "{name}");
        for container in list(spec, "/containers") {
            assert_pinned(text(container, "/image"));
            for (path, wanted) in [
                ("/securityContext/readOnlyRootFilesystem", json!(true)),
                ("/securityContext/allowPrivilegeEscalation", json!(false)),
                ("/securityContext/capabilities", json!({ "drop": ["ALL"] })),
            ] {
                assert_eq!(*at(container, path), wanted, "{name}: {path}");
            }
            for path in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                text(container, &format!("/resources{path}"));
            }
        }
    }
}

#[test]
fn every_container_takes_what_it_is_told_from_mounts_that_exist() {
    let objects = objects();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tramonto.toml");
    let settings = text(of_kind(&objects, "ConfigMap")["tramonto-config"], "/data/tramonto.toml");
    std::fs::write(&config, settings).unwrap();
    let refused =
        Cli::read(["tramonto", "store", "migrate", &format!("--config={}", config.display())]);
    assert!(refused.is_ok(), "the configuration is refused: {}", refused.unwrap_err());
    for (name, pod) in pods(&objects) {
        let container = at(pod, "/spec/containers/0");
        let volumes = list(pod, "/spec/volumes");
        let mounts = list(container, "/volumeMounts");
        let mut folders = Vec::new();
        for mount in mounts {
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
            if let Some(map) = volume.pointer("/configMap/name") {
                assert!(of_kind(&objects, "ConfigMap").contains_key(map.as_str().unwrap()));
            }
            assert_eq!(mount["readOnly"], true, "{name}");
            folders.push(text(mount, "/mountPath").to_owned());
        }
        let table: toml::Table = settings.parse().unwrap();
        for (key, value) in table.iter().filter(|(key, _)| key.ends_with("_file")) {
            let file = value.as_str().unwrap();
            assert!(
                folders.iter().any(|folder| file.starts_with(&format!("{folder}/"))),
                "{key}: {file}"
            );
        }
        let arguments = texts(at(container, "/args"));
        let expected = match name {
            "migrate" => ["store", "migrate"].map(str::to_owned).to_vec(),
            service => command(service),
        };
        assert!(arguments.starts_with(&expected), "{name}: {arguments:?}");
        assert!(arguments.contains(&"/etc/tramonto/tramonto.toml".to_owned()), "{name}");
        let ours = config.to_str().unwrap();
        let arguments: Vec<_> = arguments
            .iter()
            .map(|word| word.replace("/etc/tramonto/tramonto.toml", ours))
            .collect();
        let given = container.get("env").and_then(Value::as_array).into_iter().flatten();
        let given =
            given.map(|one| (text(one, "/name").to_owned(), text(one, "/value").to_owned()));
        let given: BTreeMap<_, _> = given.collect();
        assert_no_secret(given.keys());
        assert_taken(&arguments, &given);
        let keys = given.get("TRAMONTO_KEYRING_FILE");
        assert_eq!(keys.is_some(), ["api", "intake", "portal"].contains(&name), "{name}");
        let mounted = |file: &String| folders.iter().any(|folder| file.starts_with(folder));
        assert!(keys.is_none_or(mounted), "{name}: {keys:?} is not mounted");
    }
}

#[test]
fn a_service_is_probed_spread_and_replaced_without_a_gap() {
    let objects = objects();
    let settings = text(of_kind(&objects, "ConfigMap")["tramonto-config"], "/data/tramonto.toml");
    let settings: toml::Table = settings.parse().unwrap();
    let stop_within = settings
        .get("stop_within")
        .and_then(toml::Value::as_integer)
        .map_or(stop_within().as_secs(), |set| set.try_into().unwrap());
    let deployments = of_kind(&objects, "Deployment");
    let all: BTreeSet<_> = every_service().into_iter().collect();
    assert_eq!(deployments.keys().copied().collect::<BTreeSet<_>>(), all);
    for (name, deployment) in deployments {
        assert!(at(deployment, "/spec/replicas").as_u64().unwrap() >= 2, "{name} has no standby");
        assert_eq!(*at(deployment, "/spec/strategy/rollingUpdate/maxUnavailable"), 0, "{name}");
        let spec = at(deployment, "/spec/template/spec");
        assert!(
            at(spec, "/terminationGracePeriodSeconds").as_u64().unwrap() > stop_within,
            "{name}"
        );
        let container = at(spec, "/containers/0");
        assert_eq!(*at(container, "/ports/0"), json!({ "name": "metrics", "containerPort": PORT }));
        for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
            let asks = at(container, &format!("/{probe}/httpGet"));
            assert_eq!(*asks, json!({ "path": path, "port": "metrics" }), "{name}");
        }
        let topologies = list(spec, "/topologySpreadConstraints").iter();
        let topologies: Vec<_> = topologies.map(|spread| text(spread, "/topologyKey")).collect();
        assert!(topologies.contains(&"kubernetes.io/hostname"), "{name}");
    }
}

#[test]
fn what_is_offered_behind_comments_is_taken_and_let_through() {
    let config = offered_yaml(&format!("{FOLDER}/config.yaml"));
    let settings = text(&config[0], "/data/tramonto.toml");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tramonto.toml");
    std::fs::write(&file, settings).unwrap();
    let file = format!("--config={}", file.display());
    for service in every_service() {
        let read = Cli::read(["tramonto", "service", service, &file]);
        assert!(read.is_ok(), "{service}: {}", read.unwrap_err());
    }
    let settings: toml::Table = settings.parse().unwrap();
    for name in ["smtp_url", "notices_from", "portal_url", "on_access_closed", "canary_imap"] {
        assert!(settings[name].is_str(), "{name}");
    }
    let password = settings["smtp_password_file"].as_str().unwrap();
    assert!(password.starts_with("/run/secrets/tramonto/"), "{password} is not mounted");
    let network = offered_yaml(&format!("{FOLDER}/network.yaml"));
    assert_eq!(problems(&network), Vec::<String>::new());
    let let_through = of_kind(&network, "NetworkPolicy")["tramonto"];
    let ports = list(let_through, "/spec/egress/1/ports").iter().map(|port| &port["port"]);
    assert!(ports.into_iter().any(|port| *port == 587), "the relay is out of reach");
}

#[test]
fn every_selector_finds_the_pods_of_its_service_and_no_others() {
    let objects = objects();
    let pods = pods(&objects);
    let found = |selector: &Value| -> Vec<&str> {
        let wanted = selector.as_object().unwrap();
        let labels = |pod: &Value| at(pod, "/metadata/labels").clone();
        let fits =
            |pod: &Value| wanted.iter().all(|(name, value)| labels(pod).get(name) == Some(value));
        pods.iter().filter(|(_, pod)| fits(pod)).map(|(name, _)| *name).collect()
    };
    for (kind, path) in [
        ("Deployment", "/spec/selector/matchLabels"),
        ("PodDisruptionBudget", "/spec/selector/matchLabels"),
        ("Service", "/spec/selector"),
    ] {
        let mut ours = of_kind(&objects, kind);
        // Pods with other clients have a Service beside the headless one for Prometheus.
        ours.retain(|name, _| !ASKED.iter().any(|(_, service)| service == name));
        assert_eq!(
            ours.keys().copied().collect::<BTreeSet<_>>(),
            every_service().into_iter().collect(),
            "{kind}"
        );
        for (name, object) in ours {
            assert_eq!(found(at(object, path)), [name], "{kind} {name}");
        }
    }
    for (name, pod) in &pods {
        for spread in pod
            .pointer("/spec/topologySpreadConstraints")
            .map_or(&[][..], |all| all.as_array().unwrap())
        {
            assert_eq!(found(at(spread, "/labelSelector/matchLabels")), [*name]);
        }
    }
    for budget in of_kind(&objects, "PodDisruptionBudget").values() {
        assert_eq!(*at(budget, "/spec/maxUnavailable"), 1, "a node could never be emptied");
    }
    for (name, service) in ASKED {
        let asks = of_kind(&objects, "Service")[service];
        assert_eq!(found(at(asks, "/spec/selector")), [name]);
        let deployments = of_kind(&objects, "Deployment");
        let asked = at(deployments[name], "/spec/template/spec/containers/0/ports/1");
        assert_eq!(at(asks, "/spec/ports/0/port"), at(asked, "/containerPort"));
        assert_eq!(at(asks, "/spec/ports/0/targetPort"), at(asked, "/name"));
        let near = of_kind(&objects, "NetworkPolicy")[service];
        assert_eq!(found(at(near, "/spec/podSelector/matchLabels")), [name]);
        let from = at(near, "/spec/ingress/0/from/0/namespaceSelector/matchLabels");
        assert!(from.is_object(), "everybody comes near {name}");
        assert_eq!(at(near, "/spec/ingress/0/ports/0/port"), at(asked, "/containerPort"));
    }
    for (name, service) in of_kind(&objects, "Service") {
        if ASKED.iter().all(|(_, asked)| *asked != name) {
            assert_eq!(text(service, "/spec/clusterIP"), "None");
            assert_eq!(*at(service, "/spec/ports/0/port"), PORT);
        }
    }
    let policy = of_kind(&objects, "NetworkPolicy")["tramonto"];
    assert_eq!(found(at(policy, "/spec/podSelector/matchLabels")).len(), pods.len());
    assert_eq!(texts(at(policy, "/spec/policyTypes")), ["Ingress", "Egress"]);
    assert_eq!(*at(policy, "/spec/ingress/0/ports/0/port"), PORT);
}
