use std::collections::{BTreeMap, HashSet};

use chrono::Datelike;
use domain::{CodiceFiscale, Plan, Registration, RegistrationRules};
use sha2::{Digest, Sha256};

use super::*;

/// The SHA-256 of 5,000 registrations of seed 42. It changes only with a deliberate change of the
/// generator, which the changelog mentions.
const GOLDEN: &str = "d1038141b2e6b266d708dff1eaf61952ac2a6bedaa8da40df3183f84b9c4c4b3";

fn made(registrations: u32, seed: u64) -> (Counts, String) {
    let mut file = Vec::new();
    let counts = generate(&Options { registrations, seed }, &mut file).unwrap();
    (counts, String::from_utf8(file).unwrap())
}

fn rows(file: &str) -> impl Iterator<Item = [&str; 9]> {
    file.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>().try_into().unwrap())
}

fn day(text: &str) -> Option<NaiveDate> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

#[test]
fn a_seed_gives_the_same_file_for_ever_and_another_seed_another() {
    let (_, file) = made(5_000, 42);
    assert_eq!(format!("{:x}", Sha256::digest(&file)), GOLDEN);
    assert_eq!(file, made(5_000, 42).1);
    assert_ne!(file, made(5_000, 43).1);
}

#[test]
fn nobody_stands_twice_and_every_row_holds_together() {
    let (counts, file) = made(60_000, 7);
    let plan = Plan::cec_pac().unwrap();
    let rules = RegistrationRules::new(&plan, "2014-12-17T12:00:00Z".parse().unwrap());
    let (first, last) = ("2010-04-26".parse().unwrap(), "2014-12-17".parse().unwrap());
    let (mut codes, mut addresses) = (HashSet::new(), HashSet::new());
    let (mut activated, mut used, mut before) = (0, 0, first);
    for (index, row) in rows(&file).enumerate() {
        Registration::check(&row, &rules).unwrap();
        let [id, code, surname, name, address, requested, activation, sent, notice] = row;
        assert_eq!(id, format!("R{:07}", index + 1));
        assert!(codes.insert(code.parse::<CodiceFiscale>().unwrap()), "{id}");
        assert!(addresses.insert(address), "{id}: {address}");
        assert!(address.ends_with("@postacertificata.example"), "{address}");
        assert!(notice.is_empty() || notice.ends_with("@posta.example"), "{notice}");
        assert!(!surname.is_empty() && !name.is_empty(), "{id}");
        let requested = day(requested).unwrap();
        assert!(before <= requested && requested <= last, "{id}: sorted, and in the years it ran");
        before = requested;
        if let Some(activation) = day(activation) {
            activated += 1;
            assert!(requested <= activation && activation <= last, "{id}");
            used += u32::from(!sent.is_empty());
            assert!(day(sent).is_none_or(|sent| activation <= sent && sent <= last), "{id}");
        } else {
            assert!(sent.is_empty(), "{id}");
        }
    }
    assert_eq!((counts.registrations, counts.activated, counts.used), (60_000, activated, used));
    assert_eq!(counts.bytes, u64::try_from(file.len()).unwrap());
}

#[test]
fn every_kind_of_holder_is_among_them() {
    let (_, file) = made(60_000, 7);
    let count = |is: &dyn Fn(&[&str; 9]) -> bool| rows(&file).filter(is).count();
    let code = |row: &[&str; 9]| row[1].parse::<CodiceFiscale>().unwrap();
    assert!(count(&|row| code(row).omocodia() > 0) > 50, "omocodia");
    assert!((2_000..8_000).contains(&count(&|row| &row[1][11..12] == "Z")), "born abroad");
    assert!(count(&|row| row[4].contains(|c: char| c.is_ascii_digit())) > 1_000, "numbered");
    assert!(count(&|row| row[6] == "2014-12-17") > 50, "activated on the last day");
    assert!(count(&|row| !row[2].is_ascii() || !row[3].is_ascii()) > 500, "accents");
    assert!(count(&|row| row[2].contains('\'')) > 100, "apostrophes");
    assert!((20_000..30_000).contains(&count(&|row| !row[8].is_empty())), "notice addresses");
    let mut surnames: BTreeMap<&str, u32> = BTreeMap::new();
    for row in rows(&file) {
        *surnames.entry(row[2]).or_default() += 1;
    }
    assert!(surnames.len() > 4_000, "{} surnames", surnames.len());
    let commonest = surnames.values().max().unwrap();
    assert!((200..1_200).contains(commonest), "the commonest surname stands {commonest} times");
}

#[test]
fn the_rush_is_at_the_start() {
    let (_, file) = made(60_000, 7);
    let in_month = |year, month| {
        let requested = rows(&file).map(|row| day(row[5]).unwrap());
        requested.filter(|day| (day.year(), day.month()) == (year, month)).count()
    };
    assert!(in_month(2010, 5) > 3 * in_month(2012, 5));
    assert!(in_month(2014, 11) > 500, "and the tail is long");
}

#[test]
fn the_shares_are_exact_at_every_size() {
    for (registrations, activated, used) in
        [(0, 0, 0), (1, 0, 0), (2, 1, 0), (1_000, 565, 101), (100_000, 56_556, 10_180)]
    {
        let (counts, file) = made(registrations, 1);
        assert_eq!((counts.activated, counts.used), (activated, used), "{registrations}");
        assert_eq!(rows(&file).count(), usize::try_from(registrations).unwrap());
        assert_eq!(
            rows(&file).filter(|row| !row[6].is_empty()).count(),
            usize::try_from(activated).unwrap()
        );
        assert_eq!(
            rows(&file).filter(|row| !row[7].is_empty()).count(),
            usize::try_from(used).unwrap()
        );
    }
}

#[test]
fn at_full_size_the_shares_are_those_of_the_real_programme() {
    let activated = scaled(REGISTRATIONS, ACTIVATED, REGISTRATIONS);
    assert_eq!((activated, scaled(activated, USED_OF_HUNDRED, 100)), (1_200_000, 216_000));
}

#[test]
fn a_full_disk_is_told() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _piece: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = generate(&Options { registrations: 10, seed: 1 }, &mut Full).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
