//! The contents of an export, and its independent verification.

use std::io::{Cursor, Read};
use std::process::Command;

use archive::Access;
use domain::Requester;
use zip::ZipArchive;

use crate::world::{ANNA, ANNA_IS, BRUNO, World};

fn file(zip: &[u8], name: &str) -> String {
    let mut zip = ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut text = String::new();
    zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

async fn export(world: &World) -> Vec<u8> {
    let request = world.verified(Requester::Holder).await;
    let ready = world.prepare(request).await.unwrap();
    let opened = world.archive.serve(&ready.secret, ANNA_IS).await.unwrap();
    let Access::Export(bytes) = opened else { panic!("{opened:?}") };
    bytes
}

#[tokio::test]
async fn an_export_has_the_entries_of_its_mailbox_only() {
    let world = World::new().await;
    let zip = export(&world).await;
    let csv = file(&zip, "messages.csv");
    let mut lines = csv.lines();
    let head = "\u{feff}message_id;at;sender;recipients;subject;event;related;provider";
    assert_eq!(lines.next(), Some(head));
    assert_eq!(
        lines.next().unwrap(),
        format!(
            "uno.lettera@pc.example;2015-07-10T10:00:03.000+02:00;{ANNA};urp@comune.example;\
             '=Domanda di Anna;accepted;3F2A41C0;mx1"
        )
    );
    assert!(lines.next().unwrap().contains(";forwarded;3F2A41C0 77AB;mx1"));
    assert_eq!(lines.next(), None);
    let json: serde_json::Value = serde_json::from_str(&file(&zip, "messages.json")).unwrap();
    assert_eq!(json[0]["subject"], "=Domanda di Anna", "programs get every text as it was");
    for name in ["messages.csv", "messages.json", "manifest.json"] {
        assert!(!file(&zip, name).contains(BRUNO), "{name}");
    }
    let manifest: serde_json::Value = serde_json::from_str(&file(&zip, "manifest.json")).unwrap();
    assert_eq!((&manifest["rows"], &manifest["events"]["accepted"]), (&2.into(), &1.into()));
    assert_eq!(manifest["first"], "2015-07-10T10:00:03.000+02:00");
}

/// Needs `PyJWT` in the Python that `TRAMONTO_PYTHON` names, or in `python3`, as `tests/run` sets
/// it up.
#[tokio::test]
async fn hashes_and_signature_verify_independently() {
    let world = World::new().await;
    let zip = world.folder.path().join("export.zip");
    std::fs::write(&zip, export(&world).await).unwrap();
    let keys = keyring::Keyring::open(&world.folder.path().join("keys")).unwrap();
    let jwks = world.folder.path().join("jwks.json");
    let now = world.archive.journal().now();
    std::fs::write(&jwks, serde_json::to_vec(&keys.jwks(now).unwrap()).unwrap()).unwrap();
    let python = std::env::var("TRAMONTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/verify_export.py");
    let ran =
        Command::new(&python).args([script.as_ref(), zip.as_os_str(), jwks.as_os_str()]).output();
    let ran = ran.unwrap_or_else(|error| panic!("{python}: {error}"));
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(said.trim(), "2 files, 2 rows, signed; an altered manifest is refused");
}
