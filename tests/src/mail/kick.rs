//! Open sessions when access closes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use domain::{Capabilities, Capability};
use engine::parts::Sessions;
use workers::{OpenSessions, SessionCommand, SessionsError};

use super::enforcement::{Enforcement, FileDirectory};
use super::imap::Imap;
use super::look::PASSWORD;
use super::people::{Kind, people};
use super::servers::MailServers;
use super::walk::HASH;
use crate::{Nobody, World};

/// Fails once, as a command may while Dovecot restarts, and then ends sessions.
struct SecondTry {
    command: SessionCommand,
    tried: AtomicBool,
}

#[async_trait]
impl OpenSessions for SecondTry {
    async fn end(&self, addresses: &[String]) -> Result<(), SessionsError> {
        if self.tried.swap(true, Ordering::SeqCst) {
            return self.command.end(addresses).await;
        }
        let nowhere: SessionCommand = "/nowhere/end-sessions".parse().unwrap();
        nowhere.end(addresses).await
    }
}

/// An open session ends after access has closed, even if the first attempt fails; the session of a
/// mailbox with a hold continues.
pub async fn open_sessions_end() {
    let world = World::with(400).await;
    let directory = FileDirectory::of(&world).await;
    let people = people(&world).await;
    let kept: Capabilities = Capability::Access.into();
    let ordinary = people.iter().find(|person| person.kind == Kind::Ordinary).unwrap();
    let held = people.iter().find(|person| person.kind == Kind::Held(kept)).unwrap();
    let mut running = directory.engine(&world).await;
    running.run_until(running.engine.journal.now(), &mut Nobody).await.unwrap();
    held.decide(&running).await;
    for person in [ordinary, held] {
        directory.set_password(&person.address, HASH).await;
    }
    let servers = MailServers::start(&directory.lookups());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/mail/end-sessions");
    let settings = servers.folder().join("etc/dovecot/dovecot.conf");
    let command = format!("{} -c {}", script.display(), settings.display()).parse().unwrap();
    let sessions = SecondTry { command, tried: AtomicBool::new(false) };
    let (journal, registry) =
        (Arc::clone(&running.engine.journal), Arc::clone(&running.engine.store.registry));
    let sessions = Sessions::new(journal, registry, Arc::new(sessions), "test".to_owned());
    running.engine.run_beside(Box::new(sessions));

    let closed: DateTime<Utc> = "2015-09-17T22:00:00Z".parse().unwrap();
    running.run_until(closed - Duration::seconds(1), &mut Nobody).await.unwrap();
    let log_in = |address: &str| {
        let mut session = Imap::log_in(servers.imap, address, PASSWORD).unwrap_or_else(|refusal| {
            panic!("{refusal}\n{}", servers.told());
        });
        assert!(session.command("SELECT INBOX").is_ok());
        session
    };
    let (mut theirs, mut kept) = (log_in(&ordinary.address), log_in(&held.address));
    running.run_until(closed, &mut Nobody).await.unwrap();
    let farewell = tokio::task::spawn_blocking(move || theirs.unasked("* BYE")).await.unwrap();
    assert!(farewell.is_some(), "it was hung up on without a word");
    assert!(kept.command("NOOP").is_ok(), "the session of one whose access is kept goes on");
    running.engine.stop().await.unwrap();
}
