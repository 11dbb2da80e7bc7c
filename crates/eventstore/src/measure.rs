//! The store's metrics and spans.

use std::time::Instant;

use tracing::Instrument;

use crate::rules::Request;
use crate::{Appended, Error};

const DURATION: &str = "tramonto_append_duration_seconds";
const EVENTS: &str = "tramonto_append_events";

/// Measures an append in a span with the correlation id of its first event.
pub(crate) async fn append<F>(
    store: &'static str,
    request: Request,
    append: impl FnOnce(Request) -> F,
) -> Result<Appended, Error>
where
    F: Future<Output = Result<Appended, Error>>,
{
    let events = request.events.len();
    let span = request.events.first().map_or_else(tracing::Span::none, |first| {
        tracing::info_span!("append", store, events, correlation_id = %first.correlation_id)
    });
    let begun = Instant::now();
    let appended = append(request).instrument(span).await;
    let outcome = match &appended {
        Ok(_) => "written",
        Err(error) if error.may_retry() => "unavailable",
        Err(_) => "refused",
    };
    metrics::histogram!(DURATION, "store" => store, "outcome" => outcome)
        .record(begun.elapsed().as_secs_f64());
    if appended.is_ok() {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        metrics::histogram!(EVENTS, "store" => store).record(f64::from(events));
    }
    appended
}
