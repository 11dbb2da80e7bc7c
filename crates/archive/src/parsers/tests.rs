use super::*;
use crate::syslog::{self, Stamps};

fn of(program: &str, text: &str) -> Option<String> {
    let mut stamps = Stamps::new(chrono_tz::Europe::Rome, "2015-10-01T00:00:00Z".parse().unwrap());
    let line = format!("Sep 18 10:00:01 mx1 {program}[77]: {text}");
    parse(&syslog::line(&line, &mut stamps).unwrap()).map(|record| format!("{record:?}"))
}

#[test]
fn lines_that_concern_a_message_are_parsed_and_no_others() {
    for (program, text, expected) in [
        (
            "postfix/smtpd",
            "3F2A41C0: client=mail.example[192.0.2.1]",
            "Client { queue: \"3F2A41C0\", host: \"mail.example\", login: false }",
        ),
        (
            "postfix/submission/smtpd",
            "4XyZ1bCdEfGhIj: client=unknown[192.0.2.9], sasl_method=PLAIN, \
             sasl_username=a@b.example",
            "Client { queue: \"4XyZ1bCdEfGhIj\", host: \"192.0.2.9\", login: true }",
        ),
        (
            "postfix/cleanup",
            "3F2A41C0: message-id=<abc@mail.example>",
            "MessageId { queue: \"3F2A41C0\", id: \"abc@mail.example\" }",
        ),
        (
            "postfix/cleanup",
            "3F2A41C0: info: header Subject: Ferie dal 3 from Roma from mail.example[192.0.2.1]; \
             from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<mail.example>",
            "Subject { queue: \"3F2A41C0\", subject: \"Ferie dal 3 from Roma\" }",
        ),
        (
            "postfix/qmgr",
            "3F2A41C0: from=<a@b.example>, size=1234, nrcpt=1 (queue active)",
            "From { queue: \"3F2A41C0\", sender: \"a@b.example\" }",
        ),
        ("postfix/qmgr", "3F2A41C0: removed", "Removed { queue: \"3F2A41C0\" }"),
        (
            "postfix/smtp",
            "3F2A41C0: to=<c@d.example>, relay=mx.d.example[192.0.2.2]:25, delay=1, \
             delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 77AB)",
            "To { queue: \"3F2A41C0\", recipient: \"c@d.example\", original: None, \
             status: Forwarded { next: Some(\"77AB\") } }",
        ),
        (
            "postfix-in/lmtp",
            "3F2A41C0: to=<c@d.example>, orig_to=<alias@d.example>, relay=mail[private/lmtp], \
             delay=1, dsn=2.0.0, status=sent (250 2.0.0 <c@d.example> Saved)",
            "To { queue: \"3F2A41C0\", recipient: \"c@d.example\", \
             original: Some(\"alias@d.example\"), status: Delivered }",
        ),
        (
            "postfix/error",
            "3F2A41C0: to=<c@d.example>, relay=none, delay=1, dsn=4.4.1, status=deferred (no)",
            "To { queue: \"3F2A41C0\", recipient: \"c@d.example\", original: None, \
             status: Delayed }",
        ),
        (
            "postfix/bounce",
            "3F2A41C0: sender non-delivery notification: 55CD",
            "Report { queue: \"3F2A41C0\", report: \"55CD\" }",
        ),
        (
            "postfix/smtpd",
            "NOQUEUE: reject: RCPT from mail.example[192.0.2.1]: 550 5.1.1 <c@d.example>: \
             Recipient address rejected: closed; from=<a@b.example> to=<c@d.example> proto=ESMTP \
             helo=<x>",
            "Refused { sender: \"a@b.example\", recipient: \"c@d.example\", \
             host: \"mail.example\", queue: None, ends: false }",
        ),
        (
            "dovecot",
            "lmtp(c@d.example)<12><x1>: msgid=<abc@mail.example>: saved mail to INBOX",
            "Stored { id: \"abc@mail.example\", recipient: \"c@d.example\" }",
        ),
        (
            "dovecot",
            "lmtp(12, c@d.example): x1: sieve: msgid=<abc@mail.example>: stored mail into mailbox \
             'INBOX'",
            "Stored { id: \"abc@mail.example\", recipient: \"c@d.example\" }",
        ),
    ] {
        assert_eq!(of(program, text).as_deref(), Some(expected), "{program}: {text}");
    }
    for (program, text) in [
        ("postfix/smtpd", "connect from mail.example[192.0.2.1]"),
        (
            "postfix/smtpd",
            "warning: hostname x does not resolve to address 192.0.2.1: Name unknown",
        ),
        ("postfix/qmgr", "3F2A41C0: from=<a@b.example>, status=expired, returned to sender"),
        ("postfix/smtp", "3F2A41C0: to=<c@d.example>, status=undeliverable (probe)"),
        ("postfix/cleanup", "3F2A41C0: message-id=<>"),
        ("dovecot", "imap-login: Login: user=<c@d.example>, method=PLAIN"),
        ("dovecot", "lmtp(12): Disconnect from local: Successful quit"),
        ("sshd", "session opened for user x"),
    ] {
        assert_eq!(of(program, text), None, "{program}: {text}");
    }
}

#[test]
fn what_ends_a_message_is_told_from_what_turns_one_recipient_away() {
    for (program, text, expected) in [
        (
            "postfix/smtpd",
            "3F2A41C0: reject: RCPT from mail.example[192.0.2.1]: 550 5.1.1 <c@d.example>: \
             Recipient address rejected: closed; from=<a@b.example> to=<c@d.example> proto=ESMTP \
             helo=<x>",
            "Refused { sender: \"a@b.example\", recipient: \"c@d.example\", \
             host: \"mail.example\", queue: Some(\"3F2A41C0\"), ends: false }",
        ),
        (
            "postfix/cleanup",
            "3F2A41C0: milter-reject: END-OF-MESSAGE from mail.example[192.0.2.1]: 5.7.1 Command \
             rejected; from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<x>",
            "Refused { sender: \"a@b.example\", recipient: \"c@d.example\", \
             host: \"mail.example\", queue: Some(\"3F2A41C0\"), ends: true }",
        ),
        (
            "postfix/cleanup",
            "3F2A41C0: reject: header Subject: viagra from mail.example[192.0.2.1]; \
             from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<x>: 5.7.1 no",
            "Refused { sender: \"a@b.example\", recipient: \"c@d.example\", \
             host: \"mail.example\", queue: Some(\"3F2A41C0\"), ends: true }",
        ),
    ] {
        assert_eq!(of(program, text).as_deref(), Some(expected), "{program}: {text}");
    }
}
