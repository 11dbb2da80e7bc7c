//! Logs as Postfix and Dovecot write them, by a generator that is the same each time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Rome;
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::Fallible;

pub(crate) const DOMAIN: &str = "postacertificata.example";
/// Mailboxes that ever send or receive: 18 % of 1,200,000.
const USED: u64 = 216_000;
/// Offices that they write to.
const OFFICES: u64 = 20_000;
/// Of so many messages, one is the busiest mailbox's.
const BUSIEST: u64 = 8_000;
/// Messages under way at once.
const AT_ONCE: usize = 50;
/// Lines in a file.
const ROTATED: u64 = 2_000_000;

/// When the logs begin; they last thirty months, whatever their size.
pub(crate) fn first() -> DateTime<Utc> {
    DateTime::from_timestamp(1_363_561_200, 0).unwrap_or_default()
}

/// The address of a used mailbox.
pub(crate) fn address(number: u32) -> String {
    format!("nome{}.cognome{number}@{DOMAIN}", number % 997)
}

/// Writes so many lines into files below the folder: the newest plain, of the others half by gzip,
/// half by zstd.
pub(crate) fn logs(folder: &Path, lines: u64) -> Fallible<Vec<PathBuf>> {
    let mut stories = Stories { draw: Draw(42), under_way: VecDeque::new(), message: 0 };
    let mut files = Vec::new();
    let step = TimeDelta::milliseconds(i64::try_from(900 * 86_400_000 / lines.max(1))?);
    let mut now = first();
    let mut left = lines;
    while left > 0 {
        let many = left.min(ROTATED);
        left -= many;
        let number = files.len();
        let ending = match (left, number % 2) {
            (0, _) => "",
            (_, 0) => ".gz",
            _ => ".zst",
        };
        let path = folder.join(format!("mail.log.{number:03}{ending}"));
        let file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let mut file: Box<dyn Finish> = match ending {
            ".gz" => Box::new(GzEncoder::new(file, Compression::fast())),
            ".zst" => Box::new(ZstdEncoder { file, piece: Vec::new() }),
            _ => Box::new(file),
        };
        let (mut second, mut stamp) = (0, String::new());
        for _ in 0..many {
            now += step;
            if now.timestamp() != second {
                second = now.timestamp();
                stamp = now.with_timezone(&Rome).format("%b %e %H:%M:%S").to_string();
            }
            let line = stories.next();
            writeln!(file, "{stamp} mx1 {line}")?;
        }
        file.finish()?;
        files.push(path);
    }
    Ok(files)
}

trait Finish: Write {
    fn finish(self: Box<Self>) -> std::io::Result<()>;
}

impl<W: Write> Finish for GzEncoder<W> {
    fn finish(self: Box<Self>) -> std::io::Result<()> {
        (*self).finish()?.flush()
    }
}

/// Compresses piece by piece, each into a frame of its own.
struct ZstdEncoder {
    file: BufWriter<File>,
    piece: Vec<u8>,
}

impl Write for ZstdEncoder {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= 8 << 20 {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let frame = compress_to_vec(self.piece.as_slice(), CompressionLevel::Fastest);
        self.piece.clear();
        self.file.write_all(&frame)
    }
}

impl Finish for ZstdEncoder {
    fn finish(mut self: Box<Self>) -> std::io::Result<()> {
        self.flush()?;
        self.file.flush()
    }
}

impl Finish for BufWriter<File> {
    fn finish(mut self: Box<Self>) -> std::io::Result<()> {
        self.flush()
    }
}

/// Numbers that look like chance (`SplitMix64`).
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % most
    }
}

/// Messages under way, whose lines come one after the other, in between those of others.
struct Stories {
    draw: Draw,
    under_way: VecDeque<VecDeque<String>>,
    message: u64,
}

impl Stories {
    fn next(&mut self) -> String {
        while self.under_way.len() < AT_ONCE {
            let story = self.begin();
            self.under_way.push_back(story);
        }
        let chosen = usize::try_from(self.draw.below(4)).unwrap_or(0);
        self.under_way.swap(0, chosen);
        let Some(mut story) = self.under_way.pop_front() else { return String::new() };
        let line = story.pop_front().unwrap_or_default();
        if !story.is_empty() {
            self.under_way.push_back(story);
        }
        line
    }

    /// Eight lines about one message, as the two servers write them.
    fn begin(&mut self) -> VecDeque<String> {
        self.message += 1;
        let number = self.message;
        // Some are far busier than others.
        let holder = if number.is_multiple_of(BUSIEST) {
            0
        } else {
            1 + self.draw.below(USED - 1) * self.draw.below(1_000) / 1_000
        };
        let holder = address(u32::try_from(holder).unwrap_or(0));
        let office = self.draw.below(OFFICES);
        let office = format!("protocollo@comune{office}.example");
        let queue = format!("{:X}", 0x3F2_0000_0000 + number * 13);
        let client = format!("mx{}.provider.example[192.0.2.{}]", number % 40, number % 250);
        if number.is_multiple_of(3) {
            sent(&queue, &holder, &office, &client)
        } else {
            received(&queue, &office, &holder, &client)
        }
        .into()
    }
}

fn sent(queue: &str, from: &str, to: &str, client: &str) -> [String; 8] {
    [
        format!("postfix/smtpd[711]: connect from {client}"),
        format!(
            "postfix/smtpd[711]: {queue}: client={client}, sasl_method=PLAIN, sasl_username={from}"
        ),
        format!(
            "postfix/cleanup[712]: {queue}: info: header Subject: Richiesta di informazioni \
             {queue} from {client}; from=<{from}> to=<{to}> proto=ESMTP helo=<pc>"
        ),
        format!("postfix/cleanup[712]: {queue}: message-id=<opec{queue}.20150318@pc.example>"),
        format!("postfix/qmgr[713]: {queue}: from=<{from}>, size=10240, nrcpt=1 (queue active)"),
        format!(
            "postfix/smtp[714]: {queue}: to=<{to}>, relay=mx.comune.example[192.0.2.2]:25, \
             delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as \
             4A{queue})"
        ),
        format!("postfix/qmgr[713]: {queue}: removed"),
        format!("postfix/smtpd[711]: disconnect from {client}"),
    ]
}

fn received(queue: &str, from: &str, to: &str, client: &str) -> [String; 8] {
    [
        format!("postfix/smtpd[711]: connect from {client}"),
        format!("postfix/smtpd[711]: {queue}: client={client}"),
        format!(
            "postfix/cleanup[712]: {queue}: message-id=<opec{queue}.20150318@provider.example>"
        ),
        format!("postfix/qmgr[713]: {queue}: from=<{from}>, size=20480, nrcpt=1 (queue active)"),
        format!(
            "dovecot: lmtp({to})<12><x{queue}>: msgid=<opec{queue}.20150318@provider.example>: \
             saved mail to INBOX"
        ),
        format!(
            "postfix/lmtp[715]: {queue}: to=<{to}>, relay=mail[private/dovecot-lmtp], delay=0.2, \
             delays=0.1/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 <{to}> Saved)"
        ),
        format!("postfix/qmgr[713]: {queue}: removed"),
        format!("postfix/smtpd[711]: disconnect from {client}"),
    ]
}
