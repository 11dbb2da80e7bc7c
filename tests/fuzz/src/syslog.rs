//! A growing mail server log.

use std::collections::BTreeMap;

use archive::{Counts, Domains, Kind, LogReader, Message};
use chrono::{DateTime, Utc};

/// The domain whose messages are kept.
const DOMAIN: &str = "postacertificata.example";
/// Lines in a log that gets its time stamps here.
const LINES: usize = 400;

/// A log read while it grows yields the same as a log read at once: no line is counted twice or
/// lost. If the time stamps of a log are ordered, this also holds for the events of each recipient
/// of ours.
///
/// The first byte determines whether the lines get their time stamps here, the second where the log
/// is cut.
pub fn syslog(bytes: &[u8]) {
    let [first, second, text @ ..] = bytes else { return };
    let stamped = first & 1 == 1;
    let log = if stamped { with_stamps(text) } else { text.to_vec() };
    let cut = log.len() * usize::from(*second) / 255;
    let parts = [log.get(..cut).unwrap_or_default(), &log];
    let (at_once, grown) = (read(&[&log]), read(&parts));
    assert_eq!(grown.0, at_once.0, "read while it grew, it has other lines");
    let (lines, counted) = (crate::lines_of(&log), at_once.0);
    assert!(counted.kept + counted.broken <= counted.lines);
    if !is_compressed(&log) {
        assert_eq!(usize::try_from(counted.lines), Ok(lines), "lines were lost or made up");
    }
    for message in at_once.1.iter().chain(&grown.1) {
        let parties = message.events.iter().filter_map(|event| event.recipient.as_deref());
        let ours = parties.chain(message.sender.as_deref()).any(is_ours);
        assert!(ours, "a message between strangers is kept");
    }
    if stamped {
        assert_eq!(ours(&grown.1), ours(&at_once.1), "read while it grew, it tells other things");
    }
}

fn read(parts: &[&[u8]]) -> (Counts, Vec<Message>) {
    let not_after = DateTime::from_timestamp(1_443_657_600, 0).unwrap_or_default();
    let domains = Domains::new([DOMAIN.to_owned()]);
    let mut logs = LogReader::new(domains, chrono_tz::Europe::Rome, not_after);
    for part in parts {
        // A file with another start is another file, and must be reported as such.
        assert!(logs.read(part).is_ok(), "it goes on as it began");
    }
    logs.end()
}

fn is_ours(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(_, domain)| domain == DOMAIN)
}

/// gzip or zstd.
fn is_compressed(log: &[u8]) -> bool {
    log.starts_with(&[0x1f, 0x8b]) || log.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// The events of each recipient of ours, with their counts.
fn ours(messages: &[Message]) -> BTreeMap<(DateTime<Utc>, Kind, &str), usize> {
    let mut events = BTreeMap::new();
    for event in messages.iter().flat_map(|message| &message.events) {
        if let Some(recipient) = event.recipient.as_deref().filter(|address| is_ours(address)) {
            *events.entry((event.at, event.kind, recipient)).or_insert(0) += 1;
        }
    }
    events
}

/// The lines, one second apart.
fn with_stamps(text: &[u8]) -> Vec<u8> {
    let mut log = Vec::new();
    for (second, line) in text.split_inclusive(|byte| *byte == b'\n').take(LINES).enumerate() {
        let stamp = format!("Sep 18 10:{:02}:{:02} mx1 ", second / 60, second % 60);
        log.extend_from_slice(stamp.as_bytes());
        log.extend_from_slice(line);
    }
    log
}
