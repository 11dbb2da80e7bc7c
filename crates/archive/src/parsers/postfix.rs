//! Lines of Postfix.
//!
//! The subject is logged only with a rule of `header_checks` such as `/^Subject:/ INFO`.

use super::{Record, Status, between};

/// Delivery agents for mailboxes; the others forward to another provider.
const TO_MAILBOXES: [&str; 4] = ["local", "virtual", "lmtp", "pipe"];
/// Queue ids have 10 to 12 digits, or up to 20 letters and digits as long ones.
const QUEUE_ID: std::ops::RangeInclusive<usize> = 5..=24;

/// Parses the text of a Postfix daemon.
pub(super) fn parse<'a>(part: &str, text: &'a str) -> Option<Record<'a>> {
    let (queue, text) = text.split_once(": ")?;
    if queue == "NOQUEUE" {
        return refused(text, None);
    }
    let plain = queue.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !plain || !QUEUE_ID.contains(&queue.len()) {
        return None;
    }
    match part {
        "smtpd" => client(queue, text).or_else(|| refused(text, Some(queue))),
        "cleanup" => cleanup(queue, text),
        "qmgr" if text == "removed" => Some(Record::Removed { queue }),
        "qmgr" | "pickup" => from(part, queue, text),
        "bounce" => report(queue, text),
        _ => to(part, queue, text),
    }
}

/// `client=mail.example[192.0.2.1], sasl_method=PLAIN, sasl_username=…`
fn client<'a>(queue: &'a str, text: &'a str) -> Option<Record<'a>> {
    let rest = text.strip_prefix("client=")?;
    let (client, more) = rest.split_once(',').unwrap_or((rest, ""));
    Some(Record::Client { queue, host: host(client), login: more.contains("sasl_username=") })
}

/// `message-id=<…>`, `info: header Subject: … from host[…]; from=<…> to=<…>`, `milter-reject: …`
fn cleanup<'a>(queue: &'a str, text: &'a str) -> Option<Record<'a>> {
    if let Some(id) = text.strip_prefix("message-id=") {
        let id = id.trim_start_matches('<').trim_end_matches('>');
        return (!id.is_empty()).then_some(Record::MessageId { queue, id });
    }
    let refusal = refused(text, Some(queue));
    if refusal.is_some() {
        return refusal;
    }
    if let Some((_, rest)) = text.split_once("header Subject: ") {
        // The last match: the subject may contain the same text.
        let subject = rest.rsplit_once("; from=<").map_or(rest, |(head, _)| head);
        let subject = subject.rsplit_once(" from ").map_or(subject, |(subject, _)| subject);
        return Some(Record::Subject { queue, subject });
    }
    None
}

/// `from=<…>, size=1234, nrcpt=1 (queue active)`; repeated with each attempt of a deferred message.
fn from<'a>(part: &str, queue: &'a str, text: &'a str) -> Option<Record<'a>> {
    if part == "pickup" {
        return None;
    }
    let sender = between(text, "from=<", ">")?;
    text.contains("nrcpt=").then_some(Record::From { queue, sender })
}

/// `sender non-delivery notification: 4Xyz`
fn report<'a>(queue: &'a str, text: &'a str) -> Option<Record<'a>> {
    let (what, report) = text.rsplit_once(": ")?;
    what.ends_with("notification").then_some(Record::Report { queue, report })
}

/// `to=<…>, orig_to=<…>, relay=…, delay=…, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xyz)`
fn to<'a>(part: &str, queue: &'a str, text: &'a str) -> Option<Record<'a>> {
    let recipient =
        between(text.get(..4).filter(|head| *head == "to=<").map(|_| text)?, "to=<", ">")?;
    let original = between(text, ", orig_to=<", ">");
    let (_, status) = text.split_once(", status=")?;
    let (status, answer) = status.split_once(' ').unwrap_or((status, ""));
    let status = match status {
        "sent" if TO_MAILBOXES.contains(&part) => Status::Delivered,
        "sent" => Status::Forwarded { next: queued_as(answer) },
        "deferred" => Status::Delayed,
        "bounced" | "expired" => Status::Failed,
        _ => return None,
    };
    Some(Record::To { queue, recipient, original, status })
}

fn queued_as(answer: &str) -> Option<&str> {
    let (_, name) = answer.rsplit_once("queued as ")?;
    let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let name = name.get(..end.unwrap_or(name.len()))?;
    (!name.is_empty()).then_some(name)
}

/// `reject: RCPT from mail.example[192.0.2.1]: 550 5.1.1 …; from=<…> to=<…> proto=ESMTP`; a message
/// with a queue id continues to its other recipients, unless it is refused for its content or at
/// its end.
fn refused<'a>(text: &'a str, queue: Option<&'a str>) -> Option<Record<'a>> {
    let (what, rest) = text.split_once(' ')?;
    if !matches!(what, "reject:" | "milter-reject:") {
        return None;
    }
    let client = between(rest, " from ", ": ")?;
    let (_, parties) = rest.rsplit_once("; from=<")?;
    let (sender, more) = parties.split_once('>')?;
    let recipient = between(more, " to=<", ">")?;
    let ends = ["END-OF-MESSAGE ", "header ", "body "].iter().any(|stage| rest.starts_with(stage));
    Some(Record::Refused { sender, recipient, host: host(client), queue, ends })
}

/// The name of a client, or its address.
fn host(client: &str) -> &str {
    match client.split_once('[') {
        Some(("unknown", address)) => {
            address.split_once(']').map_or(address, |(address, _)| address)
        }
        Some((name, _)) => name,
        None => client,
    }
}
