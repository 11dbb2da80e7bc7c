//! The format of messages exchanged with other systems: `CloudEvents` 1.0 in binary mode.
//!
//! Attributes are headers (`ce-id`, `ce-type`, …), the data is the message itself, as JSON. Header
//! values are printable ASCII, with everything else percent-encoded, as specified. Deliberately
//! absent: personal data. A mailbox is an id here, and an actor only a part (`operator`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

/// The prefix of all types; the kind follows, e.g. `eu.tramonto.phase-started`.
const TYPE_PREFIX: &str = "eu.tramonto.";
/// The prefix of the headers of attributes.
const HEADER_PREFIX: &str = "ce-";
/// The only supported version.
const SPEC_VERSION: &str = "1.0";
/// The media type of the data.
pub(crate) const JSON: &str = "application/json";
/// What is percent-encoded in a header, beside everything that is not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// A message in the form of `CloudEvents` 1.0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CloudEvent {
    /// Its permanent identifier: the same id from the same source is the same message.
    pub id: String,
    /// Its source, e.g. `/tramonto/cec-pac`.
    pub source: String,
    /// Its type, e.g. `eu.tramonto.phase-started`.
    pub kind: String,
    /// Its subject: a stream of the log, or a mailbox.
    pub subject: Option<String>,
    /// When it took effect.
    pub time: Option<DateTime<Utc>>,
    /// The schema of the data, e.g. `urn:tramonto:phase-started:v1`.
    pub data_schema: Option<String>,
    /// Everything else, by lower-case name: `position`, `previous`, `correlationid`, `traceparent`,
    /// …
    pub extensions: BTreeMap<String, String>,
    /// The data: a JSON document.
    pub data: Bytes,
}

impl CloudEvent {
    /// The type of a kind of event or command.
    pub fn type_of(kind: &str) -> String {
        format!("{TYPE_PREFIX}{kind}")
    }

    /// The type of a kind of command, which the sender of one must give.
    pub fn command_type(kind: &str) -> String {
        Self::type_of(&format!("command.{kind}"))
    }

    /// Adds an extension.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.extensions.insert(name.to_owned(), value.to_string());
        self
    }

    /// Adds the W3C Trace Context: the trace is the correlation id, the span is derived from the id
    /// of the cause. Nothing is added if either would be zero.
    #[must_use]
    pub fn traced(self, correlation: Uuid, span: Uuid) -> Self {
        let (_, span) = span.as_u64_pair();
        if correlation.is_nil() || span == 0 {
            return self;
        }
        self.with("traceparent", format!("00-{}-{span:016x}-01", correlation.simple()))
    }

    /// A numeric extension.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.extensions.get(name)?.parse().ok()
    }

    /// Its headers. Empty attributes have none.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let time = self.time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let named = [
            ("specversion", SPEC_VERSION.to_owned()),
            ("id", self.id.clone()),
            ("source", self.source.clone()),
            ("type", self.kind.clone()),
            ("subject", optional(&self.subject)),
            ("time", optional(&time)),
            ("dataschema", optional(&self.data_schema)),
        ];
        let named = named.into_iter().map(|(name, value)| (name.to_owned(), value));
        let extensions = self.extensions.iter().map(|(name, value)| (name.clone(), value.clone()));
        let mut headers: Vec<_> = named
            .chain(extensions)
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| {
                (format!("{HEADER_PREFIX}{name}"), utf8_percent_encode(&value, ENCODED).to_string())
            })
            .collect();
        headers.push(("Content-Type".to_owned(), JSON.to_owned()));
        headers
    }

    /// Parses a message; the error describes in one sentence what is missing.
    pub(crate) fn read<'a>(
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        data: Bytes,
    ) -> Result<Self, String> {
        let mut attributes = BTreeMap::new();
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            if let Some(name) = name.strip_prefix(HEADER_PREFIX) {
                let value = decoded(value).map_err(|problem| format!("ce-{name}: {problem}"))?;
                attributes.insert(name.to_owned(), value);
            }
        }
        match attributes.remove("specversion") {
            Some(version) if version == SPEC_VERSION => {}
            Some(version) => {
                return Err(format!("ce-specversion is {version:?}; expected 1.0"));
            }
            None => return Err(missing("specversion")),
        }
        let mut required = |name: &str| {
            attributes.remove(name).filter(|value| !value.is_empty()).ok_or_else(|| missing(name))
        };
        let (id, source, kind) = (required("id")?, required("source")?, required("type")?);
        let time = attributes.remove("time").map(|time| {
            let read = DateTime::parse_from_rfc3339(&time);
            read.map_err(|error| format!("ce-time {time:?} is not an RFC 3339 instant: {error}"))
        });
        Ok(Self {
            id,
            source,
            kind,
            subject: attributes.remove("subject"),
            time: time.transpose()?.map(|time| time.to_utc()),
            data_schema: attributes.remove("dataschema"),
            extensions: attributes,
            data,
        })
    }
}

fn missing(name: &str) -> String {
    format!("the header ce-{name} is missing; send it as CloudEvents 1.0 in binary mode")
}

/// Undoes percent-encoding; an invalid escape is kept as it is.
pub(crate) fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(Cow::into_owned)
        .map_err(|error| format!("the percent-encoded bytes are not UTF-8: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> CloudEvent {
        CloudEvent {
            id: "7".into(),
            source: "/tramonto/cec-pac".into(),
            kind: CloudEvent::type_of("phase-started"),
            subject: Some("programme-cec-pac".into()),
            time: Some("2026-01-01T00:00:00.25Z".parse().unwrap()),
            data_schema: Some("urn:tramonto:phase-started:v1".into()),
            data: "{}".into(),
            ..CloudEvent::default()
        }
    }

    fn read(headers: &[(String, String)]) -> Result<CloudEvent, String> {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        CloudEvent::read(headers, "{}".into())
    }

    #[test]
    fn an_event_comes_back_from_its_headers() {
        let event = event().with("position", 12).with("note", "50 % \"città\"");
        let headers = event.headers();
        assert!(headers.contains(&("ce-type".into(), "eu.tramonto.phase-started".into())));
        assert!(headers.contains(&("ce-note".into(), "50%20%25%20%22citt%C3%A0%22".into())));
        assert!(headers.contains(&("ce-time".into(), "2026-01-01T00:00:00.250Z".into())));
        assert_eq!(read(&headers), Ok(event));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for name in ["id", "source", "type", "specversion"] {
            let mut headers = event().headers();
            headers.retain(|(header, _)| *header != format!("ce-{name}"));
            let problem = read(&headers).unwrap_err();
            assert!(problem.contains(&format!("ce-{name} is missing")), "{problem}");
        }
        for (header, value) in
            [("ce-specversion", "0.3"), ("ce-time", "yesterday"), ("ce-note", "%FF")]
        {
            let mut headers = event().headers();
            headers.push((header.into(), value.into()));
            assert!(read(&headers).unwrap_err().contains("ce-"), "{header} {value}");
        }
    }

    #[test]
    fn a_percent_sign_that_encodes_nothing_stands_for_itself() {
        for text in ["100%", "%zz", "%+1", "%4", ""] {
            assert_eq!(decoded(text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn the_trace_is_the_correlation_id() {
        let correlation = Uuid::from_u128(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        let span = Uuid::from_u128(0xb7ad_6b71_6920_3331);
        assert_eq!(
            event().traced(correlation, span).extensions["traceparent"],
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        );
        assert!(event().traced(Uuid::nil(), span).extensions.is_empty());
        assert!(event().traced(correlation, Uuid::nil()).extensions.is_empty());
    }
}
