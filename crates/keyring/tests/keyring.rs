//! The keys of a programme: shared by all processes, private to their owner, and rotated over time.

#![cfg(test)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use keyring::{Error, KeyStanding, Keyring, Refused, Turn};
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

/// The next key signs from an instant on, and the one before is good until another.
fn turn(signs_from: DateTime<Utc>, verifies_until: DateTime<Utc>) -> Turn {
    Turn { signs_from, verifies_until: Some(verifies_until) }
}

/// Which key has signed a token.
fn signer(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
}

fn published(ring: &Keyring, at: DateTime<Utc>) -> Vec<Value> {
    let set = serde_json::to_value(ring.jwks(at).unwrap()).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
}

/// How many private halves are in the file.
fn halves(ring: &Keyring) -> usize {
    fs::read_to_string(ring.file()).unwrap().matches("\"private\"").count()
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
    let token = ring.sign(TYP, &claims, now()).unwrap();
    // Its times are the reader's to look at.
    assert_eq!(ring.verify::<Value>(TYP, &token, now()).unwrap(), claims);
    let other = ring.verify::<Value>("manifest+jwt", &token, now());
    assert!(matches!(other, Err(Refused::Malformed)), "{other:?}");
}

#[test]
fn a_token_that_names_another_algorithm_is_none() {
    let (_folder, ring) = ring();
    let token = ring.sign(TYP, &json!({ "sub": "x" }), now()).unwrap();
    let kid = ring.list(now()).unwrap()[0].kid.clone();
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
    let token = ours.sign(TYP, &json!({ "sub": "x" }), now()).unwrap();
    let changed = with_part(&token, 1, &encoded(&json!({ "sub": "y" })));
    assert!(matches!(ours.verify::<Value>(TYP, &changed, now()), Err(Refused::Signature)));
    let short = with_part(&token, 2, &URL_SAFE_NO_PAD.encode([0; 63]));
    assert!(matches!(ours.verify::<Value>(TYP, &short, now()), Err(Refused::Signature)));
    let (_other_folder, theirs) = ring();
    let foreign = theirs.sign(TYP, &json!({ "sub": "x" }), now()).unwrap();
    assert!(matches!(ours.verify::<Value>(TYP, &foreign, now()), Err(Refused::UnknownKey)));
    for nothing in ["", ".", "..", "a.b.c", "ey.ey.ey.ey", "\u{0}"] {
        assert!(matches!(ours.verify::<Value>(TYP, nothing, now()), Err(Refused::Malformed)));
    }
}

#[test]
fn the_key_before_counts_until_its_overlap_ends_and_signs_nothing_more() {
    let (_folder, ring) = ring();
    let first = ring.list(now()).unwrap()[0].kid.clone();
    let old = ring.sign(TYP, &json!({ "n": 1 }), now()).unwrap();
    let (at, end) = (now() + Duration::days(10), now() + Duration::days(40));
    let rotation = ring.rotate(at, turn(at, end), &mut SysRng).unwrap();
    let second = rotation.kid.clone();
    assert_ne!(first, second);
    assert_eq!((&rotation.retired, rotation.at), (&first, at));
    assert_eq!(rotation.verifies_until, Some(end));
    assert_eq!(ring.rotations().unwrap(), [rotation]);

    let kids = |at| published(&ring, at);
    let before_end = end - Duration::seconds(1);
    assert_eq!(kids(before_end), [json!(first), json!(second)]);
    assert_eq!(ring.verify::<Value>(TYP, &old, before_end).unwrap(), json!({ "n": 1 }));
    assert_eq!(kids(end), [json!(second)]);
    assert!(matches!(ring.verify::<Value>(TYP, &old, end), Err(Refused::UnknownKey)));

    let standings: Vec<_> = ring.list(at).unwrap().into_iter().map(|key| key.standing).collect();
    let active = KeyStanding::Active { signs_until: None, verifies_until: None };
    assert_eq!(standings, [KeyStanding::Retired { at, verifies_until: Some(end) }, active]);
    assert_eq!(halves(&ring), 1, "the private half of a retired key is kept");
}

