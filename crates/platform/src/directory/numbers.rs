//! Sets of numbers in transit to and from the database: as text, one row for a whole set.
//!
//! One row per number would cost ten times as much in the driver.

use roaring::RoaringBitmap;

use super::fault::Problem;

/// Parses the output of `group_concat(number)`; NULL is the empty set.
pub(super) fn parse(text: Option<&str>) -> Result<RoaringBitmap, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(RoaringBitmap::new());
    };
    let strange = |_| Problem::Content("holds a mailbox number that is none".to_owned());
    let mut numbers =
        text.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>().map_err(strange)?;
    // The rows come in key order, but nothing guarantees it.
    if !numbers.is_sorted() {
        numbers.sort_unstable();
    }
    Ok(RoaringBitmap::from_sorted_iter(numbers.iter().copied())
        .unwrap_or_else(|_| numbers.iter().collect()))
}

/// Formats a set as a JSON array, for `json_each`.
pub(super) fn json(numbers: &RoaringBitmap) -> String {
    let mut text = String::with_capacity(2 + 8 * usize::try_from(numbers.len()).unwrap_or(0));
    text.push('[');
    for number in numbers {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&number.to_string());
    }
    text.push(']');
    text
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
            let json = json(&numbers);
            prop_assert_eq!(parse(Some(json.trim_matches(['[', ']']))).unwrap(), numbers);
        }
    }

    #[test]
    fn text_that_holds_no_numbers_is_no_set() {
        assert!(parse(None).unwrap().is_empty());
        assert_eq!(parse(Some("3,1,2,1")).unwrap(), [1, 2, 3].into_iter().collect());
        for strange in ["1,-2", "a", "4294967296", "1,"] {
            assert!(parse(Some(strange)).is_err(), "{strange}");
        }
    }
}
