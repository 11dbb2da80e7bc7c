//! `CloudEvents` to and from the headers of NATS.

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use crate::CloudEvent;

/// The headers of an event. A name that can't be a header's is left out: it can't be one of
/// `CloudEvents`.
pub(super) fn headers_of(event: &CloudEvent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in event.headers() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The event in a message; the error says in one sentence what it lacks.
pub(super) fn read_event(headers: Option<&HeaderMap>, data: Bytes) -> Result<CloudEvent, String> {
    let headers = headers.into_iter().flat_map(HeaderMap::iter);
    let last = headers.filter_map(|(name, values)| {
        let name: &str = name.as_ref();
        Some((name, values.last()?.as_str()))
    });
    CloudEvent::read(last, data)
}
