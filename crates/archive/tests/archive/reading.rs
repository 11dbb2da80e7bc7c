use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use archive::{Domains, Entry, Index, IndexRequest, Indexed, Kind, LogArchive, Period};
use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Europe::Rome;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;

use crate::maillog::{ANNA, BRUNO, MailLog, OFFICE, Style};

pub(crate) struct IndexedLog {
    folder: TempDir,
    pub(crate) index: Index,
}

impl IndexedLog {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("archive.db")).await.unwrap();
        Self { folder, index }
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let written: DateTime<Utc> = "2015-12-31T00:00:00Z".parse().unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(written.into()).unwrap();
        path
    }

    pub(crate) async fn read(&self, files: &[&Path]) -> Indexed {
        self.try_read(files).await.unwrap()
    }

    async fn try_read(&self, files: &[&Path]) -> Result<Indexed, archive::Error> {
        let request = IndexRequest {
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            domains: Domains::new(["postacertificata.example".to_owned()]),
            zone: Rome,
            not_after: None,
        };
        self.index.read_logs(request, |_| {}).await
    }

    pub(crate) async fn of(&self, address: &str) -> Vec<Entry> {
        self.index.messages(address, Period::ALL).await.unwrap()
    }
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn kinds(entries: &[Entry]) -> Vec<Kind> {
    entries.iter().map(|entry| entry.kind).collect()
}

/// A week of mail.
fn week(style: Style) -> MailLog {
    let mut log = MailLog::new(style, "2015-07-10T08:00:00Z");
    log.sent(ANNA, &[OFFICE, "urp@regione.example"], "Ricorso n. 4");
    log.foreign();
    log.received(OFFICE, &[ANNA, BRUNO]);
    log.line("sshd", "session opened for user x");
    log.received("x@regione.example", &[BRUNO]);
    log
}

