//! The claims of tokens, and who can verify them.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyring::Turn;
use rand::rngs::SysRng;
use serde_json::{Value, json};

use crate::world::{OLD, World};

fn part(token: &str, index: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_token_names_its_voucher_and_expiry_and_no_person() {
    let world = World::with("redeem-by = 2017-03-18", &[OLD]).await;
    let credentials = world.issued(0).await;
    let now = world.vouchers.journal.now();
    let kid = world.vouchers.keyring.list(now).unwrap()[0].kid.clone();
    let header = json!({ "alg": "EdDSA", "typ": "voucher+jwt", "kid": kid });
    assert_eq!(part(&credentials.token, 0), header);
    let claims = json!({
        "iss": "cec-pac",
        "sub": world.vouchers.voucher(0),
        "issue": 1,
        "iat": 1_433_152_800,
        // Midnight in Rome after the last day.
        "exp": 1_489_878_000,
        "redeem_by": "2017-03-18",
        "good_for": "pec-free-for-a-year",
    });
    assert_eq!(part(&credentials.token, 1), claims);
}

#[tokio::test]
async fn a_token_of_another_programme_or_another_key_redeems_nothing() {
    let (ours, theirs) = (World::with("", &[OLD]).await, World::with("", &[OLD]).await);
    ours.issued(0).await;
    let foreign = theirs.issued(0).await.token;
    let refused = ours.redeem(&foreign, "posta-sicura").await.unwrap_err();
    assert!(matches!(refused, vouchers::Error::Token(_)), "{refused}");
}

#[tokio::test]
async fn the_id_of_a_voucher_never_changes_and_reveals_no_mailbox() {
    let world = World::with("", &[OLD; 3]).await;
    let name = |number| world.vouchers.voucher(number).to_string();
    let again = world.another().await;
    assert_eq!(name(2), again.voucher(2).to_string());
    // Ids of neighbours share nothing, with each other or with the mailbox ids.
    let (one, other) = (name(1), name(2));
    assert_ne!((&one[..8], &one[24..]), (&other[..8], &other[24..]));
    assert_eq!(&one[14..15], "8", "it is a UUID of version 8: {one}");
    let mailbox = domain::MailboxId::new(world.vouchers.journal.programme(), 2).to_string();
    assert_ne!(other[..8], mailbox[..8]);
    assert_ne!(other[24..], mailbox[24..]);
    // Other keys, other ids.
    assert_ne!(World::with("", &[OLD]).await.vouchers.voucher(2).to_string(), name(2));
    // Every id yields its number.
    for number in [0, 1, 2] {
        let credentials = world.issued(number).await;
        assert_eq!(world.vouchers.identify(&credentials.token).await.unwrap().number, number);
    }
}

#[tokio::test]
async fn a_token_presented_while_the_keys_are_unreadable_may_be_retried() {
    let world = World::with("", &[OLD]).await;
    let token = world.issued(0).await.token;
    let keys = world.vouchers.keyring.file();
    let aside = keys.with_file_name("aside");
    std::fs::rename(&keys, &aside).unwrap();
    let later = world.redeem(&token, "posta-sicura").await.unwrap_err();
    assert!(matches!(later, vouchers::Error::Token(_)) && later.may_retry(), "{later}");
    std::fs::write(&keys, "{}").unwrap();
    std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o600)).unwrap();
    let damaged = world.redeem(&token, "posta-sicura").await.unwrap_err();
    assert!(!damaged.may_retry(), "{damaged}");
    std::fs::rename(&aside, &keys).unwrap();
    world.redeem(&token, "posta-sicura").await.unwrap();
}

/// Verifies a token with a Python library. Needs `PyJWT` and `cryptography` in the interpreter
/// named by `TRAMONTO_PYTHON`, or in `python3`.
fn read_in_python(world: &World, token: &str, issuer: &str, now: &str) -> Value {
    let now: chrono::DateTime<chrono::Utc> = now.parse().unwrap();
    let jwks = world.vouchers.keyring.jwks(now).unwrap();
    let given = json!({ "jwks": jwks, "token": token, "issuer": issuer, "now": now.timestamp() });
    let python = std::env::var("TRAMONTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_token.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[tokio::test]
async fn a_provider_verifies_a_token_with_another_library_and_the_published_keys() {
    let world = World::with("redeem-by = 2017-03-18", &[OLD, OLD]).await;
    let token = world.issued(0).await.token;
    let (now, last) = ("2015-06-01T10:00:00Z", "2017-03-18T23:59:59+01:00");
    let read = read_in_python(&world, &token, "cec-pac", now);
    assert_eq!(read, part(&token, 1));
    assert_eq!(read["sub"], json!(world.vouchers.voucher(0)));
    assert_eq!(read_in_python(&world, &token, "cec-pac", last), read, "until its last second");

    let changed = json!({ "iss": "cec-pac", "sub": world.vouchers.voucher(1), "iat": 0 });
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(changed.to_string());
    let forged = parts.join(".");
    for (token, issuer, at, refused) in [
        (&token, "cec-pac", "2017-03-19T00:00:00+01:00", "ExpiredSignatureError"),
        (&token, "another", now, "InvalidIssuerError"),
        (&forged, "cec-pac", now, "InvalidSignatureError"),
    ] {
        let read = read_in_python(&world, token, issuer, at);
        assert_eq!(read, json!({ "refused": refused }), "{issuer} {at}");
    }

    // The previous key is published exactly as long as its signatures are valid.
    let (at, until) = (now.parse().unwrap(), "2016-01-01T00:00:00Z".parse().unwrap());
    let turn = Turn { signs_from: at, verifies_until: Some(until) };
    world.vouchers.keyring.rotate(at, turn, &mut SysRng).unwrap();
    assert_eq!(read_in_python(&world, &token, "cec-pac", "2015-12-31T23:59:59Z"), read);
    let late = read_in_python(&world, &token, "cec-pac", "2016-01-01T00:00:00Z");
    assert_eq!(late, json!({ "refused": "KeyError" }));
    let next = world.issued(1).await.token;
    let read = read_in_python(&world, &next, "cec-pac", "2016-01-01T00:00:00Z");
    assert_eq!(read["sub"], json!(world.vouchers.voucher(1)));
}