#[test]
fn a_key_is_published_before_it_signs_and_the_one_before_signs_until_then() {
    let (folder, ring) = ring();
    // Another that runs, and one that was handed the file: they do nothing at the change-over but
    // look at the time.
    let first = ring.list(now()).unwrap()[0].kid.clone();
    let (from, end) = (now() + Duration::days(7), now() + Duration::days(40));
    let second = ring.rotate(now(), turn(from, end), &mut SysRng).unwrap().kid;
    let running = Keyring::open(&folder.path().join("keys")).unwrap();
    let given = Keyring::given(&fs::read_to_string(ring.file()).unwrap(), "A_VARIABLE").unwrap();
    let second_before = from - Duration::seconds(1);
    for other in [&ring, &running, &given] {
        let signed = |at| signer(&other.sign(TYP, &json!({}), at).unwrap());
        assert_eq!((signed(now()), signed(second_before)), (json!(first), json!(first)));
        assert_eq!(signed(from), json!(second));
        for at in [now(), second_before, from] {
            assert_eq!(published(other, at), [json!(first), json!(second)], "{at}");
        }
        let token = other.sign(TYP, &json!({ "n": 1 }), second_before).unwrap();
        assert_eq!(other.verify::<Value>(TYP, &token, from).unwrap(), json!({ "n": 1 }));
    }
    let standing =
        |at| -> Vec<_> { ring.list(at).unwrap().into_iter().map(|key| key.standing).collect() };
    let verifies_until = Some(end);
    let active = KeyStanding::Active { signs_until: Some(from), verifies_until };
    assert_eq!(standing(now()), [active, KeyStanding::Next { signs_from: from }]);
    let active = KeyStanding::Active { signs_until: None, verifies_until: None };
    assert_eq!(standing(from), [KeyStanding::Retired { at: from, verifies_until }, active]);

    let waiting = ring.rotate(now(), turn(from, end), &mut SysRng).unwrap_err();
    assert!(matches!(&waiting, Error::Waiting { kid } if *kid == second), "{waiting}");
    assert_eq!(ring.list(now()).unwrap().len(), 2);
}

#[test]
fn the_private_half_of_a_key_is_deleted_once_it_is_retired_and_not_before() {
    let (folder, ring) = ring();
    let from = now() + Duration::days(7);
    let turned = Turn { signs_from: from, verifies_until: None };
    let second = ring.rotate(now(), turned, &mut SysRng).unwrap().kid;
    let old = ring.sign(TYP, &json!({}), now()).unwrap();
    assert!(!ring.forget(now()).unwrap(), "it signs");
    assert_eq!(halves(&ring), 2);
    let given = Keyring::given(&fs::read_to_string(ring.file()).unwrap(), "A_VARIABLE").unwrap();
    assert!(!given.forget(from).unwrap(), "it is somebody else's to change");
    // However many do it at once, nothing is lost.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let ring = Keyring::open(&folder.path().join("keys")).unwrap();
            scope.spawn(move || ring.forget(from).unwrap());
        }
    });
    assert!(!ring.forget(from).unwrap());
    assert_eq!((halves(&ring), ring.list(from).unwrap().len()), (1, 2));
    assert!(ring.verify::<Value>(TYP, &old, from + Duration::days(90_000)).is_ok(), "without end");
    // A clock that was ahead leaves a key that signs.
    assert_eq!(signer(&ring.sign(TYP, &json!({}), now()).unwrap()), json!(second));

    // A rotation forgets too.
    let turned = Turn { signs_from: from + Duration::days(7), verifies_until: None };
    ring.rotate(from, turned, &mut SysRng).unwrap();
    let later = Turn { signs_from: from + Duration::days(99), verifies_until: None };
    ring.rotate(from + Duration::days(7), later, &mut SysRng).unwrap();
    assert_eq!((halves(&ring), ring.list(from).unwrap().len()), (2, 4));
}

