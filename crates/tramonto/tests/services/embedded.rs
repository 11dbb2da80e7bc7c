//! All parts in one process on a folder, with the same probe endpoints as the services.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::process::send;
use crate::servers::free_port;
use crate::wait;
use crate::watching::{Collector, get};
use crate::world::{PLAN, done, tramonto};

/// The metrics of an engine on a folder, with the names that the services use.
const MEASURED: [&str; 10] = [
    "tramonto_build_info{",
    "tramonto_overdue_mailboxes{phase=\"receive-only\"} 0",
    "tramonto_phase_completed_timestamp_seconds{phase=\"receive-only\"}",
    "tramonto_incidents_open_mailboxes 0",
    "tramonto_orders{state=\"waiting\"} 0",
    "tramonto_projection_lag_events{projection=\"mailboxes\"} 0",
    "tramonto_projection_lag_events{projection=\"sets\"} 0",
    "tramonto_outcomes_total{",
    "tramonto_platform_call_duration_seconds_bucket{",
    "tramonto_append_duration_seconds_bucket{",
];

#[tokio::test]
async fn an_engine_on_a_folder_answers_measures_and_sends_spans() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (store, plan, registry) = (path("store"), path("plan.toml"), path("registry.csv"));
    fs::write(&plan, &*PLAN).unwrap();
    done(&store, &["plan", "adopt", &plan, "--reason", "test"]);
    done(&store, &["registry", "generate", "--registrations", "500", "--out", &registry]);
    done(&store, &["registry", "import", &registry]);
    let (collector, port) = (Collector::start().await, free_port());
    let mut running = tramonto(&store)
        .args(["run", "--listen", &format!("127.0.0.1:{port}")])
        .args(["--otlp-endpoint", &collector.endpoint])
        .stdout(Stdio::null())
        .stderr(fs::File::create(path("told")).unwrap())
        .spawn()
        .unwrap();
    let (mut metrics, mut missing) = (String::new(), Vec::new());
    let has_all = async || {
        metrics = get(port, "/metrics").map(|(_, metrics)| metrics).unwrap_or_default();
        missing = MEASURED.into_iter().filter(|line| !metrics.contains(line)).collect();
        missing.is_empty()
    };
    let came = wait::until_async(Duration::from_mins(1), has_all).await;
    assert!(came, "{missing:?} not in\n{metrics}");
    assert!(!metrics.contains('@'), "an address in the metrics");
    for path in ["/healthz", "/readyz"] {
        let (code, body) = get(port, path).unwrap();
        assert_eq!(code, 200, "{path}: {body}");
        assert!(body.contains("engine") && body.contains("working"), "{body}");
    }
    send("TERM", running.id());
    // In another thread: the collector must answer meanwhile.
    let ended = tokio::task::spawn_blocking(move || running.wait().unwrap()).await.unwrap();
    assert!(ended.success(), "{}", fs::read_to_string(path("told")).unwrap());
    let events = tramonto(&store).args(["event", "list", "--json"]).output().unwrap().stdout;
    let events = String::from_utf8(events).unwrap();
    let ended = events.lines().find(|line| line.contains("sending-disabled")).unwrap();
    let ended: Value = serde_json::from_str(ended).unwrap();
    let correlation = ended["correlation_id"].as_str().unwrap();
    for span in ["dispatch", "order", "append"] {
        assert!(collector.has("tramonto", span, correlation), "{span}: {}", collector.all());
    }
}

#[test]
fn an_engine_fails_if_its_address_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let store = store.to_str().unwrap();
    let plan = folder.path().join("plan.toml");
    fs::write(&plan, &*PLAN).unwrap();
    done(store, &["plan", "adopt", plan.to_str().unwrap(), "--reason", "test"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let ran = tramonto(store).args(["run", "--until-idle", "--listen", &listen]).output().unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.code() == Some(1) && told.contains("--listen"), "{told}");
}
