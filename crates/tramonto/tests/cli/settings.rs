//! Settings: flags override the environment, which overrides the file; no secret is shown.

use serde_json::Value;

use crate::scene::{Ran, Scene};

/// Value and origin of a setting, from `tramonto config`.
fn setting(shown: &Value, name: &str) -> (String, String) {
    let settings = shown.as_array().expect("a list");
    let found = settings.iter().find(|setting| setting["name"] == name).expect("a setting");
    let text = |key: &str| found[key].as_str().expect("text").to_owned();
    (text("value"), text("from"))
}

const FILE: &str = "
store = \"postgres://tramonto@file.example/tramonto\"
bus = \"nats://file.example:4222\"
lease = 7
stop_within = 9
";

#[test]
fn flags_come_before_the_environment_before_the_file() {
    let scene = Scene::empty();
    scene.write("tramonto.toml", FILE);
    let arguments = ["config", "--config", "tramonto.toml", "--lease", "3", "--json"];
    let mut command = scene.command(&arguments);
    let ran = command.env("TRAMONTO_BUS", "nats://env.example:4222").env("TRAMONTO_LEASE", "5");
    let ran = Ran::of(&ran.output().expect("it runs"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let shown: Value = serde_json::from_str(&ran.out).expect("JSON");
    let expected = [
        ("lease", "3", "flag"),
        ("bus", "nats://env.example:4222", "environment (TRAMONTO_BUS)"),
        ("store", "postgres://tramonto@file.example/tramonto", "file"),
        ("stop-within", "9", "file"),
        ("listen", "127.0.0.1:9464", "default"),
    ];
    for (name, value, from) in expected {
        assert_eq!(setting(&shown, name), (value.to_owned(), from.to_owned()), "{name}");
    }
}

#[test]
fn no_secret_is_shown_wherever_it_comes_from() {
    let scene = Scene::empty();
    scene.write("secret", "hidden-in-a-file\n");
    for json in [&["--json"][..], &[]] {
        let bus = ["config", "--bus", "nats://anna:hidden-in-the-bus@bus.example:4222"];
        let store = ["--store", "postgres://anna:hidden-in-the-store@db.example/t"];
        let file = ["--store-password-file", "secret"];
        let spans = ["--otlp-endpoint", "http://anna:hidden-in-spans@spans.example:4318"];
        let arguments = [&bus[..], &store, &file, &spans, json].concat();
        let mut command = scene.command(&arguments);
        command.env("TRAMONTO_STORE_PASSWORD", "hidden-in-the-environment");
        command.env("TRAMONTO_BUS_TOKEN", "hidden-in-the-environment");
        let ran = Ran::of(&command.output().expect("it runs"));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(!ran.out.contains("hidden"), "{}", ran.out);
        assert!(ran.out.contains("***") && ran.out.contains("bus.example"), "{}", ran.out);
    }
    // Nor in an error.
    for wrong in ["postgres://anna:hidden@:x/t", "mysql://anna:hidden@db.example/t"] {
        let ran = scene.run(&["status", "--store", wrong]);
        assert_ne!(ran.code, Some(0));
        assert!(!ran.err.contains("hidden"), "{}", ran.err);
    }
    let ran = scene.run(&["status", "--store", "postgres://anna:hidden@127.0.0.1:1/t"]);
    assert_eq!(ran.code, Some(1));
    assert!(!ran.err.contains("hidden") && ran.err.contains("127.0.0.1"), "{}", ran.err);
}

#[test]
fn a_file_with_a_mistake_is_refused_with_a_suggestion() {
    let scene = Scene::empty();
    for (text, told) in [
        ("buss = \"nats://x\"", "did you mean \"bus\"?"),
        ("lease = ", "line 1"),
        ("lease = 0", "write a number of seconds"),
        ("bus_password = \"x\"", "bus_password_file"),
        ("platform_secret = \"whsec_x\"", "platform_secret_file"),
        ("platform = \"mail.example\"", "https://HOST/PATH"),
        ("bus = [\"nats://x\"]", "in quotes"),
    ] {
        scene.write("tramonto.toml", text);
        let ran = scene.run(&["config", "--config", "tramonto.toml"]);
        assert_ne!(ran.code, Some(0), "{text}");
        assert!(ran.err.contains(told), "{text}: {}", ran.err);
    }
    let ran = scene.run(&["config", "--config", "nowhere.toml"]);
    assert!(ran.err.contains("nowhere.toml") && ran.err.contains("--config"), "{}", ran.err);
}

#[test]
fn a_providers_secret_is_asked_for_and_never_shown() {
    let scene = Scene::empty();
    let platform = ["--platform", "https://mail.example/tramonto"];
    let told = scene.refused(&[&["run"][..], &platform].concat());
    assert!(told.contains("--platform-secret-file"), "{told}");
    scene.write("secret", "whsec_hidden\n");
    let file = ["--platform-secret-file", "secret"];
    let told = scene.refused(&[&["run"][..], &platform, &file].concat());
    assert!(told.contains("not base64") && !told.contains("hidden"), "{told}");
    let mut command = scene.command(&[&["config"][..], &platform, &file].concat());
    let ran = command.env("TRAMONTO_PLATFORM_SECRET", "whsec_hidden").output().expect("it runs");
    let ran = Ran::of(&ran);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("https://mail.example/tramonto"), "{}", ran.out);
    assert!(ran.out.contains("***") && !ran.out.contains("hidden"), "{}", ran.out);
    let user = ["run", "--platform", "https://anna:hidden@mail.example"];
    let ran = scene.run(&user);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("leave user and password out"), "{}", ran.err);
    assert!(!ran.err.contains("hidden"), "{}", ran.err);
}

#[test]
fn services_say_what_they_lack() {
    let scene = Scene::empty();
    for service in ["scheduler", "worker", "projector", "relay", "api"] {
        let told = scene.refused(&["service", service, "--listen", "off"]);
        assert!(told.contains("services share a database"), "{told}");
    }
    let told = scene.refused(&["store", "migrate"]);
    assert!(told.contains("--store postgres://"), "{told}");
}
