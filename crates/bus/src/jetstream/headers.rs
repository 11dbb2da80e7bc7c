//! Converts `CloudEvents` to and from NATS headers.

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use crate::CloudEvent;

/// The headers of an event. A name that is invalid in NATS is left out: it is invalid in
/// `CloudEvents` too.
pub(super) fn headers_of(event: &CloudEvent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in event.headers() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Parses the event of a message; the error describes in one sentence what is missing.
pub(super) fn read_event(headers: Option<&HeaderMap>, data: Bytes) -> Result<CloudEvent, String> {
    let headers = headers.into_iter().flat_map(HeaderMap::iter);
    let last = headers.filter_map(|(name, values)| {
        let name: &str = name.as_ref();
        Some((name, values.last()?.as_str()))
    });
    CloudEvent::read(last, data)
}
