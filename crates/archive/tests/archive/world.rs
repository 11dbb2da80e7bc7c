//! A programme with a mail log and two holders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use archive::{
    Archive, Domains, ErasedExports, ErasureSubjects, Holder, Index, IndexRequest, Ready, Terms,
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Command, DateColumn, Event, HoldPlaced, LogCommand, LogRequested, MailboxesRegistered, Plan,
    Requester, State, Verification,
};
use eventstore::{
    Clock, Direction, ExpectedVersion, Journal, MemoryStore, Origin, archive_stream,
    mailbox_stream, programme_stream, registry_stream,
};
use keyring::Keyring;
use rand::rngs::SysRng;
use roaring::RoaringBitmap;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const ANNA: &str = "anna.rossi@postacertificata.example";
pub(crate) const BRUNO: &str = "bruno.verdi@postacertificata.example";
pub(crate) const ANNA_IS: &str = "RSSNNA85T50A562X";
/// Her address for notices.
pub(crate) const ANNA_AT_HOME: &str = "annarossi@casa.example";
pub(crate) const OPEN: &str = "2016-05-02T10:00:00Z";
pub(crate) const LAST: &str = "2018-03-17T22:59:59Z";
pub(crate) const ENDED: &str = "2018-03-17T23:00:00Z";

/// Valid for a month, shown to an operator.
pub(crate) const SHOWN: Terms = Terms { lasting: TimeDelta::days(30), by_letter: false };

/// A clock set by hand.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) archive: Arc<Archive>,
    clock: Hand,
}

pub(crate) fn origin() -> Origin {
    Origin { reason: Some("a letter".to_owned()), ..Origin::part("operator:test") }
}

pub(crate) fn anna() -> Holder {
    Holder { address: ANNA.to_owned(), codice_fiscale: ANNA_IS.to_owned() }
}

pub(crate) fn bruno() -> Holder {
    Holder { address: BRUNO.to_owned(), codice_fiscale: "VRDBRN80A01A562X".to_owned() }
}

