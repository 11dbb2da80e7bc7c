//! `tramonto log-request list` and `show`.

use domain::LogStanding;
use eventstore::{Direction, archive_stream};
use serde_json::json;
use uuid::Uuid;

use super::Desk;
use crate::Error;
use crate::cli::Global;
use crate::output::Output;
use crate::output::text::{table, utc};

pub(super) async fn list(desk: &Desk, global: &Global) -> Result<(), Error> {
    let open = desk.office.read_state(|state| state.log_requests.open().clone()).await?;
    let mut out = Output::open();
    if global.json {
        for (request, open) in &open {
            let expires_at = match &open.standing {
                LogStanding::Prepared { expires_at, .. } => Some(expires_at),
                LogStanding::Requested | LogStanding::Verified => None,
            };
            out.object(
                &json!({ "request": request, "mailbox": desk.id(open.number), "by": open.by,
                "received_at": open.received_at, "standing": open.standing.name(),
                "expires_at": expires_at }),
            )?;
        }
        return Ok(());
    }
    if open.is_empty() {
        return out.line("no request is open");
    }
    let rows = open.iter().map(|(request, open)| {
        let by = format!("{:?}", open.by).to_lowercase();
        let mailbox = desk.id(open.number).to_string();
        let received = utc(open.received_at);
        vec![request.to_string(), mailbox, by, received, open.standing.name().to_owned()]
    });
    out.text(table(&["request", "mailbox", "by", "received", "standing"], &[], rows.collect()))
}

pub(super) async fn show(desk: &Desk, request: Uuid, global: &Global) -> Result<(), Error> {
    let stream = archive_stream(desk.reading.programme())?;
    let log = desk.reading.log();
    let events = match log.read_stream(&stream, 0, Direction::Forwards, usize::MAX).await {
        Ok(events) => events,
        Err(eventstore::Error::StreamNotFound(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut out = Output::open();
    let mut found = false;
    for event in events {
        let fact = event.fact()?;
        if fact.event.log_request() != Some(request) {
            continue;
        }
        found = true;
        let (at, actor) = (event.recorded_at, &event.event.actor);
        if global.json {
            let payload: serde_json::Value =
                serde_json::from_str(&event.event.payload).unwrap_or_default();
            out.object(&json!({ "at": at, "kind": event.event.kind, "actor": actor,
                "reason": event.event.reason, "payload": payload }))?;
        } else {
            out.line(format!("{}  {actor}  {}", utc(at), fact.event.describe()))?;
        }
    }
    if found {
        return Ok(());
    }
    Err(Error::Usage(format!("there is no request {request}; look at `tramonto log-request list`")))
}