#[test]
fn a_key_that_is_to_sign_at_once_takes_the_place_of_one_that_waits_too() {
    let (_folder, ring) = ring();
    let first = ring.list(now()).unwrap()[0].kid.clone();
    let (from, end) = (now() + Duration::days(7), now() + Duration::days(40));
    let waited = ring.rotate(now(), turn(from, end), &mut SysRng).unwrap().kid;
    let at = now() + Duration::days(1);
    let rotation = ring.rotate(at, turn(at, end), &mut SysRng).unwrap();
    assert_eq!((rotation.retired, rotation.at), (first.clone(), at));
    assert_eq!(signer(&ring.sign(TYP, &json!({}), at).unwrap()), json!(rotation.kid));
    assert_eq!(signer(&ring.sign(TYP, &json!({}), from).unwrap()), json!(rotation.kid));
    assert_eq!(published(&ring, at), [json!(first), json!(rotation.kid)]);
    assert_eq!(halves(&ring), 1);
    let said: Vec<_> = ring.rotations().unwrap();
    let said: Vec<_> = said.iter().map(|it| (&it.kid, &it.retired, it.at)).collect();
    assert_eq!(said, [(&waited, &first, at), (&rotation.kid, &waited, at)]);
}

#[test]
fn what_a_key_signed_can_be_made_worthless_before_its_end_and_no_end_is_put_off() {
    let (_folder, ring) = ring();
    let first = ring.list(now()).unwrap()[0].kid.clone();
    let token = ring.sign(TYP, &json!({}), now()).unwrap();
    let (from, end) = (now() + Duration::days(7), now() + Duration::days(400));
    let refused = ring.retire(&first, now(), end).unwrap_err();
    assert!(matches!(refused, Error::Signs { .. }), "{refused}");
    let turned = Turn { signs_from: from, verifies_until: None };
    let second = ring.rotate(now(), turned, &mut SysRng).unwrap().kid;
    for kid in [&first, &second] {
        let refused = ring.retire(kid, now(), end).unwrap_err();
        assert!(refused.to_string().contains("rotate --at-once"), "{refused}");
    }
    let unknown = ring.retire("another", from, end).unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }), "{unknown}");

    assert_eq!(ring.retire(&first, from, end).unwrap(), end);
    assert_eq!(halves(&ring), 1);
    assert_eq!(ring.rotations().unwrap()[0].verifies_until, Some(end));
    assert!(ring.verify::<Value>(TYP, &token, end - Duration::seconds(1)).is_ok());
    for late in [end, end + Duration::days(1)] {
        let refused = ring.retire(&first, from, late).unwrap_err();
        assert!(matches!(refused, Error::Ended { .. }), "{refused}");
    }
    let at = from + Duration::days(1);
    assert_eq!(ring.retire(&first, at, now()).unwrap(), at, "not before it is said");
    assert!(matches!(ring.verify::<Value>(TYP, &token, at), Err(Refused::UnknownKey)));
    assert_eq!(published(&ring, at), [json!(second)]);
}

#[test]
fn keys_that_were_turned_over_before_keys_could_wait_are_read_as_they_were() {
    let (_folder, ring) = ring();
    let end = now() + Duration::days(9);
    ring.rotate(now(), turn(now(), end), &mut SysRng).unwrap();
    let stored: Value = serde_json::from_str(&fs::read_to_string(ring.file()).unwrap()).unwrap();
    // Nothing that the program before did not write.
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let [old, new] = [0, 1].map(|place| fields(&stored["signing"][place]));
    assert_eq!(old, ["created_at", "kid", "public", "retired"]);
    assert_eq!(new, ["created_at", "kid", "private", "public"]);
    assert_eq!(fields(&stored["signing"][0]["retired"]), ["at", "verifies_until"]);
    assert_eq!(stored["format"], 1);
}