#[tokio::test]
async fn a_mailbox_gets_its_own_entries_with_all_fields() {
    for style in [Style::Classic, Style::Rfc3339] {
        let place = IndexedLog::new().await;
        let log = place.file("mail.log", week(style).text().as_bytes());
        let read = place.read(&[&log]).await;
        assert_eq!((read.counts.broken, read.messages), (0, 3), "{style:?}");
        let of_anna = place.of(&ANNA.to_uppercase()).await;
        let expected = [
            Kind::Accepted,
            Kind::Forwarded,
            Kind::Forwarded,
            Kind::TakenInCharge,
            Kind::Stored,
            Kind::Delivered,
        ];
        assert_eq!(kinds(&of_anna), expected, "{style:?}");
        let sent = &of_anna[0];
        assert_eq!(sent.message_id, "3F2A0001@pc.example");
        assert_eq!(sent.at, "2015-07-10T08:00:04Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!(sent.sender.as_deref(), Some(ANNA));
        assert_eq!(sent.recipients, [OFFICE, "urp@regione.example"]);
        assert_eq!(sent.subject.as_deref(), Some("Ricorso n. 4"));
        assert_eq!(sent.provider.as_deref(), Some("mx1"), "where she sits is no provider");
        assert_eq!(of_anna[1].recipients, [OFFICE]);
        assert_eq!(of_anna[1].related, ["3F2A0001", "R3F2A0001"]);
        let got = &of_anna[4];
        assert_eq!(got.recipients, [ANNA], "who else got it is the sender's to know");
        assert_eq!(got.sender.as_deref(), Some(OFFICE));
        assert_eq!(got.provider.as_deref(), Some("mail.comune.example"));
        assert_eq!(place.of(BRUNO).await.len(), 6);
        assert_eq!(place.of("y@altrove.example").await, []);
    }
}

#[tokio::test]
async fn a_period_covers_whole_days_in_the_plan_s_zone() {
    let place = IndexedLog::new().await;
    let mut log = MailLog::new(Style::Rfc3339, "2015-07-10T21:59:55Z");
    log.received(OFFICE, &[ANNA]);
    log.received(OFFICE, &[ANNA]);
    let log = place.file("mail.log", log.text().as_bytes());
    place.read(&[&log]).await;
    let day = "2015-07-10".parse().ok();
    for (from, through, count) in [(None, None, 6), (None, day, 3), (day, day, 3), (day, None, 6)] {
        let period = Period::days(from, through, Rome);
        let found = place.index.messages(ANNA, period).await.unwrap();
        assert_eq!(found.len(), count, "{from:?} {through:?}");
    }
}

#[tokio::test]
async fn a_rotated_compressed_or_copied_file_counts_once() {
    let place = IndexedLog::new().await;
    let (mut log, mut later) =
        (week(Style::Classic), MailLog::new(Style::Classic, "2015-07-17T08:00:00Z"));
    later.sent(BRUNO, &[OFFICE], "Altro");
    for number in 0..9 {
        log.sent(BRUNO, &[OFFICE], &format!("Domanda {number}"));
    }
    let old = log.text();
    let first = place.file("mail.log", old.as_bytes());
    let read = place.read(&[&first]).await;
    let lines = u64::try_from(log.lines.len()).unwrap();
    assert_eq!(read.counts.lines, lines);
    let before = (place.of(ANNA).await, place.of(BRUNO).await);
    let held = place.index.held().await.unwrap();
    let zipped = place.file("mail.log.2.gz", &gz(old.as_bytes()));
    let packed = place.file("mail.log.3.zst", &zstd(old.as_bytes()));
    let copy = place.file("copy", old.as_bytes());
    let part = place.file("part", log.lines[..40].concat().as_bytes());
    for again in [&first, &zipped, &packed, &copy, &part] {
        let read = place.read(&[again]).await;
        assert_eq!((read.counts.lines, read.files[0].known), (0, true), "{again:?}");
    }
    assert_eq!(before, (place.of(ANNA).await, place.of(BRUNO).await));
    assert_eq!(place.index.held().await.unwrap(), held);
    // Renamed, grown and compressed.
    log.now = "2015-07-12T08:00:00Z".parse().unwrap();
    log.sent(ANNA, &[OFFICE], "Ancora");
    let grown = place.file("mail.log.4.gz", &gz(log.text().as_bytes()));
    let newest = place.file("mail.log", later.text().as_bytes());
    // In a shell's order.
    let read = place.read(&[&newest, &grown]).await;
    assert_eq!(read.files[0].counts.lines, u64::try_from(log.lines.len()).unwrap() - lines);
    assert_eq!(place.of(ANNA).await.len(), before.0.len() + 2);
    assert_eq!(place.of(BRUNO).await.len(), before.1.len() + 2);
}

#[tokio::test]
async fn a_file_that_differs_from_what_was_indexed_is_refused() {
    let place = IndexedLog::new().await;
    let mut text = String::new();
    for _ in 0..9 {
        text.push_str(&week(Style::Classic).text());
    }
    let log = place.file("mail.log", text.as_bytes());
    place.read(&[&log]).await;
    let mut edited = text.clone().into_bytes();
    let near_the_end = edited.len() - 50;
    edited[near_the_end] = b'~';
    edited.extend_from_slice(b"more\n");
    let log = place.file("mail.log", &edited);
    let refused = place.try_read(&[&log]).await.unwrap_err();
    assert!(matches!(refused, archive::Error::OtherContent { .. }), "{refused}");
}

#[tokio::test]
async fn broken_lines_are_counted_and_an_incomplete_last_line_waits() {
    let place = IndexedLog::new().await;
    let mut log = week(Style::Classic);
    log.lines.insert(3, "no line of syslog\n".to_owned());
    log.lines.insert(9, format!("{}\n", "x".repeat(200_000)));
    log.lines.insert(12, "\n".to_owned());
    let text = log.text();
    let whole = place.file("whole", text.as_bytes());
    let expected = {
        let place = IndexedLog::new().await;
        let read = place.read(&[&whole]).await;
        assert_eq!(read.counts.broken, 3);
        (read.counts, place.of(ANNA).await)
    };
    let cut = text.len() - 30;
    let log = place.file("mail.log", &text.as_bytes()[..cut]);
    let first = place.read(&[&log]).await;
    assert!(first.files[0].unfinished && first.counts.lines == expected.0.lines - 1);
    let log = place.file("mail.log", text.as_bytes());
    let rest = place.read(&[&log]).await;
    assert_eq!(rest.counts.lines, 1);
    assert_eq!(place.of(ANNA).await, expected.1);
}

#[tokio::test]
async fn a_truncated_compressed_file_is_read_as_far_as_it_goes() {
    let mut log = MailLog::new(Style::Rfc3339, "2015-07-10T08:00:00Z");
    for number in 0..300 {
        log.sent(ANNA, &[OFFICE], &format!("Lettera {number}"));
    }
    let text = log.text();
    for packed in [gz(text.as_bytes()), zstd(text.as_bytes())] {
        let place = IndexedLog::new().await;
        let cut = place.file("mail.log.2", &packed[..packed.len() * 3 / 4]);
        let read = place.read(&[&cut]).await;
        assert!(read.files[0].damaged && read.counts.lines > 0 && read.counts.lines < 2_000);
        let whole = place.file("mail.log.2", &packed);
        let rest = place.read(&[&whole]).await;
        assert!(!rest.files[0].damaged && rest.files[0].known);
        assert_eq!(rest.counts.lines + read.counts.lines, u64::try_from(log.lines.len()).unwrap());
        assert_eq!(place.of(ANNA).await.len(), 600);
    }
}

#[tokio::test]
async fn a_damaged_file_is_reported_and_the_others_are_read() {
    let place = IndexedLog::new().await;
    let good = place.file("mail.log", week(Style::Rfc3339).text().as_bytes());
    let mut packed = zstd(week(Style::Classic).text().as_bytes());
    for at in [4, packed.len() / 2] {
        packed[at] ^= 0x55;
        let bad = place.file("mail.log.1.zst", &packed);
        let read = place.read(&[&bad, &good]).await;
        let damaged: Vec<_> = read.files.iter().filter(|file| file.damaged).collect();
        assert!(damaged.len() == 1 && damaged[0].name == "mail.log.1.zst", "{at}");
    }
    assert!(!place.of(ANNA).await.is_empty());
}

/// Regressions: each of these files yielded something else when it was read while it grew.
#[tokio::test]
async fn the_last_line_before_a_cut_determines_the_year_after_it() {
    let delivered = "mx1 postfix/lmtp[4]: 3F2A41C0: to=<anna.rossi@postacertificata.example>, \
                     relay=x, \
                     dsn=2.0.0, status=sent (250 Ok)\n";
    for (before, year) in [
        ("Jun  1 00:00:00 mx1 postfix/qmgr[1]: 77AB12: removed\nDec 31 23:59:58 mx1\n", 2016),
        ("2014-12-31T23:59:58+01:00 mx1 postfix/qmgr[1]: 77AB12: removed\n", 2015),
        (" mx1 postfix/qmgr[1]: 77AB12: removed\n", 2016),
    ] {
        let log = format!("{before}Jan  1 00:00:00 {delivered}");
        let mut told = Vec::new();
        for parts in [&[&log[..before.len()], &log][..], &[&log]] {
            let place = IndexedLog::new().await;
            for part in parts {
                let file = place.file("mail.log", part.as_bytes());
                place.read(&[&file]).await;
            }
            told.push(place.of(ANNA).await);
        }
        assert!(told[0] == told[1] && told[0].len() == 1, "{before}: {told:?}");
        let first = Rome.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
        assert_eq!(told[0][0].at, first, "{before}");
    }
}

#[tokio::test]
async fn deferrals_and_refusals_are_recorded_once() {
    let place = IndexedLog::new().await;
    let mut log = MailLog::new(Style::Rfc3339, "2015-07-10T08:00:00Z");
    log.line("postfix/qmgr", &format!("3F2A41C0: from=<{ANNA}>, size=1, nrcpt=1 (queue active)"));
    for _ in 0..3 {
        log.line(
            "postfix/qmgr",
            &format!("3F2A41C0: from=<{ANNA}>, size=1, nrcpt=1 (queue active)"),
        );
        log.line(
            "postfix/smtp",
            &format!(
                "3F2A41C0: to=<{OFFICE}>, relay=none, delay=1, \
            dsn=4.4.1, status=deferred (no route)"
            ),
        );
    }
    log.line(
        "postfix/smtp",
        &format!("3F2A41C0: to=<{OFFICE}>, relay=none, delay=1, dsn=5.4.1, status=bounced (no)"),
    );
    log.line("postfix/bounce", "3F2A41C0: sender non-delivery notification: 55CD66");
    log.line("postfix/qmgr", "3F2A41C0: removed");
    log.line(
        "postfix/smtpd",
        &format!(
            "NOQUEUE: reject: RCPT from mail.comune.example[192.0.2.2]: \
                                        550 5.7.1 <{ANNA}>: closed; from=<{OFFICE}> to=<{ANNA}> \
                                        proto=ESMTP helo=<x>"
        ),
    );
    let log = place.file("mail.log", log.text().as_bytes());
    place.read(&[&log]).await;
    let found = place.of(ANNA).await;
    let expected = [Kind::Accepted, Kind::Delayed, Kind::Failed, Kind::Reported, Kind::Refused];
    assert_eq!(kinds(&found), expected);
    assert_eq!(found[3].related, ["3F2A41C0", "55CD66"]);
    assert_eq!(found[4].provider.as_deref(), Some("mail.comune.example"));
}

#[tokio::test]
async fn the_index_is_private_and_has_one_writer_at_a_time() {
    let place = IndexedLog::new().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.index.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let lock = File::create(place.folder.path().join("archive.lock")).unwrap();
    lock.lock().unwrap();
    let refused = place.try_read(&[]).await.unwrap_err();
    assert!(matches!(refused, archive::Error::Locked { .. }) && refused.may_retry());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The result does not depend on how a log is cut into files and runs.
    #[test]
    fn the_result_does_not_depend_on_cuts_and_repetitions(
        cuts in prop::collection::vec(0_usize..4_000, 0..5),
        classic in any::<bool>(),
        together in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let log = week(if classic { Style::Classic } else { Style::Rfc3339 });
            let text = log.text();
            let whole = IndexedLog::new().await;
            let file = whole.file("mail.log", text.as_bytes());
            whole.read(&[&file]).await;
            let place = IndexedLog::new().await;
            // Rotation cuts between lines; a growing log is read up to any byte.
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % text.len()).collect();
            ends.sort_unstable();
            if together {
                let mut lines: Vec<usize> = ends.iter().map(|end| end % log.lines.len()).collect();
                lines.extend([0, log.lines.len()]);
                lines.sort_unstable();
                let files: Vec<PathBuf> = lines.windows(2).enumerate().map(|(place_, pair)| {
                    let text = log.lines[pair[0]..pair[1]].concat();
                    place.file(&format!("mail.log.{place_}"), text.as_bytes())
                }).collect();
                let shuffled: Vec<&Path> = files.iter().rev().map(PathBuf::as_path).collect();
                place.read(&shuffled).await;
            } else {
                for end in ends.into_iter().chain([text.len()]) {
                    let file = place.file("mail.log", &text.as_bytes()[..end]);
                    place.read(&[&file]).await;
                }
            }
            for address in [ANNA, BRUNO] {
                assert_eq!(place.of(address).await, whole.of(address).await);
            }
        });
    }
}

