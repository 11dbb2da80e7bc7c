//! The seeds of each target, and the dictionary of its language.

use std::path::Path;
use std::{fs, io};

use domain::VoucherCode;

use crate::corpus::{self, CODE, MAILBOX};
use crate::lmtp::INTAKE;

/// A target and its seeds.
pub struct Target {
    /// Its name, in `tests/fuzz/targets`.
    pub name: &'static str,
    /// The check of any bytes.
    pub check: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
    words: &'static [&'static str],
}

/// All targets.
pub const TARGETS: [Target; 4] = [
    Target { name: "code", check: crate::code, seeds: codes, words: &["\u{2013}", "\u{a0}"] },
    Target { name: "lmtp", check: crate::lmtp, seeds: conversations, words: &LMTP },
    Target { name: "message", check: crate::message, seeds: messages, words: &MIME },
    Target { name: "syslog", check: crate::syslog, seeds: logs, words: &SYSLOG },
];

/// Larger seeds make each run slow and find no more.
const LARGEST: usize = 16 * 1024;

const LMTP: [&str; 16] = [
    "LHLO mx\r\n",
    "MAIL FROM:<a@b.example>\r\n",
    "MAIL FROM:<>",
    " SIZE=301",
    " BODY=8BITMIME",
    "RCPT TO:<requests@agency.example>\r\n",
    "RCPT TO:<",
    "DATA\r\n",
    "\r\n.\r\n",
    "\r\n..",
    "\n.\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "VRFY ",
    "QUIT\r\n",
    "@relay.example:",
];

const MIME: [&str; 24] = [
    "\r\nContent-Type: ",
    "multipart/mixed; boundary=b\r\n\r\n--b\r\n",
    "\r\n--b--\r\n",
    "text/html",
    "text/plain; charset=utf-16",
    "; charset=iso-2022-jp",
    "message/rfc822\r\n\r\n",
    "application/ms-tnef",
    "\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
    "=C3=A8=\r\n",
    "; name=\"postacert.eml\"",
    "; filename*0*=utf-8''posta",
    "\r\nX-Trasporto: posta-certificata\r\n",
    "\r\nX-Ricevuta: accettazione\r\n",
    "\r\nAuto-Submitted: auto-replied\r\n",
    "\r\nAuthentication-Results: mx.agency.example; dmarc=pass\r\n",
    "\r\nReturn-Path: <>\r\n",
    "\r\nSubject: =?utf-8?B?w6g=?=\r\n",
    "RSSMRA85T10A562S",
    "a@b.example",
    "&nbsp;",
    "<!--",
    "\u{a0}",
];

const SYSLOG: [&str; 24] = [
    "Dec 31 23:59:59 mx1 ",
    "Jan  1 00:00:00 mx1 ",
    "Oct 25 02:30:00 mx1 ",
    "Feb 29 ",
    "2015-09-18T00:00:00.25+02:00 mx1 ",
    "postfix/smtpd[1]: ",
    "postfix/cleanup[1]: ",
    "postfix/qmgr[1]: ",
    "postfix/lmtp[1]: ",
    "postfix/smtp[1]: ",
    "postfix/bounce[1]: ",
    "dovecot: lmtp(a@postacertificata.example)<1><x>: msgid=<1@b.example>: saved mail to INBOX\n",
    "3F2A41C0: ",
    "client=unknown[192.0.2.9], sasl_username=a",
    "message-id=<1@b.example>\n",
    "from=<a@b.example>, size=1, nrcpt=1 (queue active)\n",
    "to=<a@postacertificata.example>, orig_to=<b@postacertificata.example>",
    ", relay=x, dsn=2.0.0, status=sent (250 queued as 77AB)\n",
    ", status=deferred (no)\n",
    ", status=bounced (no)\n",
    "sender non-delivery notification: 55CD\n",
    "removed\n",
    "NOQUEUE: reject: RCPT from b.example[192.0.2.1]: 550 no; from=<a@b.example> \
     to=<a@postacertificata.example>\n",
    "info: header Subject: x from y; from=<a@b.example>\n",
];

fn codes() -> Vec<Vec<u8>> {
    let code = VoucherCode::from_random(0x0123_4567_89AB_CDEF_0F1E_2D3C_4B5A_6978);
    [code.canonical(), code.shown(), code.shown().to_lowercase(), "0".repeat(18), "OIL-SU".into()]
        .map(String::into_bytes)
        .to_vec()
}

