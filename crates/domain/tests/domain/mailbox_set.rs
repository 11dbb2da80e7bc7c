//! Mailbox sets in the log: an array while small, else a portable Roaring bitmap.

use std::collections::BTreeSet;

use domain::MailboxSet;
use proptest::prelude::*;
use serde_json::{Value, from_value, json, to_value};

fn written(numbers: impl IntoIterator<Item = u32>) -> Value {
    to_value(numbers.into_iter().collect::<MailboxSet>()).expect("a set can be written")
}

#[test]
fn these_sets_are_written_like_this_forever() {
    for (what, set, expected) in [
        ("nobody", written([]), json!([])),
        ("one", written([7]), json!([7])),
        ("the ends", written([u32::MAX, 0]), json!([0, 4_294_967_295_u32])),
        ("a run of 65,536", written(0..65_536), json!("OzAAAAEAAP//AQAAAP//")),
        (
            "49 even numbers",
            written((0..49).map(|number| number * 2)),
            json!(concat!(
                "OjAAAAEAAAAAADAAEAAAAAAAAgAEAAYACAAKAAwADgAQABIAFAAWABgAGgAcAB4A",
                "IAAiACQAJgAoACoALAAuADAAMgA0ADYA",
                "OAA6ADwAPgBAAEIARABGAEgASgBMAE4AUABSAFQAVgBYAFoAXABeAGAA"
            )),
        ),
    ] {
        assert_eq!(set, expected, "{what}");
        let read: MailboxSet = from_value(expected).expect("what is written can be read");
        assert_eq!(to_value(read).expect("and written again"), set, "{what}");
    }
}

#[test]
fn up_to_48_members_are_plain_numbers_and_from_49_a_bitmap() {
    assert_eq!(written(1..=48), json!((1..=48).collect::<Vec<u32>>()));
    assert!(written(1..=49).is_string());
}

#[test]
fn a_bitmap_of_few_members_is_read_too() {
    let few: MailboxSet = [3, 5, 8].into_iter().collect();
    let text =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, few.to_portable());
    assert_eq!(from_value::<MailboxSet>(text.into()).expect("a bitmap"), few);
}

#[test]
fn what_is_no_set_is_refused_with_the_reason() {
    for (value, reason) in [
        (json!("no base64!"), "not base64"),
        (json!(""), "not a Roaring bitmap in the portable format"),
        (json!("OjAAAAEAAAA="), "not a Roaring bitmap in the portable format"),
        (json!("OzAAAAEAAP//AQAAAP//AA=="), "bytes after the Roaring bitmap"),
        (json!([2, 1]), "mailbox 1 is out of order"),
        (json!([1, 1]), "mailbox 1 is out of order"),
        (json!([-1]), "invalid value"),
        (json!([4_294_967_296_u64]), "invalid value"),
        (json!({"numbers": [1]}), "expected an ascending array of mailbox numbers or a base64"),
        (json!(null), "expected an ascending array of mailbox numbers or a base64"),
    ] {
        let error =
            from_value::<MailboxSet>(value.clone()).expect_err("this is no set").to_string();
        assert!(error.contains(reason), "{value}: {error}");
    }
}

#[test]
fn two_million_mailboxes_at_random_fit_260_kilobytes_and_a_whole_population_some_dozen_bytes() {
    let every_other = |number: &u32| number.wrapping_mul(2_654_435_761) >> 31 == 1;
    let scattered: MailboxSet = (0..2_121_783).filter(every_other).collect();
    let whole: MailboxSet = (0..2_121_783).collect();
    assert!(scattered.to_portable().len() <= 271_000, "{} bytes", scattered.to_portable().len());
    assert!(whole.to_portable().len() < 600, "{} bytes", whole.to_portable().len());
}

#[test]
fn a_range_is_cut_out_with_both_its_ends() {
    let all: MailboxSet = [0, 5, 6, 65_536, u32::MAX].into_iter().collect();
    for (first, last, expected) in [
        (0, u32::MAX, vec![0, 5, 6, 65_536, u32::MAX]),
        (5, 6, vec![5, 6]),
        (7, 65_536, vec![65_536]),
        (u32::MAX, u32::MAX, vec![u32::MAX]),
        (7, 8, vec![]),
        (6, 5, vec![]),
    ] {
        assert_eq!(
            all.between(first, last).iter().collect::<Vec<_>>(),
            expected,
            "{first}..={last}"
        );
    }
}

/// Members one by one, in runs, and dense: all three kinds of container.
fn members() -> impl Strategy<Value = BTreeSet<u32>> {
    let alone = prop::collection::btree_set(any::<u32>(), 0..60);
    let run = (any::<u32>(), 0..9_000_u32, 1..3_u32).prop_map(|(first, length, step)| {
        (0..length).filter_map(|place| first.checked_add(place * step)).collect::<BTreeSet<u32>>()
    });
    prop::collection::vec(prop_oneof![alone, run], 0..5)
        .prop_map(|parts| parts.into_iter().flatten().collect())
}

proptest! {
    #[test]
    fn a_set_comes_back_from_json_and_from_bytes_as_it_went(members in members()) {
        let set: MailboxSet = members.iter().copied().collect();
        let text = serde_json::to_string(&set).expect("a set can be written");
        let read: MailboxSet = serde_json::from_str(&text).expect("and read");
        prop_assert_eq!(&read, &set);
        prop_assert!(read.iter().eq(members.iter().copied()));
        prop_assert_eq!(&MailboxSet::from_portable(&set.to_portable()).expect("and as \
            bytes"), &set);
        prop_assert_eq!(serde_json::to_string(&read).expect("one text for one set"), text);
    }

    #[test]
    fn bytes_that_are_no_bitmap_are_refused_or_read_but_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(set) = MailboxSet::from_portable(&bytes) {
            prop_assert_eq!(MailboxSet::from_portable(&set.to_portable()), Ok(set));
        }
    }

    #[test]
    fn a_damaged_bitmap_is_refused_or_read_but_never_a_panic(
        members in members(),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = members.into_iter().collect::<MailboxSet>().to_portable();
        let mut damaged = whole.clone();
        damaged[place.index(whole.len())] ^= 1 << bit;
        if let Ok(set) = MailboxSet::from_portable(&damaged) {
            prop_assert!(set.len() <= 1 << 32);
        }
        prop_assert!(MailboxSet::from_portable(&whole[..cut.index(whole.len())]).is_err(), "cut \
            short");
    }
}
