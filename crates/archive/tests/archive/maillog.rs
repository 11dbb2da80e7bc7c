//! Lines as Postfix and Dovecot write them.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Rome;

pub(crate) const ANNA: &str = "anna.rossi@postacertificata.example";
pub(crate) const BRUNO: &str = "bruno.verdi@postacertificata.example";
pub(crate) const OFFICE: &str = "protocollo@comune.example";

/// How time stamps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Classic,
    Rfc3339,
}

/// A log that grows line by line.
pub(crate) struct MailLog {
    pub(crate) style: Style,
    pub(crate) now: DateTime<Utc>,
    pub(crate) lines: Vec<String>,
    queue: u32,
}

impl MailLog {
    pub(crate) fn new(style: Style, at: &str) -> Self {
        Self { style, now: at.parse().unwrap(), lines: Vec::new(), queue: 0x3F2A_0000 }
    }

    pub(crate) fn text(&self) -> String {
        self.lines.concat()
    }

    pub(crate) fn line(&mut self, program: &str, text: &str) {
        let local = self.now.with_timezone(&Rome);
        let stamp = match self.style {
            Style::Classic => local.format("%b %e %H:%M:%S").to_string(),
            Style::Rfc3339 => local.to_rfc3339_opts(chrono::SecondsFormat::Micros, false),
        };
        self.lines.push(format!("{stamp} mx1 {program}[71]: {text}\n"));
        self.now += TimeDelta::seconds(1);
    }

    fn queue(&mut self) -> String {
        self.queue += 1;
        format!("{:X}", self.queue)
    }

    /// A holder writes to an office: eight lines, three events.
    pub(crate) fn sent(&mut self, from: &str, to: &[&str], subject: &str) -> String {
        let queue = self.queue();
        self.line("postfix/smtpd", "connect from unknown[192.0.2.9]");
        self.line(
            "postfix/smtpd",
            &format!("{queue}: client=unknown[192.0.2.9], sasl_method=PLAIN, sasl_username={from}"),
        );
        self.line(
            "postfix/cleanup",
            &format!(
                "{queue}: info: header Subject: {subject} from \
            unknown[192.0.2.9]; from=<{from}> to=<{}> proto=ESMTP helo=<pc>",
                to[0]
            ),
        );
        self.line("postfix/cleanup", &format!("{queue}: message-id=<{queue}@pc.example>"));
        self.line(
            "postfix/qmgr",
            &format!("{queue}: from=<{from}>, size=1024, nrcpt={} (queue active)", to.len()),
        );
        for to in to {
            self.line(
                "postfix/smtp",
                &format!(
                    "{queue}: to=<{to}>, \
                relay=mx.comune.example[192.0.2.2]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, \
                status=sent (250 2.0.0 Ok: queued as R{queue})"
                ),
            );
        }
        self.line("postfix/qmgr", &format!("{queue}: removed"));
        queue
    }

    /// An office writes to holders, whose server stores the message.
    pub(crate) fn received(&mut self, from: &str, to: &[&str]) -> String {
        let queue = self.queue();
        self.line("postfix/smtpd", &format!("{queue}: client=mail.comune.example[192.0.2.2]"));
        self.line("postfix/cleanup", &format!("{queue}: message-id=<{queue}@comune.example>"));
        self.line(
            "postfix/qmgr",
            &format!("{queue}: from=<{from}>, size=2048, nrcpt={} (queue active)", to.len()),
        );
        for to in to {
            self.line(
                "dovecot",
                &format!(
                    "lmtp({to})<12><x{queue}>: msgid=<{queue}@comune.example>: saved mail to INBOX"
                ),
            );
            self.line(
                "postfix/lmtp",
                &format!(
                    "{queue}: to=<{to}>, \
                relay=mail[private/dovecot-lmtp], delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent \
                (250 2.0.0 <{to}> Saved)"
                ),
            );
        }
        self.line("postfix/qmgr", &format!("{queue}: removed"));
        queue
    }

    /// Mail between strangers, which is skipped.
    pub(crate) fn foreign(&mut self) {
        let _queue = self.sent("x@altro.example", &["y@altrove.example"], "altro");
    }
}
