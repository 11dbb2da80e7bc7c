//! The book of codes, in a file and on a server: the same promises.

use std::path::Path;

use domain::VoucherCode;
use keyring::Keyring;
use rand::rngs::SysRng;
use roaring::RoaringBitmap;
use sql::Tables;
use vouchers::{CodeBook, Error, FORMAT, Kept};

use crate::world::{OLD, World};

fn code(bits: u128) -> VoucherCode {
    VoucherCode::from_random(bits)
}

fn kept(number: u32, issue: u32) -> Kept {
    Kept { number, issue }
}

/// What both keep.
async fn keeps(book: &CodeBook) {
    assert!(book.is_empty().await.unwrap());
    assert_eq!(book.find(&code(1)).await.unwrap(), None);

    let first = [(kept(1, 1), code(1)), (kept(2, 1), code(2))];
    assert_eq!(book.enter(&first).await.unwrap(), [kept(1, 1), kept(2, 1)]);
    assert_eq!(book.find(&code(2)).await.unwrap(), Some(kept(2, 1)));

    // Each issue once: the code that was entered first counts.
    let more = [(kept(2, 1), code(20)), (kept(2, 2), code(22)), (kept(3, 1), code(3))];
    assert_eq!(book.enter(&more).await.unwrap(), [kept(2, 2), kept(3, 1)]);
    assert_eq!(book.find(&code(20)).await.unwrap(), None);
    assert_eq!(book.find(&code(2)).await.unwrap(), Some(kept(2, 1)));
    assert_eq!(book.find(&code(22)).await.unwrap(), Some(kept(2, 2)));
    assert_eq!(book.len().await.unwrap(), 4);

    let mut made = book.made_for(&[2, 3, 9].into()).await.unwrap();
    made.sort_unstable();
    assert_eq!(made, [kept(2, 1), kept(2, 2), kept(3, 1)]);

    assert_eq!(book.traces(&code(22).shown()).await.unwrap(), 1);
    assert_eq!(book.traces("ada@posta.example").await.unwrap(), 0);
}

/// More than one page of them, half of which are there already.
async fn takes_many(book: &CodeBook) {
    const MANY: u32 = 20_000;
    let odd: Vec<_> = (0..MANY)
        .filter(|number| number % 2 == 1)
        .map(|number| (kept(number, 1), code(u128::from(number))))
        .collect();
    assert_eq!(book.enter(&odd).await.unwrap().len(), odd.len());
    let all: Vec<_> = (0..MANY)
        .map(|number| (kept(number, 1), code(u128::from(number) + u128::from(MANY))))
        .collect();
    let entered = book.enter(&all).await.unwrap();
    assert!(entered.iter().all(|kept| kept.number % 2 == 0), "a code was entered twice");
    assert_eq!(entered.len(), all.len() - odd.len());
    let everyone: RoaringBitmap = (0..MANY).collect();
    assert_eq!(book.made_for(&everyone).await.unwrap().len(), all.len());
}

#[tokio::test]
async fn each_code_of_a_voucher_is_entered_once_in_a_file() {
    let world = World::with("", &[]).await;
    keeps(world.office.book()).await;
    takes_many(World::with("", &[]).await.office.book()).await;
}

#[tokio::test]
async fn each_code_of_a_voucher_is_entered_once_on_a_server() {
    let world = World::on_a_server("", &[]).await;
    keeps(world.office.book()).await;
    takes_many(World::on_a_server("", &[]).await.office.book()).await;
}

#[tokio::test]
async fn a_book_is_not_opened_with_other_keys_than_it_was_begun_with() {
    let world = World::with("", &[OLD]).await;
    let now = "2015-03-18T08:00:00Z".parse().unwrap();
    let other = Keyring::open_or_make(&world.path("other-keys"), now, &mut SysRng).unwrap();
    let tables = Tables::open(&world.path("vouchers.db"), &FORMAT).await.unwrap();
    let refused = CodeBook::open(tables, &other).await.unwrap_err();
    assert!(matches!(refused, Error::OtherKeys { .. }), "{refused}");
    assert!(refused.to_string().contains("--keys"), "{refused}");
}

fn holds(folder: &Path, needle: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}

#[tokio::test]
async fn no_code_and_no_token_lies_anywhere_on_the_disk() {
    let world = World::in_files("", &[OLD]).await;
    let grant = world.granted(0).await;
    world.redeem(&grant.code.shown(), "posta-sicura").await.unwrap();
    assert!(holds(world.folder.path(), "voucher-redeemed"), "the files are looked through");
    for secret in [grant.code.shown(), grant.code.canonical(), grant.token] {
        assert!(!holds(world.folder.path(), &secret), "a code lies on the disk");
    }
    let mode = std::fs::metadata(world.path("vouchers.db")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
}
