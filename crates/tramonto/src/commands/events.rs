//! `tramonto event list`: the log, one event a line.

use eventstore::{Filter, RecordedEvent};
use views::EventView;

use super::reading::Reading;
use crate::Error;
use crate::cli::{EventsArgs, Global};
use crate::output::Output;
use crate::output::text::utc;

/// How many events are read at a time: set events can hold some hundred kilobytes each.
const PAGE: usize = 64;

pub(super) async fn execute(args: &EventsArgs, global: &Global) -> Result<(), Error> {
    let reading = Reading::open(global).await?;
    let only = match &args.mailbox {
        Some(target) => Some(reading.number_of(target).await?),
        None => None,
    };
    let mut showing = Showing {
        out: Output::open(),
        json: global.json,
        kinds: &args.kind,
        categories: &args.category,
        left: args.limit,
    };
    if let Some(number) = only {
        return of_mailbox(&reading, number, args, &mut showing).await;
    }
    let filter = Filter { categories: args.category.clone() };
    let mut appended = reading.log.appended();
    let mut position = args.after;
    loop {
        appended.borrow_and_update();
        position = page_through(&reading, &filter, position, &mut showing).await?;
        showing.out.flush()?;
        if !args.follow || showing.is_done() || appended.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Shows everything up to the end of the log, and answers with where that is.
async fn page_through(
    reading: &Reading,
    filter: &Filter,
    mut position: u64,
    showing: &mut Showing<'_>,
) -> Result<u64, Error> {
    loop {
        let page = reading.log.read_all(position, filter, PAGE).await?;
        for event in &page.events {
            showing.show(event)?;
            if showing.is_done() {
                return Ok(event.position);
            }
        }
        position = page.read_to;
        if page.read_to >= page.head {
            return Ok(position);
        }
    }
}

/// The events of one mailbox: found by the index, then followed one by one.
async fn of_mailbox(
    reading: &Reading,
    number: u32,
    args: &EventsArgs,
    showing: &mut Showing<'_>,
) -> Result<(), Error> {
    let history = reading.history().await?;
    let mut appended = reading.log.appended();
    let mut position = args.after;
    loop {
        appended.borrow_and_update();
        for entry in history.history(number).await? {
            if entry.fact.position <= position {
                continue;
            }
            position = entry.fact.position;
            let page = reading.log.read_all(position - 1, &Filter::default(), 1).await?;
            for event in &page.events {
                showing.show(event)?;
            }
            if showing.is_done() {
                break;
            }
        }
        showing.out.flush()?;
        if !args.follow || showing.is_done() || appended.changed().await.is_err() {
            return Ok(());
        }
    }
}

struct Showing<'a> {
    out: Output,
    json: bool,
    kinds: &'a [String],
    categories: &'a [String],
    left: Option<u64>,
}

impl Showing<'_> {
    fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    fn show(&mut self, event: &RecordedEvent) -> Result<(), Error> {
        let wanted = self.kinds.is_empty() || self.kinds.contains(&event.event.kind);
        let category = event.stream.category();
        let wanted = wanted
            && (self.categories.is_empty() || self.categories.iter().any(|name| name == category));
        if !wanted || self.is_done() {
            return Ok(());
        }
        self.left = self.left.map(|left| left - 1);
        let view = EventView::of(event)?;
        if self.json { self.out.object(&view) } else { self.out.line(line(&view)) }
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
