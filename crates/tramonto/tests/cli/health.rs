//! The health check of a service by the binary itself.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use crate::scene::Scene;

/// A service with one fixed response, which returns the request.
fn service(answer: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let mut asked = [0; 256];
        let length = stream.read(&mut asked).expect("a question");
        stream.write_all(answer.as_bytes()).expect("an answer");
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    (port, serving)
}

const READY: &str = "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}";

#[test]
fn a_ready_service_exits_with_code_0() {
    let scene = Scene::empty();
    let (port, serving) = service(READY);
    scene.ok(&["service", "check", "--listen", &format!("0.0.0.0:{port}")]);
    assert!(serving.join().expect("it ends").starts_with("GET /readyz HTTP/1.0\r\n"));
    let (port, serving) = service(READY);
    let mut command = scene.command(&["service", "check"]);
    let told = command.env("TRAMONTO_LISTEN", format!("127.0.0.1:{port}")).output();
    assert!(told.expect("it runs").status.success());
    assert!(serving.join().expect("it ends").starts_with("GET /readyz "));
    let (port, serving) = service(READY);
    scene.ok(&["service", "check", &format!("http://localhost:{port}/healthz")]);
    assert!(serving.join().expect("it ends").starts_with("GET /healthz "));
}

#[test]
fn a_service_that_is_not_ready_is_reported_with_the_reason() {
    let scene = Scene::empty();
    let waiting = "HTTP/1.0 503 Service Unavailable\r\n\r\n{\"store\":{\"state\":\"waiting\"}}";
    for (answer, says) in [
        (waiting, "waiting"),
        ("", "not a tramonto service"),
        ("220 smtp", "not a tramonto service"),
    ] {
        let (port, serving) = service(answer);
        let told = scene.refused(&["service", "check", "--listen", &format!("127.0.0.1:{port}")]);
        assert!(told.contains(says), "{told}");
        serving.join().expect("it ends");
        let told = scene.refused(&["service", "check", "--listen", &format!("127.0.0.1:{port}")]);
        assert!(told.contains("no answer from"), "{told}");
    }
    assert!(scene.refused(&["service", "check", "--listen", "off"]).contains("--listen off"));
    assert!(scene.refused(&["service", "check", "https://db"]).contains("http://HOST"));
}

#[test]
fn a_file_is_held_to_the_control_file_that_is_named() {
    let scene = Scene::empty();
    scene.ok(&["registry", "generate", "--registrations", "20", "--out", "registry.csv"]);
    scene.write("said.txt", "rows = 21\n");
    let told = scene.refused(&["registry", "import", "registry.csv", "--control", "said.txt"]);
    assert!(told.contains("rows is 20, not 21"), "{told}");
    let told = scene.refused(&["registry", "import", "registry.csv", "--control", "nowhere.txt"]);
    assert!(told.contains("nowhere.txt"), "{told}");
    assert!(
        scene
            .refused(&["registry", "import", "-", "--control", "said.txt"])
            .contains("standard input")
    );
    scene.write("said.txt", "rows = 20\n");
    assert!(
        scene
            .ok(&["registry", "import", "registry.csv", "--control", "said.txt"])
            .contains("accepted 20")
    );
}
