//! Requests for message logs.

use std::fmt::Write as _;

use archive::{Access, Archive, Domains, Error as ArchiveError, Holder, IndexRequest, Terms};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, LogCommand, LogRequested, Plan, Requester, State, Verification};
use uuid::Uuid;

use super::{Holders, MOMENT, origin, window};
use crate::generate::Draw;
use engine::Error;
use engine::embedded::Engine;

/// The number of requests, one after the other.
const READERS: u32 = 12;
/// The validity of a link.
const TERMS: Terms = Terms { lasting: TimeDelta::days(30), by_letter: false };
/// The time between the last request and its export.
const LATER: TimeDelta = TimeDelta::days(1);
/// The time after which every link has expired.
const OVER: TimeDelta = TimeDelta::days(32);
/// A codice fiscale of no holder.
const WRONG: &str = "RSSMRA85T10A562S";

pub(super) enum Task {
    /// A request outside the window.
    Stray(u32),
    /// The mail log is indexed.
    Index(Vec<u32>),
    /// A request is made, served, and its link opened.
    Ask(u32),
    /// A request is made, and waits.
    Wait(u32),
    /// Waiting requests are served.
    Serve,
    /// The logs are destroyed.
    Destroy,
}

/// The tasks of this programme, and their instants.
pub(super) fn tasks(plan: &Plan, state: &State, draw: &mut Draw) -> Vec<(DateTime<Utc>, Task)> {
    let Some(window) = window(plan, Capability::RequestLogs) else { return Vec::new() };
    let activated = &state.rights.activated;
    let readers: Vec<u32> = (0..READERS)
        .filter_map(|_| {
            activated.select(draw.below(u32::try_from(activated.len()).unwrap_or(u32::MAX)))
        })
        .collect();
    let (Some(first), Some(last)) = (readers.first().copied(), readers.last().copied()) else {
        return Vec::new();
    };
    let mut tasks = vec![
        (window.opens - MOMENT, Task::Stray(first)),
        (window.opens, Task::Index(readers.clone())),
    ];
    tasks.extend(window.spread(READERS).zip(readers.into_iter().map(Task::Ask)));
    if let Some(closes) = window.closes {
        tasks.extend([
            (closes - MOMENT, Task::Wait(last)),
            (closes, Task::Stray(first)),
            (closes + LATER, Task::Serve),
            (closes + LATER + OVER, Task::Destroy),
        ]);
    }
    tasks
}

impl Holders {
    pub(super) async fn request_logs(&mut self, task: Task, engine: &Engine) -> Result<(), Error> {
        let office = engine.store.archive().await?;
        match task {
            Task::Stray(number) => {
                let answer = request(office, number).await;
                self.must_be_refused(answer, "a log request was accepted outside its window")?;
            }
            Task::Index(readers) => read_log(office, engine, &readers).await?,
            Task::Ask(number) => {
                let request = request(office, number).await?;
                self.serve(office, engine, request, number).await?;
            }
            Task::Wait(number) => {
                request(office, number).await?;
            }
            Task::Serve => {
                let open = office.read_state(|state| {
                    let open = state.log_requests.to_prepare();
                    open.map(|(request, open)| (request, open.number)).collect::<Vec<_>>()
                });
                for (request, number) in open.await? {
                    self.serve(office, engine, request, number).await?;
                }
            }
            Task::Destroy => self.destroy(office).await?,
        }
        Ok(())
    }

    /// Prepares an export, and opens its link: as somebody else first, then as its holder.
    async fn serve(
        &mut self,
        office: &Archive,
        engine: &Engine,
        request: Uuid,
        number: u32,
    ) -> Result<(), Error> {
        let Some(entry) = engine.registry.find(number).await? else { return Ok(()) };
        let (address, known) = (entry.registration.address, entry.registration.codice_fiscale);
        let holder = Holder { address, codice_fiscale: known.as_str().to_owned() };
        let ready = office.prepare(request, &holder, office.index(), TERMS, &origin()).await?;
        if ready.prepared.rows == 0 {
            self.wrong("an export holds no message of its holder");
        }
        if matches!(office.serve(&ready.secret, WRONG).await?, Access::NotTheHolder) {
            self.outcome.turned_away += 1;
        } else {
            self.wrong("an export was opened by somebody else");
        }
        let opened = office.serve(&ready.secret, &holder.codice_fiscale).await?;
        if matches!(opened, Access::Export(_)) {
            self.outcome.logs += 1;
        } else {
            self.wrong("a holder could not open an export");
        }
        self.link = Some((ready.secret, holder.codice_fiscale));
        Ok(())
    }

    async fn destroy(&mut self, office: &Archive) -> Result<(), Error> {
        office.expire(&origin()).await?;
        office.destroy(&[], &origin()).await?;
        if !office.remaining(&[]).await?.is_empty() {
            self.wrong("destroyed logs left data behind");
        }
        if let Some((link, codice_fiscale)) = self.link.take()
            && !matches!(office.serve(&link, &codice_fiscale).await?, Access::Unknown)
        {
            self.wrong("a link still opens destroyed logs");
        }
        Ok(())
    }
}

/// A request by a verified requester.
async fn request(office: &Archive, number: u32) -> Result<Uuid, ArchiveError> {
    let request = office.journal().new_id();
    let by = Requester::Holder;
    let asked = LogRequested { request, number, by, from: None, through: None, received_on: None };
    office.decide(LogCommand::Request(asked), &origin()).await?;
    let sure = LogCommand::Verify { request, proof: Verification::Officer };
    office.decide(sure, &origin()).await?;
    Ok(request)
}

/// Generates a Postfix log of these holders' messages, and indexes it.
async fn read_log(office: &Archive, engine: &Engine, readers: &[u32]) -> Result<(), Error> {
    let (mut text, mut domains) = (String::new(), Vec::new());
    for (place, number) in readers.iter().enumerate() {
        let Some(entry) = engine.registry.find(*number).await? else { continue };
        let address = entry.registration.address;
        domains.extend(address.rsplit_once('@').map(|(_, domain)| domain.to_owned()));
        let (queue, second) = (0x3F2A_0000 + place, place % 60);
        for (part, line) in [
            ("smtpd", "client=mail.comune.example[192.0.2.2]".to_owned()),
            ("cleanup", format!("message-id=<{queue:X}@comune.example>")),
            ("qmgr", "from=<urp@comune.example>, size=2048, nrcpt=1 (queue active)".to_owned()),
            (
                "lmtp",
                format!("to=<{address}>, relay=mail, delay=1, dsn=2.0.0, status=sent (250 Ok)"),
            ),
            ("qmgr", "removed".to_owned()),
        ] {
            let stamp = format!("2015-05-04T10:{second:02}:00+02:00");
            writeln!(text, "{stamp} mx1 postfix/{part}[7]: {queue:X}: {line}")
                .map_err(|error| Error::Invalid(error.to_string()))?;
        }
    }
    let path = engine.store.settings().home()?.folder().join("mail.log");
    let failed = |source| Error::File {
        path: path.clone(),
        advice: "cannot write the rehearsed mail log; check the free disk space".to_owned(),
        source,
    };
    std::fs::write(&path, text).map_err(failed)?;
    let request = IndexRequest {
        files: vec![path.clone()],
        domains: Domains::new(domains),
        zone: chrono_tz::UTC,
        not_after: None,
    };
    office.read_logs(request, |_| {}).await?;
    // A mail log belongs to its operator, who deletes it.
    std::fs::remove_file(&path).map_err(failed)
}
