//! The keys of a programme: one for all who make them, nobody else's to read, and turned over in time.

#![cfg(test)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use keyring::{Error, KeyStanding, Keyring, Refused};
use rand::SeedableRng;
use rand::rngs::SysRng;
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};
use tempfile::TempDir;

const TYP: &str = "voucher+jwt";

fn now() -> DateTime<Utc> {
    "2015-03-18T08:00:00Z".parse().unwrap()
}

fn ring() -> (TempDir, Keyring) {
    let folder = tempfile::tempdir().unwrap();
    let ring = Keyring::open_or_make(&folder.path().join("keys"), now(), &mut SysRng).unwrap();
    (folder, ring)
}

/// The part of a token with this number, replaced.
fn with_part(token: &str, place: usize, part: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[place] = part;
    parts.join(".")
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn what_was_signed_is_verified_for_the_use_it_was_signed_for() {
    let (_folder, ring) = ring();
    let claims = json!({ "sub": "x", "exp": 1 });
    let token = ring.sign(TYP, &claims).unwrap();
    // Its times are the reader's to look at.
    assert_eq!(ring.verify::<Value>(TYP, &token, now()).unwrap(), claims);
    let other = ring.verify::<Value>("manifest+jwt", &token, now());
    assert!(matches!(other, Err(Refused::Malformed)), "{other:?}");
}

#[test]
fn a_token_that_names_another_algorithm_is_none() {
    let (_folder, ring) = ring();
    let token = ring.sign(TYP, &json!({ "sub": "x" })).unwrap();
    let kid = ring.list().unwrap()[0].kid.clone();
    for alg in ["none", "HS256", "RS256", "ES256"] {
        let header = encoded(&json!({ "alg": alg, "typ": TYP, "kid": kid }));
        let forged = with_part(&token, 0, &header);
        let refused = ring.verify::<Value>(TYP, &forged, now());
        assert!(matches!(refused, Err(Refused::Malformed)), "{alg}: {refused:?}");
    }
    let header = json!({ "alg": "EdDSA", "typ": TYP, "kid": kid, "crit": ["x"], "x": 1 });
    let forged = with_part(&token, 0, &encoded(&header));
    assert!(matches!(ring.verify::<Value>(TYP, &forged, now()), Err(Refused::Malformed)));
}

#[test]
fn a_token_that_was_changed_or_is_anothers_is_refused() {
    let (_folder, ours) = ring();
    let token = ours.sign(TYP, &json!({ "sub": "x" })).unwrap();
    let changed = with_part(&token, 1, &encoded(&json!({ "sub": "y" })));
    assert!(matches!(ours.verify::<Value>(TYP, &changed, now()), Err(Refused::Signature)));
    let short = with_part(&token, 2, &URL_SAFE_NO_PAD.encode([0; 63]));
    assert!(matches!(ours.verify::<Value>(TYP, &short, now()), Err(Refused::Signature)));
    let (_other_folder, theirs) = ring();
    let foreign = theirs.sign(TYP, &json!({ "sub": "x" })).unwrap();
    assert!(matches!(ours.verify::<Value>(TYP, &foreign, now()), Err(Refused::UnknownKey)));
    for nothing in ["", ".", "..", "a.b.c", "ey.ey.ey.ey", "\u{0}"] {
        assert!(matches!(ours.verify::<Value>(TYP, nothing, now()), Err(Refused::Malformed)));
    }
}

#[test]
fn the_key_before_counts_until_its_overlap_ends_and_signs_nothing_more() {
    let (_folder, ring) = ring();
    let first = ring.list().unwrap()[0].kid.clone();
    let old = ring.sign(TYP, &json!({ "n": 1 })).unwrap();
    let (at, end) = (now() + Duration::days(10), now() + Duration::days(40));
    let rotation = ring.rotate(at, end, &mut SysRng).unwrap();
    let second = rotation.kid.clone();
    assert_ne!(first, second);
    assert_eq!((&rotation.retired, rotation.at, rotation.verifies_until), (&first, at, end));
    assert_eq!(ring.rotations().unwrap(), [rotation]);

    let kids = |at| {
        let set = serde_json::to_value(ring.jwks(at).unwrap()).unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    let before_end = end - Duration::seconds(1);
    assert_eq!(kids(before_end), [json!(first), json!(second)]);
    assert_eq!(ring.verify::<Value>(TYP, &old, before_end).unwrap(), json!({ "n": 1 }));
    assert_eq!(kids(end), [json!(second)]);
    assert!(matches!(ring.verify::<Value>(TYP, &old, end), Err(Refused::UnknownKey)));

    let standings: Vec<_> = ring.list().unwrap().into_iter().map(|key| key.standing).collect();
    assert_eq!(standings, [KeyStanding::Retired { at, verifies_until: end }, KeyStanding::Active]);
    let file = fs::read_to_string(ring.file()).unwrap();
    assert_eq!(file.matches("\"private\"").count(), 1, "the private half of a retired key is kept");
}

#[test]
fn a_process_that_runs_signs_with_the_key_that_another_turned_to() {
    let (folder, running) = ring();
    let other = Keyring::open(&folder.path().join("keys")).unwrap();
    let hash = running.keyed_hash("voucher-code").of(b"x");
    let kid = other.rotate(now(), now() + Duration::days(1), &mut SysRng).unwrap().kid;
    let token = running.sign(TYP, &json!({})).unwrap();
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": TYP, "kid": kid }));
    assert_eq!(running.keyed_hash("voucher-code").of(b"x"), hash, "hashes outlive rotation");
}

#[test]
fn the_published_key_is_named_by_its_thumbprint() {
    // The key and the thumbprint of RFC 8037, A.1 to A.3.
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    Keyring::open_or_make(&keys, now(), &mut SysRng).unwrap();
    let stored = json!({
        "format": 1,
        "secret": URL_SAFE_NO_PAD.encode([7; 32]),
        "signing": [{
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "created_at": "2015-03-18T08:00:00Z",
            "public": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "private": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        }],
    });
    fs::write(keys.join("keyring.json"), stored.to_string()).unwrap();
    let ring = Keyring::open(&keys).unwrap();
    let expected = json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }]});
    assert_eq!(serde_json::to_value(ring.jwks(now()).unwrap()).unwrap(), expected);
}

