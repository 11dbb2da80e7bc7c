//! Sets of numbers in transit to and from the database: one value for a whole set.
//!
//! One row per number would cost ten times as much in the driver.

use roaring::RoaringBitmap;
use sql::Param;

use super::name::Problem;

/// A set as a parameter.
pub(super) fn param(numbers: &RoaringBitmap) -> Param {
    Param::Numbers(numbers.iter().map(i64::from).collect())
}

/// Parses numbers separated by commas; NULL is the empty set.
pub(super) fn parse(text: Option<&str>) -> Result<RoaringBitmap, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(RoaringBitmap::new());
    };
    let invalid = |_| Problem::Refused("holds an invalid mailbox number".to_owned());
    let mut numbers =
        text.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>().map_err(invalid)?;
    // The rows come in key order, but nothing guarantees it.
    if !numbers.is_sorted() {
        numbers.sort_unstable();
    }
    Ok(RoaringBitmap::from_sorted_iter(numbers.iter().copied())
        .unwrap_or_else(|_| numbers.iter().collect()))
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_survives_its_text(numbers in btree_set(any::<u32>(), 0..50)) {
            let numbers: RoaringBitmap = numbers.into_iter().collect();
            let json = sql::json(numbers.iter().map(i64::from));
            prop_assert_eq!(parse(Some(json.trim_matches(['[', ']']))).unwrap(), numbers);
        }
    }

    #[test]
    fn text_that_holds_no_numbers_is_no_set() {
        assert!(parse(None).unwrap().is_empty());
        assert_eq!(parse(Some("3,1,2,1")).unwrap(), [1, 2, 3].into_iter().collect());
        for invalid in ["1,-2", "a", "4294967296", "1,"] {
            assert!(parse(Some(invalid)).is_err(), "{invalid}");
        }
    }
}