#[test]
fn keys_that_cannot_be_read_just_now_are_asked_for_again() {
    let (folder, ring) = ring();
    let token = ring.sign(TYP, &json!({}), now()).unwrap();
    let aside = folder.path().join("aside");
    fs::rename(ring.file(), &aside).unwrap();
    let Err(Refused::Keys(error)) = ring.verify::<Value>(TYP, &token, now()) else {
        panic!("there are none")
    };
    assert!(matches!(error, Error::File { .. }) && error.may_retry(), "{error}");
    let missing = Keyring::open_file(&ring.file()).unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }) && missing.may_retry(), "{missing}");
    fs::rename(&aside, ring.file()).unwrap();
    ring.verify::<Value>(TYP, &token, now()).unwrap();
}

#[test]
fn a_process_that_runs_signs_with_the_key_that_another_turned_to() {
    let (folder, running) = ring();
    let other = Keyring::open(&folder.path().join("keys")).unwrap();
    let hash = running.keyed_hash("voucher-code").of(b"x");
    let at_once = turn(now(), now() + Duration::days(1));
    let kid = other.rotate(now(), at_once, &mut SysRng).unwrap().kid;
    let token = running.sign(TYP, &json!({}), now()).unwrap();
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
    let first = made[0].list(now()).unwrap();
    let hash = made[0].keyed_hash("link").of(b"x");
    for ring in &made {
        assert_eq!(ring.list(now()).unwrap(), first);
        assert_eq!(ring.keyed_hash("link").of(b"x"), hash);
    }
    assert_eq!(fs::read_dir(&keys).unwrap().count(), 1, "no draft is left over");
}

#[test]
fn many_who_rotate_at_once_lose_no_key() {
    let (folder, _) = ring();
    let keys = folder.path().join("keys");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let ring = Keyring::open(&keys).unwrap();
            scope.spawn(move || {
                let turn = turn(now(), now() + Duration::days(1));
                ring.rotate(now(), turn, &mut SysRng).unwrap();
            });
        }
    });
    assert_eq!(Keyring::open(&keys).unwrap().list(now()).unwrap().len(), 9);
}

#[test]
fn only_the_owner_can_read_what_is_made() {
    let (folder, ring) = ring();
    let keys = folder.path().join("keys");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&keys), mode(&ring.file())), (0o700, 0o600));
    ring.rotate(now(), turn(now(), now()), &mut SysRng).unwrap();
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
    let token = ring.sign(TYP, &json!({ "n": 1 }), now()).unwrap();
    for other in [&mounted, &given] {
        assert_eq!(other.verify::<Value>(TYP, &token, now()).unwrap(), json!({ "n": 1 }));
        assert_eq!(other.keyed_hash("link").of(b"x"), ring.keyed_hash("link").of(b"x"));
        let refused = other.rotate(now(), turn(now(), now()), &mut SysRng).unwrap_err();
        assert!(matches!(refused, Error::OnlyRead { .. }), "{refused}");
        assert!(refused.to_string().contains("key rotate --keys DIR"), "{refused}");
    }
    // Rotated where they were made, and handed on: the one that is read again signs with the new
    // key, the other with the old one, which counts for as long as the overlap lasts.
    let until = now() + Duration::days(9);
    ring.rotate(now(), turn(now(), until), &mut SysRng).unwrap();
    mount(0o440);
    let (new, old) = (
        mounted.sign(TYP, &json!({}), now()).unwrap(),
        given.sign(TYP, &json!({}), now()).unwrap(),
    );
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
        with(&|file| {
            let key = file["signing"][0].clone();
            file["signing"] = json!([key, key]);
        }),
        with(&|file| {
            let (last, mut old) = (file["signing"][0].clone(), file["signing"][0].clone());
            old["retired"] = json!({ "at": now() });
            file["signing"] = json!([old, old, last]);
        }),
    ];
    for text in damaged {
        fs::write(ring.file(), text).unwrap();
        let error = Keyring::open(&keys).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }) && !error.may_retry(), "{error}");
        assert!(!error.to_string().contains(&private), "an error shows a key");
    }
    fs::remove_file(ring.file()).unwrap();
    assert!(matches!(Keyring::open(&keys), Err(Error::Missing { .. })));
    assert!(ring.sign(TYP, &json!({}), now()).is_err(), "keys that are gone sign");
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