#[test]
fn hashes_for_two_purposes_or_two_programmes_have_nothing_in_common() {
    let (_folder, ours) = ring();
    let (_other, theirs) = ring();
    let code = ours.keyed_hash("voucher-code").of(b"x");
    assert_eq!(code, ours.keyed_hash("voucher-code").of(b"x"));
    assert_ne!(code, ours.keyed_hash("voucher-code").of(b"y"));
    assert_ne!(code, ours.keyed_hash("link").of(b"x"));
    assert_ne!(code, theirs.keyed_hash("voucher-code").of(b"x"));
}

#[test]
fn many_who_make_the_keys_at_once_get_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Keyring::open_or_make(&keys, now(), &mut SysRng).unwrap()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let first = made[0].list().unwrap();
    let hash = made[0].keyed_hash("link").of(b"x");
    for ring in &made {
        assert_eq!(ring.list().unwrap(), first);
        assert_eq!(ring.keyed_hash("link").of(b"x"), hash);
    }
    assert_eq!(fs::read_dir(&keys).unwrap().count(), 1, "nobody left a file of theirs behind");
}

#[test]
fn many_who_rotate_at_once_lose_no_key() {
    let (folder, _) = ring();
    let keys = folder.path().join("keys");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let ring = Keyring::open(&keys).unwrap();
            scope.spawn(move || {
                ring.rotate(now(), now() + Duration::days(1), &mut SysRng).unwrap();
            });
        }
    });
    assert_eq!(Keyring::open(&keys).unwrap().list().unwrap().len(), 9);
}

#[test]
fn only_the_owner_can_read_what_is_made() {
    let (folder, ring) = ring();
    let keys = folder.path().join("keys");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&keys), mode(&ring.file())), (0o700, 0o600));
    ring.rotate(now(), now(), &mut SysRng).unwrap();
    assert_eq!(mode(&ring.file()), 0o600);
}

#[test]
fn keys_that_others_can_read_are_refused_with_what_to_do() {
    let (folder, ring) = ring();
    let (keys, file) = (folder.path().join("keys"), ring.file());
    for (path, open, right) in [(&keys, 0o750, 0o700), (&file, 0o640, 0o600), (&file, 0o604, 0o600)]
    {
        fs::set_permissions(path, Permissions::from_mode(open)).unwrap();
        let refused = Keyring::open(&keys).unwrap_err();
        assert!(matches!(refused, Error::Exposed { .. }), "{refused}");
        assert!(refused.to_string().contains(&format!("chmod {right:o}")), "{refused}");
        fs::set_permissions(path, Permissions::from_mode(right)).unwrap();
        Keyring::open(&keys).unwrap();
    }
}

