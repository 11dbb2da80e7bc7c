//! Open sessions when access closes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use domain::{Capabilities, Capability};
use engine::parts::Sessions;
use rehearsal::Rehearsal;
use workers::{OpenSessions, SessionCommand, SessionsError};

use super::check::PASSWORD;
use super::imap::Imap;
use super::people::{Kind, Person};
use super::servers::MailServers;

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

/// The IMAP sessions of two mailboxes when access closes: an ordinary one, and one with a hold.
pub(super) struct Open {
    theirs: Imap,
    kept: Imap,
}

impl Open {
    /// Logs both in.
    pub(super) fn begin(servers: &MailServers, people: &[Person]) -> Self {
        let log_in = |kind| {
            let person = people.iter().find(|person| person.kind == kind).unwrap();
            let session = Imap::log_in(servers.imap, &person.address, PASSWORD);
            let mut session =
                session.unwrap_or_else(|refusal| panic!("{refusal}\n{}", servers.logs()));
            assert!(session.command("SELECT INBOX").is_ok());
            session
        };
        let access: Capabilities = Capability::Access.into();
        Self { theirs: log_in(Kind::Ordinary), kept: log_in(Kind::Held(access)) }
    }

    /// The session ends, though the first attempt to end it fails; the one of the mailbox with a
    /// hold continues.
    pub(super) async fn end(self) {
        let Self { mut theirs, mut kept } = self;
        let farewell = tokio::task::spawn_blocking(move || theirs.unasked("* BYE")).await.unwrap();
        assert!(farewell.is_some(), "the session ended without BYE");
        assert!(kept.command("NOOP").is_ok(), "the session of one whose access is kept goes on");
    }
}

/// Has the engine end sessions on these servers from now on.
pub(super) fn end_sessions(servers: &MailServers, running: &Rehearsal) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/mail/end-sessions");
    let settings = servers.folder().join("etc/dovecot/dovecot.conf");
    let command = format!("{} -c {}", script.display(), settings.display()).parse().unwrap();
    let sessions = SecondTry { command, tried: AtomicBool::new(false) };
    let (journal, registry) =
        (Arc::clone(&running.engine.journal), Arc::clone(&running.engine.registry));
    let sessions = Sessions::new(journal, registry, Arc::new(sessions), "test".to_owned());
    running.engine.run_beside("sessions", Box::new(sessions));
}
