//! `tramonto event list`: the log, one event a line.

use engine::queries::{EventSink, EventsQuery};
use engine::store::Store;
use eventstore::RecordedEvent;
use views::EventView;

use crate::Error;
use crate::cli::{EventsArgs, Global};
use crate::output::Output;
use crate::output::text::utc;

pub(super) async fn execute(args: &EventsArgs, global: &Global) -> Result<(), Error> {
    let store = Store::open_to_read(global.settings()?).await?;
    let mailbox = store.number_of_some(args.mailbox.as_ref()).await?;
    let query = EventsQuery {
        kinds: args.kind.clone(),
        categories: args.category.clone(),
        after: args.after,
        limit: args.limit,
        mailbox,
    };
    store.events(&query, args.follow, &mut Shown { json: global.json }).await
}

/// Prints events as they are read.
struct Shown {
    json: bool,
}

impl EventSink for Shown {
    fn event(&mut self, event: &RecordedEvent) -> Result<(), Error> {
        let view = EventView::of(event)?;
        let mut out = Output::open();
        if self.json { out.object(&view) } else { out.line(line(&view)) }
    }

    fn caught_up(&mut self) -> Result<(), Error> {
        Output::open().flush()
    }
}

fn line(view: &EventView) -> String {
    let mut line = format!(
        "{:>7}  {}  {:<23}  {}  [{}]",
        view.position,
        utc(view.effective_at),
        view.kind,
        view.summary,
        view.actor
    );
    if let Some(reason) = &view.reason {
        line.push_str(": ");
        line.push_str(reason);
    }
    line
}