/// Lines of Postfix daemons on one host, one per second from an instant on.
fn lines(host: &str, from: &str, said: &[(&str, &str)]) -> String {
    let from: DateTime<Utc> = from.parse().unwrap();
    let line = |(second, (part, text)): (i64, &(&str, &str))| {
        let at = (from + chrono::TimeDelta::seconds(second)).to_rfc3339();
        format!("{at} {host} postfix/{part}[7]: {text}\n")
    };
    (0..).zip(said).map(line).collect()
}

#[tokio::test]
async fn a_refused_recipient_does_not_end_a_message() {
    let place = IndexedLog::new().await;
    let gone = "gone@postacertificata.example";
    let rejected = format!(
        "3F2A41C0: reject: RCPT from mail.comune.example[192.0.2.2]: 550 5.1.1 <{gone}>: Recipient \
         address rejected: User unknown in virtual mailbox table; from=<{OFFICE}> to=<{gone}> \
         proto=ESMTP helo=<mail.comune.example>"
    );
    let log = [
        ("smtpd", "3F2A41C0: client=mail.comune.example[192.0.2.2]"),
        ("smtpd", &rejected),
        ("cleanup", "3F2A41C0: message-id=<uno@comune.example>"),
        ("qmgr", &format!("3F2A41C0: from=<{OFFICE}>, size=900, nrcpt=1 (queue active)")),
        ("lmtp", &format!("3F2A41C0: to=<{ANNA}>, relay=x, dsn=2.0.0, status=sent (250 Ok)")),
        ("qmgr", "3F2A41C0: removed"),
    ];
    let log = place.file("mail.log", lines("mx1", "2015-07-10T08:00:00Z", &log).as_bytes());
    place.read(&[&log]).await;
    let of_anna = place.of(ANNA).await;
    assert_eq!(kinds(&of_anna), [Kind::TakenInCharge, Kind::Delivered]);
    let told = |entry: &Entry| (entry.message_id.clone(), entry.provider.clone());
    let expected = ("uno@comune.example".to_owned(), Some("mail.comune.example".to_owned()));
    assert!(of_anna.iter().all(|entry| told(entry) == expected), "{of_anna:?}");
    assert_eq!(kinds(&place.of(gone).await), [Kind::Refused]);
}