/// Erases Anna from an index and a folder of exports, without known open requests.
pub(crate) async fn erase_anna(
    index: &Index,
    exports: &Path,
) -> Result<ErasedExports, archive::Error> {
    let (numbers, addresses) = (RoaringBitmap::from([0]), [ANNA.to_owned()]);
    let requests = BTreeSet::new();
    let keys = Keyring::open(&exports.with_file_name("keys")).unwrap();
    let known_by = [ANNA_IS.to_owned(), ANNA_AT_HOME.to_owned()];
    let whose = ErasureSubjects {
        numbers: &numbers,
        addresses: &addresses,
        known_by: &known_by,
        keys: &keys,
        requests: &requests,
    };
    archive::erase(index, exports, whose).await
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Hand(Arc::new(Mutex::new("2014-12-01T10:00:00Z".parse().unwrap())));
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let programme = "cec-pac".parse().unwrap();
        let handed = Arc::new(clock.clone());
        let journal = Journal::new(programme, store, handed, State::default(), 0);
        let adopted =
            State::default().decide(Command::Adopt(Plan::cec_pac().unwrap()), clock.now());
        let stream = programme_stream(journal.programme()).unwrap();
        let none = ExpectedVersion::NoStream;
        journal.append(stream, none, &adopted.unwrap(), &origin()).await.unwrap();
        let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
        for _ in 0..2 {
            requested_on.push("2012-05-01".parse().ok()).unwrap();
            activated_on.push("2012-05-02".parse().ok()).unwrap();
        }
        let registered = MailboxesRegistered { first: 0, requested_on, activated_on };
        let stream = registry_stream(journal.programme()).unwrap();
        let events = [Event::MailboxesRegistered(registered)];
        journal.append(stream, none, &events, &origin()).await.unwrap();
        let keys =
            Keyring::open_or_make(&folder.path().join("keys"), clock.now(), &mut SysRng).unwrap();
        let index = Index::open(&folder.path().join("archive.db")).await.unwrap();
        let exports = folder.path().join("exports");
        let archive = Arc::new(Archive::new(Arc::new(journal), index, keys, exports));
        let world = Self { folder, archive, clock };
        world.read_a_log().await;
        world.at(OPEN);
        world
    }

    /// Another process on the same log, index and exports.
    pub(crate) async fn another(&self) -> Archive {
        let path = |name: &str| self.folder.path().join(name);
        let index = Index::open(&path("archive.db")).await.unwrap();
        let keys = Keyring::open(&path("keys")).unwrap();
        Archive::new(Arc::clone(self.archive.journal()), index, keys, path("exports"))
    }

    async fn read_a_log(&self) {
        let lines = [
            "3F2A41C0: client=unknown[192.0.2.9], sasl_method=PLAIN, sasl_username=x",
            "3F2A41C0: message-id=<uno.lettera@pc.example>",
            "3F2A41C0: info: header Subject: =Domanda di Anna from unknown[192.0.2.9]; from=<a> \
             to=<b> proto=ESMTP",
            &format!("3F2A41C0: from=<{ANNA}>, size=1, nrcpt=1 (queue active)"),
            "3F2A41C0: to=<urp@comune.example>, relay=mx, delay=1, dsn=2.0.0, status=sent (250 Ok: \
             queued as 77AB)",
            "3F2A41C0: removed",
            "44AA41C1: client=mail.comune.example[192.0.2.2]",
            "44AA41C1: message-id=<due.lettera@comune.example>",
            "44AA41C1: from=<urp@comune.example>, size=1, nrcpt=1 (queue active)",
            &format!("44AA41C1: to=<{BRUNO}>, relay=x, delay=1, dsn=2.0.0, status=sent (250 Ok)"),
            "44AA41C1: removed",
        ];
        let parts = [
            "smtpd", "cleanup", "cleanup", "qmgr", "smtp", "qmgr", "smtpd", "cleanup", "qmgr",
            "lmtp", "qmgr",
        ];
        let lines: Vec<_> = parts.into_iter().zip(lines).collect();
        assert_eq!(self.read(&lines).await, 2);
    }

    /// Indexes lines of Postfix daemons, one per second; returns the number of messages.
    pub(crate) async fn read(&self, lines: &[(&str, &str)]) -> u64 {
        let path = self.folder.path().join("mail.log");
        let line = |(second, (part, text)): (usize, &(&str, &str))| {
            format!("2015-07-10T10:00:{second:02}+02:00 mx1 postfix/{part}[7]: {text}\n")
        };
        fs::write(&path, lines.iter().enumerate().map(line).collect::<String>()).unwrap();
        let request = IndexRequest {
            files: vec![path.clone()],
            domains: Domains::new(["postacertificata.example".to_owned()]),
            zone: chrono_tz::Europe::Rome,
            not_after: None,
        };
        let read = self.archive.read_logs(request, |_| {}).await.unwrap();
        // The operator deletes the mail server's own file.
        fs::remove_file(path).unwrap();
        read.messages
    }

    pub(crate) fn at(&self, when: &str) {
        *self.clock.0.lock().unwrap() = when.parse().unwrap();
    }

    pub(crate) async fn request(&self, number: u32, by: Requester) -> Result<Uuid, archive::Error> {
        let request = self.archive.journal().new_id();
        let asked =
            LogRequested { request, number, by, from: None, through: None, received_on: None };
        self.archive.decide(LogCommand::Request(asked), &origin()).await.map(|_| request)
    }

    pub(crate) async fn verified(&self, by: Requester) -> Uuid {
        self.verified_of(0, by).await
    }

    pub(crate) async fn verified_of(&self, number: u32, by: Requester) -> Uuid {
        let request = self.request(number, by).await.unwrap();
        let command = LogCommand::Verify { request, proof: Verification::Officer };
        self.archive.decide(command, &origin()).await.unwrap();
        request
    }

    pub(crate) async fn prepare(&self, request: Uuid) -> Result<Ready, archive::Error> {
        self.prepare_for(request, &anna()).await
    }

    pub(crate) async fn prepare_for(
        &self,
        request: Uuid,
        holder: &Holder,
    ) -> Result<Ready, archive::Error> {
        self.archive.prepare(request, holder, self.archive.index(), SHOWN, &origin()).await
    }

    pub(crate) async fn hold(&self, number: u32) {
        let stream = mailbox_stream(self.archive.journal().programme(), number).unwrap();
        let event = Event::HoldPlaced(HoldPlaced {
            hold: Uuid::from_u128(7),
            number,
            capabilities: domain::Capability::Access.into(),
            until: None,
        });
        let none = ExpectedVersion::NoStream;
        self.archive.journal().append(stream, none, &[event], &origin()).await.unwrap();
    }

    /// The events of the archive's stream.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let journal = self.archive.journal();
        let stream = archive_stream(journal.programme()).unwrap();
        let log = journal.store();
        let events = log.read_stream(&stream, 0, Direction::Forwards, usize::MAX).await.unwrap();
        events.iter().map(|event| event.fact().unwrap().event).collect()
    }

    /// Every file in the store, except the keys.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("exports") {
                files.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.is_file() {
                files.push(path);
            }
        }
        files
    }
}
