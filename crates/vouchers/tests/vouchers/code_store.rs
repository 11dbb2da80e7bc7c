//! The code store, by one suite in a file and on a server.

use std::path::Path;

use domain::VoucherCode;
use keyring::Keyring;
use rand::rngs::SysRng;
use roaring::RoaringBitmap;
use sql::Tables;
use vouchers::{CodeId, CodeStore, Error, FORMAT, NewCode};

use crate::world::{OLD, World};

fn code(bits: u128) -> VoucherCode {
    VoucherCode::from_random(bits)
}

fn id(number: u32, issue: u32) -> CodeId {
    CodeId { number, issue }
}

fn new(number: u32, issue: u32, bits: u128) -> NewCode {
    NewCode { id: id(number, issue), code: code(bits) }
}

/// The contract.
async fn stores_codes(store: &CodeStore) {
    let everyone: RoaringBitmap = (0..10).collect();
    assert!(store.codes_of(&everyone).await.unwrap().is_empty());
    assert_eq!(store.find(&code(1)).await.unwrap(), None);

    let first = [new(1, 1, 1), new(2, 1, 2)];
    assert_eq!(store.insert(&first).await.unwrap(), [id(1, 1), id(2, 1)]);
    assert_eq!(store.find(&code(2)).await.unwrap(), Some(id(2, 1)));

    // Each issue once: the first code counts.
    let more = [new(2, 1, 20), new(2, 2, 22), new(3, 1, 3)];
    assert_eq!(store.insert(&more).await.unwrap(), [id(2, 2), id(3, 1)]);
    assert_eq!(store.find(&code(20)).await.unwrap(), None);
    assert_eq!(store.find(&code(2)).await.unwrap(), Some(id(2, 1)));
    assert_eq!(store.find(&code(22)).await.unwrap(), Some(id(2, 2)));
    assert_eq!(store.codes_of(&everyone).await.unwrap().len(), 4);

    let mut codes = store.codes_of(&[2, 3, 9].into()).await.unwrap();
    codes.sort_unstable();
    assert_eq!(codes, [id(2, 1), id(2, 2), id(3, 1)]);
}

/// More than one page of codes, half of them stored before.
async fn stores_many_codes(store: &CodeStore) {
    const MANY: u32 = 20_000;
    let odd: Vec<_> = (0..MANY)
        .filter(|number| number % 2 == 1)
        .map(|number| new(number, 1, u128::from(number)))
        .collect();
    assert_eq!(store.insert(&odd).await.unwrap().len(), odd.len());
    let all: Vec<_> =
        (0..MANY).map(|number| new(number, 1, u128::from(number) + u128::from(MANY))).collect();
    let inserted = store.insert(&all).await.unwrap();
    assert!(inserted.iter().all(|id| id.number % 2 == 0), "a code was inserted twice");
    assert_eq!(inserted.len(), all.len() - odd.len());
    let everyone: RoaringBitmap = (0..MANY).collect();
    assert_eq!(store.codes_of(&everyone).await.unwrap().len(), all.len());
}

#[tokio::test]
async fn each_issue_of_a_voucher_has_one_code_in_a_file() {
    let world = World::with("", &[]).await;
    stores_codes(&world.vouchers.codes).await;
    stores_many_codes(&World::with("", &[]).await.vouchers.codes).await;
}

#[tokio::test]
async fn each_issue_of_a_voucher_has_one_code_on_a_server() {
    let world = World::on_a_server("", &[]).await;
    stores_codes(&world.vouchers.codes).await;
    stores_many_codes(&World::on_a_server("", &[]).await.vouchers.codes).await;
}

#[tokio::test]
async fn a_store_does_not_open_with_other_keys() {
    let world = World::with("", &[OLD]).await;
    let now = "2015-03-18T08:00:00Z".parse().unwrap();
    let other = Keyring::open_or_make(&world.path("other-keys"), now, &mut SysRng).unwrap();
    let tables = Tables::open(&world.path("vouchers.db"), &FORMAT).await.unwrap();
    let refused = CodeStore::open(tables, &other).await.unwrap_err();
    assert!(matches!(refused, Error::OtherKeys { .. }), "{refused}");
    assert!(refused.to_string().contains("--keys"), "{refused}");
}

fn holds(folder: &Path, term: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, term);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(term.len()).any(|window| window == term.as_bytes())
    })
}

#[tokio::test]
async fn no_code_and_no_token_is_on_the_disk() {
    let world = World::in_files("", &[OLD]).await;
    let credentials = world.issued(0).await;
    world.redeem(&credentials.code.shown(), "posta-sicura").await.unwrap();
    assert!(holds(world.folder.path(), "voucher-redeemed"), "the scan finds what is there");
    for secret in [credentials.code.shown(), credentials.code.canonical(), credentials.token] {
        assert!(!holds(world.folder.path(), &secret), "a code is on the disk");
    }
    let mode = std::fs::metadata(world.path("vouchers.db")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
}