#[test]
fn keys_that_somebody_else_keeps_are_read_and_never_written() {
    let (folder, ring) = ring();
    let secret = folder.path().join("secret");
    let mount = |mode| {
        // As a secret is exchanged: another file takes the place of the one before.
        let new = folder.path().join("new");
        fs::copy(ring.file(), &new).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(mode)).unwrap();
        fs::rename(&new, &secret).unwrap();
    };
    let missing = Keyring::open_file(&secret).unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
    for exposed in [0o444, 0o644, 0o460, 0o442] {
        mount(exposed);
        let refused = Keyring::open_file(&secret).unwrap_err();
        assert!(refused.to_string().contains("chmod 440"), "{refused}");
    }
    mount(0o440);
    let mounted = Keyring::open_file(&secret).unwrap();
    let text = fs::read_to_string(ring.file()).unwrap();
    let given = Keyring::given(&text, "A_VARIABLE").unwrap();
    let token = ring.sign(TYP, &json!({ "n": 1 })).unwrap();
    for other in [&mounted, &given] {
        assert_eq!(other.verify::<Value>(TYP, &token, now()).unwrap(), json!({ "n": 1 }));
        assert_eq!(other.keyed_hash("link").of(b"x"), ring.keyed_hash("link").of(b"x"));
        let refused = other.rotate(now(), now(), &mut SysRng).unwrap_err();
        assert!(matches!(refused, Error::OnlyRead { .. }), "{refused}");
        assert!(refused.to_string().contains("keys rotate --keys DIR"), "{refused}");
    }
    // Rotated where they were made, and handed on: the one that is read again signs with the new key, the other
    // with the old one, which counts for as long as the overlap lasts.
    let until = now() + Duration::days(9);
    ring.rotate(now(), until, &mut SysRng).unwrap();
    mount(0o440);
    let (new, old) = (mounted.sign(TYP, &json!({})).unwrap(), given.sign(TYP, &json!({})).unwrap());
    assert!(ring.verify::<Value>(TYP, &new, until).is_ok());
    assert!(ring.verify::<Value>(TYP, &old, now()).is_ok());
    assert!(matches!(mounted.verify::<Value>(TYP, &old, until), Err(Refused::UnknownKey)));
    let damaged = Keyring::given("{}", "A_VARIABLE").unwrap_err();
    assert!(damaged.to_string().contains("the keys at A_VARIABLE are damaged"), "{damaged}");
    assert!(!format!("{given:?} {mounted:?}").contains(text.split('"').nth(5).unwrap()));
}

#[test]
fn keys_that_are_not_there_or_not_whole_are_told_without_being_shown() {
    let (folder, ring) = ring();
    let keys = folder.path().join("keys");
    let whole = fs::read_to_string(ring.file()).unwrap();
    let stored: Value = serde_json::from_str(&whole).unwrap();
    let private = stored["signing"][0]["private"].as_str().unwrap().to_owned();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = stored.clone();
        change(&mut changed);
        changed.to_string()
    };
    let damaged = [
        whole.get(..whole.len() / 2).unwrap().to_owned(),
        with(&|file| file["format"] = json!(2)),
        with(&|file| file["secret"] = json!("short")),
        with(&|file| file["signing"] = json!([])),
        with(&|file| file["signing"][0]["kid"] = json!("another")),
        with(&|file| file["signing"][0]["private"] = json!(URL_SAFE_NO_PAD.encode([1; 32]))),
        with(&|file| {
            file["signing"][0]["retired"] = json!({ "at": now(), "verifies_until": now() });
        }),
    ];
    for text in damaged {
        fs::write(ring.file(), text).unwrap();
        let error = Keyring::open(&keys).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(!error.to_string().contains(&private), "an error shows a key");
    }
    fs::remove_file(ring.file()).unwrap();
    assert!(matches!(Keyring::open(&keys), Err(Error::Missing { .. })));
    assert!(ring.sign(TYP, &json!({})).is_err(), "keys that are gone sign");
}

#[test]
fn debug_shows_no_key() {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let folder = tempfile::tempdir().unwrap();
    let ring = Keyring::open_or_make(&folder.path().join("keys"), now(), &mut random).unwrap();
    let shown = format!("{ring:?} {:?}", ring.keyed_hash("link"));
    let stored: Value = serde_json::from_str(&fs::read_to_string(ring.file()).unwrap()).unwrap();
    for key in [&stored["secret"], &stored["signing"][0]["private"]] {
        assert!(!shown.contains(key.as_str().unwrap()));
    }
    assert!(shown.contains("keyring.json") && shown.contains("***"), "{shown}");
}