#[tokio::test]
async fn a_stale_message_is_closed_by_a_later_run() {
    let place = IndexedLog::new().await;
    let begun = [("smtpd", "3F2A41C0: client=mail.comune.example[192.0.2.2]")];
    let first = place.file("mail.1", lines("mx1", "2015-07-10T08:00:00Z", &begun).as_bytes());
    place.read(&[&first]).await;
    assert_eq!(place.index.held().await.unwrap().messages, 1, "it may go on");
    let after = [("smtpd", "44AA41C1: client=mail.comune.example[192.0.2.2]")];
    for (name, from, left) in
        [("mail.2", "2015-07-20T07:00:00Z", 2), ("mail.3", "2015-07-20T09:00:00Z", 1)]
    {
        let next = place.file(name, lines("mx1", from, &after).as_bytes());
        place.read(&[&next]).await;
        assert_eq!(place.index.held().await.unwrap().messages, left, "{name}");
    }
}

#[tokio::test]
async fn a_host_with_a_fast_clock_splits_no_message() {
    let place = IndexedLog::new().await;
    let begun = [
        ("smtpd", "3F2A41C0: client=x[192.0.2.9], sasl_method=PLAIN, sasl_username=x"),
        ("cleanup", "3F2A41C0: message-id=<uno@pc.example>"),
        ("qmgr", &format!("3F2A41C0: from=<{ANNA}>, size=900, nrcpt=1 (queue active)")),
    ];
    let ends = [
        ("smtp", &format!("3F2A41C0: to=<{OFFICE}>, relay=x, dsn=2.0.0, status=sent (250 Ok)")[..]),
        ("qmgr", "3F2A41C0: removed"),
    ];
    let ahead = [("smtpd", "99AA41C1: client=mail.comune.example[192.0.2.2]")];
    let file = |name, host, from, said: &[(&str, &str)]| {
        place.file(name, lines(host, from, said).as_bytes())
    };
    let mx1 = file("mx1.1", "mx1", "2015-07-10T08:00:00Z", &begun);
    let mx2 = file("mx2.1", "mx2", "2015-07-25T08:00:00Z", &ahead);
    place.read(&[&mx1, &mx2]).await;
    place.read(&[&file("mx1.2", "mx1", "2015-07-14T08:00:00Z", &ends)]).await;
    let of_anna = place.of(ANNA).await;
    assert_eq!(kinds(&of_anna), [Kind::Accepted, Kind::Forwarded]);
    assert_eq!(of_anna[1].message_id, "uno@pc.example");
}
