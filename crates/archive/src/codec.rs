//! Packs the events of a message into bytes.
//!
//! An event is the milliseconds since the message's first, its kind, the number of its recipient in
//! the dictionary (0 for none) and the length and text of its related identifier. Numbers are
//! variable in length, seven bits a byte, lowest first.

use chrono::{DateTime, TimeDelta, Utc};

use crate::Kind;

/// An event with a dictionary number for its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) at: DateTime<Utc>,
    pub(crate) kind: Kind,
    pub(crate) recipient: u64,
    pub(crate) related: Option<String>,
}

/// Packs the events of a message whose first instant is `first`.
pub(crate) fn pack(first: DateTime<Utc>, events: &[Packed]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(events.len() * 8);
    for event in events {
        let after = event.at.signed_duration_since(first).num_milliseconds();
        number(&mut bytes, u64::try_from(after).unwrap_or(0));
        let code = Kind::ALL.iter().position(|kind| *kind == event.kind).unwrap_or(0);
        number(&mut bytes, u64::try_from(code).unwrap_or(0));
        number(&mut bytes, event.recipient);
        let related = event.related.as_deref().unwrap_or_default();
        number(&mut bytes, u64::try_from(related.len()).unwrap_or(0));
        bytes.extend_from_slice(related.as_bytes());
    }
    bytes
}

/// Unpacks events; `None` if the bytes were not made by [`pack`].
pub(crate) fn unpack(first: DateTime<Utc>, bytes: &[u8]) -> Option<Vec<Packed>> {
    let mut rest = bytes;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let after = i64::try_from(take_number(&mut rest)?).ok()?;
        let kind = *Kind::ALL.get(usize::try_from(take_number(&mut rest)?).ok()?)?;
        let recipient = take_number(&mut rest)?;
        let length = usize::try_from(take_number(&mut rest)?).ok()?;
        let (text, more) = rest.split_at_checked(length)?;
        rest = more;
        let related = (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned());
        let at = first.checked_add_signed(TimeDelta::try_milliseconds(after)?)?;
        events.push(Packed { at, kind, recipient, related });
    }
    Some(events)
}

/// Packs ascending numbers as deltas.
pub(crate) fn pack_ascending(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 3);
    let mut before = 0;
    for each in numbers {
        number(&mut bytes, each.wrapping_sub(before));
        before = *each;
    }
    bytes
}

/// Unpacks numbers packed by [`pack_ascending`].
pub(crate) fn unpack_ascending(bytes: &[u8]) -> Option<Vec<u64>> {
    let mut rest = bytes;
    let mut numbers = Vec::new();
    let mut last = 0_u64;
    while !rest.is_empty() {
        last = last.checked_add(take_number(&mut rest)?)?;
        numbers.push(last);
    }
    Some(numbers)
}

fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(first: DateTime<Utc>) -> impl Strategy<Value = Vec<Packed>> {
        let event =
            (0_i64..1 << 40, 0..Kind::ALL.len(), any::<u64>(), prop::option::of("[a-z]{1,9}"));
        let event = event.prop_map(move |(after, kind, recipient, related)| Packed {
            at: first + TimeDelta::milliseconds(after),
            kind: Kind::ALL[kind],
            recipient,
            related,
        });
        prop::collection::vec(event, 0..9)
    }

    proptest! {
        #[test]
        fn packing_round_trips_and_no_bytes_cause_a_panic(
            events in events(DateTime::UNIX_EPOCH),
            mut numbers in prop::collection::vec(any::<u64>(), 0..9),
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let first = DateTime::UNIX_EPOCH;
            prop_assert_eq!(unpack(first, &pack(first, &events)), Some(events));
            numbers.sort_unstable();
            prop_assert_eq!(unpack_ascending(&pack_ascending(&numbers)), Some(numbers));
            let _either = (unpack(first, &bytes), unpack_ascending(&bytes));
        }
    }
}