fn conversations() -> Vec<Vec<u8>> {
    let (from, to) = ("LHLO mx\r\nMAIL FROM:<a@b.example>\r\n", format!("RCPT TO:<{INTAKE}>\r\n"));
    let one = format!("MAIL FROM:<>\r\n{to}DATA\r\na: b\r\n.\r\n");
    let large = "0123456789\r\n".repeat(40);
    [
        format!("\0\0{from}{to}DATA\r\na: b\r\n\r\n..\r\n.c\r\n.\r\nQUIT\r\n"),
        format!("\u{1}\u{7}{from}{to}{to}RCPT TO:<x@y>\r\nDATA\r\n.\r\n{one}{one}"),
        format!("\0\u{3}{from}{to}DATA\r\n{large}.\r\n{one}"),
        format!("\0\u{5}{from}{to}DATA\r\na\n.\r\nb\r\n.\r\n{one}"),
        format!(
            "\0\u{9}{from}RSET\r\nDATA\r\nEHLO x\r\nVRFY x\r\nNOOP\r\nMAIL FROM:<\"a>b\"@c> \
                 SIZE=301\r\n"
        ),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn messages() -> Vec<Vec<u8>> {
    let mut all = corpus::corpus();
    all.retain(|example| example.bytes.len() <= LARGEST);
    let sent = |example: corpus::Example| {
        let sender = u8::from(example.sender.is_empty()) + 1;
        [&[sender], &*example.bytes].concat()
    };
    let mut seeds: Vec<Vec<u8>> = all.into_iter().map(sent).collect();
    seeds.push(format!("\0Subject: {CODE} {MAILBOX}\r\n\r\n").into_bytes());
    seeds
}

fn logs() -> Vec<Vec<u8>> {
    let lines = |lines: &[&str]| lines.concat();
    let story = lines(&[
        "postfix/smtpd[1]: 3F2A41C0: client=mail.example[192.0.2.1]\n",
        "postfix/cleanup[2]: 3F2A41C0: message-id=<1@b.example>\n",
        "postfix/qmgr[3]: 3F2A41C0: from=<a@b.example>, size=1234, nrcpt=1 (queue active)\n",
        "postfix/lmtp[4]: 3F2A41C0: to=<a@postacertificata.example>, relay=x, delay=1, dsn=2.0.0, \
         status=sent (250 Ok)\n",
        "dovecot: lmtp(a@postacertificata.example)<12><x1>: msgid=<1@b.example>: saved mail to \
         INBOX\n",
        "postfix/qmgr[3]: 3F2A41C0: removed\n",
    ]);
    let sent = lines(&[
        "postfix/smtpd[1]: 4XyZ1bCd: client=unknown[192.0.2.9], \
         sasl_username=a@postacertificata.example\n",
        "postfix/qmgr[3]: 4XyZ1bCd: from=<a@postacertificata.example>, size=1, nrcpt=2 (queue \
         active)\n",
        "postfix/smtp[4]: 4XyZ1bCd: to=<c@d.example>, relay=x, dsn=4.0.0, status=deferred \
         (later)\n",
        "postfix/smtp[4]: 4XyZ1bCd: to=<c@d.example>, relay=x, dsn=5.0.0, status=bounced (no)\n",
        "postfix/bounce[5]: 4XyZ1bCd: sender non-delivery notification: 55CD\n",
    ]);
    let stamped = |stamp: &str, log: &str| {
        log.split_inclusive('\n').flat_map(|line| [stamp, " mx1 ", line]).collect::<String>()
    };
    [
        format!("\u{1}\u{7f}{story}{sent}"),
        format!("\u{1}\u{40}{sent}{story}{story}"),
        format!("\0\u{7f}{}", stamped("Sep 18 10:00:01", &story)),
        format!(
            "\0\u{30}{}{}",
            stamped("Oct 25 02:30:00", &story),
            stamped("2015-12-31T23:59:59.5+01:00", &sent),
        ),
        format!("\0\u{20}{}nonsense\n\n\r\n", stamped("Dec 31 23:59:59", &sent)),
    ]
    .map(String::into_bytes)
    .to_vec()
}

impl Target {
    /// Its seeds.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }
}

/// Writes the seeds and the dictionary of each target for libFuzzer: `lmtp/0`, …, `lmtp.dict`.
pub fn write(folder: &Path) -> io::Result<()> {
    for target in &TARGETS {
        let seeds = folder.join(target.name);
        fs::create_dir_all(&seeds)?;
        for (number, seed) in target.seeds().iter().enumerate() {
            fs::write(seeds.join(number.to_string()), seed)?;
        }
        let hex = |byte: u8| format!("\\x{byte:02x}");
        let word = |word: &&str| format!("\"{}\"\n", word.bytes().map(hex).collect::<String>());
        let words: String = target.words.iter().map(word).collect();
        fs::write(folder.join(format!("{}.dict", target.name)), words)?;
    }
    Ok(())
}
