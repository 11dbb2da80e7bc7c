//! Delivery reports of mail servers (RFC 3464): what failed, and which message it was.

use mail_parser::MimeHeaders;

use crate::Headers;
use crate::mime::{body, boundary, content, part_headers, parts};
use crate::status::is_enhanced;

/// Parts inside parts that are searched: a report is a multipart/report, perhaps inside a list's
/// multipart/mixed.
const DEPTH: usize = 5;

/// A delivery report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryReport {
    /// The enhanced status code of the first recipient that failed permanently, e.g. `5.1.1`;
    /// `None` if delivery succeeded or is delayed.
    pub failure: Option<String>,
    /// The Message-ID, without brackets, of the message that it returns.
    pub message_id: Option<String>,
    /// The addresses that it was sent to: one of them is the message's return path.
    pub return_paths: Vec<String>,
}

/// Why a message can't be read as a delivery report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAReport {
    /// It has no headers.
    NotMail,
    /// It has no delivery status.
    NoStatus,
}

impl DeliveryReport {
    /// Reads a delivery report, at most this many parts of it.
    pub fn parse(bytes: &[u8], most_parts: usize) -> Result<Self, NotAReport> {
        let message = Headers::parse(bytes).ok_or(NotAReport::NotMail)?.0;
        let (mut report, mut has_status) = (Self::default(), false);
        let to = message.all_to().flat_map(|to| to.iter()).filter_map(|address| address.address());
        let stamped = ["Delivered-To", "X-Original-To", "Envelope-To"];
        let stamped = stamped.iter().filter_map(|name| message.header_raw(*name));
        let plain = |address: &str| address.trim().trim_matches(['<', '>']).to_owned();
        report.return_paths = to.chain(stamped).map(plain).collect();
        for part in leaves(bytes, most_parts) {
            let Some(headers) = part_headers(part) else { continue };
            let is = |kind: &str, names: &[&str]| {
                names.iter().any(|name| headers.is_content_type(kind, name))
            };
            let Some(content) = content(part, &headers) else { continue };
            if is("message", &["delivery-status", "global-delivery-status"]) {
                let (status, failure) = delivery_status(&String::from_utf8_lossy(&content));
                has_status |= status;
                report.failure = report.failure.or(failure);
            } else if is("message", &["rfc822", "global", "global-headers", "rfc822-headers"])
                || is("text", &["rfc822-headers"])
            {
                let returned = Headers::parse(&content);
                let id = returned.and_then(|returned| Some(returned.message_id()?.to_owned()));
                report.message_id = report.message_id.or(id);
            }
        }
        if has_status { Ok(report) } else { Err(NotAReport::NoStatus) }
    }
}

/// The parts of a message that are no multiparts, in order.
fn leaves(bytes: &[u8], most_parts: usize) -> Vec<&[u8]> {
    let (mut leaves, mut pending, mut seen) = (Vec::new(), vec![(bytes, 0)], 0);
    while let Some((part, depth)) = pending.pop() {
        seen += 1;
        if seen > most_parts.saturating_add(1) {
            break;
        }
        match part_headers(part).as_ref().and_then(boundary) {
            Some(boundary) if depth < DEPTH => {
                let parts = parts(body(part), boundary.as_bytes());
                pending.extend(parts.into_iter().rev().map(|part| (part, depth + 1)));
            }
            Some(_) | None => leaves.push(part),
        }
    }
    leaves
}

/// Whether a delivery status names an action, and the status code of the first recipient that
/// failed: its fields come in groups, one for each recipient.
fn delivery_status(text: &str) -> (bool, Option<String>) {
    let (mut action, mut status, mut has_action) = (String::new(), String::new(), false);
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            has_action |= !action.is_empty();
            if action.eq_ignore_ascii_case("failed") {
                let code = if is_enhanced(&status) { status } else { "5.0.0".to_owned() };
                return (true, Some(code));
            }
            (action, status) = (String::new(), String::new());
        } else if let Some((name, value)) = line.split_once(':') {
            let word = value.split_whitespace().next().unwrap_or_default().to_owned();
            if name.trim().eq_ignore_ascii_case("action") {
                action = word;
            } else if name.trim().eq_ignore_ascii_case("status") {
                status = word;
            }
        }
    }
    (has_action, None)
}
