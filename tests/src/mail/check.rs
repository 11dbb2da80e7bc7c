//! Checks what every mailbox may do on real servers: each right is exercised, or its refusal
//! compared word for word.

use domain::{Capabilities, Capability};

use super::imap::Imap;
use super::people::Person;
use super::pop3::Pop3;
use super::servers::MailServers;
use super::smtp::Smtp;

/// The password of all mailboxes.
pub(super) const PASSWORD: &str = "segreta-2015";

/// The refusals of the CEC-PAC plan.
const NO_SENDING: &str = "la CEC-PAC e' in chiusura: da questa casella non si possono piu' inviare \
                          messaggi / CEC-PAC is closing: this mailbox can no longer send";
const NO_RECEIVING: &str = "la CEC-PAC e' in chiusura: questa casella non riceve piu' messaggi / \
                            CEC-PAC is closing: this mailbox no longer receives messages";
const NO_ACCESS: &str = "il servizio CEC-PAC e' cessato: questa casella non e' piu' accessibile / \
                         CEC-PAC has ended: this mailbox is closed";

/// The reply to a wrong password, also for an unknown mailbox.
const WRONG_IMAP: &str = "NO [AUTHENTICATIONFAILED] Authentication failed.";
const WRONG_SMTP: &str = "535 5.7.8 Error: authentication failed: (reason unavailable)";
const WRONG_POP3: &str = "-ERR [AUTH] Authentication failed.";

/// A check of all mailboxes at one moment.
pub(super) struct Check<'a> {
    pub(super) servers: &'a MailServers,
    pub(super) people: &'a [Person],
    /// Its name, for subjects and failures.
    pub(super) moment: String,
    /// What the plan allows in general.
    pub(super) allowed: Capabilities,
    /// Were the decisions about single mailboxes made?
    pub(super) decided: bool,
    /// The expected refusal of sending, by sender, recipient and the plan's text.
    pub(super) no_sending: &'a (dyn Fn(&str, &str, &str) -> String + Sync),
}

impl Check<'_> {
    pub(super) fn at_everybody(&self) {
        // In parallel: Dovecot delays the reply to each wrong password.
        std::thread::scope(|scope| {
            for person in self.people {
                scope.spawn(|| {
                    let may = person.may(self.allowed, self.decided);
                    self.receiving(person, may);
                    self.sending(person, may);
                    self.logging_in(person, may);
                });
            }
        });
    }

    /// Fails with the moment, the mailbox and the transcript.
    fn expect(&self, person: &Person, expected: &str, heard: &str) {
        let (moment, kind) = (&self.moment, person.kind);
        assert_eq!(heard, expected, "{moment}, {kind:?}\n{}", self.servers.logs());
    }

    /// Receives mail from outside, at port 25.
    fn receiving(&self, person: &Person, may: Option<Capabilities>) {
        let address = &person.address;
        let subject = format!("to-{}-{}", person.number, self.moment);
        let reply = Smtp::deliver(self.servers.smtp, address, &subject);
        let refusal = match may {
            None => {
                format!(
                    "550 5.1.1 <{address}>: Recipient address rejected: User unknown in virtual \
                     mailbox table"
                )
            }
            Some(may) if may.contains(Capability::Receive) => {
                assert!(reply.starts_with("250 2.0.0 Ok: queued"), "{}: {reply}", self.moment);
                self.servers.wait_for(address, &subject);
                return;
            }
            Some(_) => format!("550 5.2.1 <{address}>: Recipient address rejected: {NO_RECEIVING}"),
        };
        self.expect(person, &refusal, &reply);
    }

    /// Sends mail, at the submission port.
    fn sending(&self, person: &Person, may: Option<Capabilities>) {
        let address = &person.address;
        let mut session = Smtp::open(self.servers.submission);
        if may.is_some() {
            self.expect(person, WRONG_SMTP, &session.log_in(address, "wrong"));
        }
        let answer = session.log_in(address, PASSWORD);
        let Some(may) = may else {
            self.expect(person, WRONG_SMTP, &answer);
            return;
        };
        self.expect(person, "235 2.7.0 Authentication successful", &answer);
        let (Some(archive), Some(other)) = (self.people.last(), self.people.get(1)) else { return };
        if other.address != *address {
            let reply = session.send(&other.address, &archive.address, "in-anothers-name");
            let other = &other.address;
            let refusal = format!(
                "553 5.7.1 <{other}>: Sender address rejected: not owned by user {address}"
            );
            self.expect(person, &refusal, &reply);
        }
        let subject = format!("from-{}-{}", person.number, self.moment);
        let reply = session.send(address, &archive.address, &subject);
        if may.contains(Capability::Send) {
            assert!(reply.starts_with("250 2.0.0 Ok: queued"), "{}: {reply}", self.moment);
            self.servers.wait_for(&archive.address, &subject);
        } else {
            let refusal = (self.no_sending)(address, &archive.address, NO_SENDING);
            self.expect(person, &refusal, &reply);
        }
        session.command("QUIT");
    }

    /// Reads mail, by both protocols.
    fn logging_in(&self, person: &Person, may: Option<Capabilities>) {
        let address = &person.address;
        let refused = |outcome: Result<(), String>| outcome.err().unwrap_or_default();
        let imap = |password| Imap::log_in(self.servers.imap, address, password);
        let pop3 = |password| Pop3::log_in(self.servers.pop3, address, password);
        if may.is_some() {
            self.expect(person, WRONG_IMAP, &refused(imap("wrong").map(drop)));
            self.expect(person, WRONG_POP3, &refused(pop3("wrong").map(drop)));
        }
        let (imap, pop3) = (imap(PASSWORD), pop3(PASSWORD));
        match may {
            Some(may) if may.contains(Capability::Access) => {
                let reading = imap.and_then(|imap| Ok((imap, pop3?)));
                let (imap, pop3) = reading.unwrap_or_else(|refusal| {
                    panic!("{}, {:?}: {refusal}\n{}", self.moment, person.kind, self.servers.logs())
                });
                if may.contains(Capability::Modify) {
                    self.changing(imap, pop3);
                } else {
                    self.consulting(person, imap, pop3);
                }
            }
            Some(_) => {
                self.expect(
                    person,
                    &format!("NO [CONTACTADMIN] {NO_ACCESS}"),
                    &refused(imap.map(drop)),
                );
                self.expect(person, &format!("-ERR [AUTH] {NO_ACCESS}"), &refused(pop3.map(drop)));
            }
            None => {
                self.expect(person, WRONG_IMAP, &refused(imap.map(drop)));
                self.expect(person, WRONG_POP3, &refused(pop3.map(drop)));
            }
        }
    }

    /// Adds a message and deletes it again.
    fn changing(&self, mut imap: Imap, mut pop3: Pop3) {
        let selected = imap.command("SELECT INBOX").done;
        assert!(selected.starts_with("OK [READ-WRITE]"), "{}: {selected}", self.moment);
        let subject = format!("kept-{}", self.moment);
        assert!(imap.append(&subject).is_ok());
        assert_eq!(imap.count(&subject), 1);
        for command in ["SEARCH RETURN (SAVE) SUBJECT", "STORE $ +FLAGS (\\Deleted)", "EXPUNGE"] {
            let command = if command.starts_with("SEARCH") {
                format!("{command} \"{subject}\"")
            } else {
                command.to_owned()
            };
            let answer = imap.command(&command);
            assert!(answer.is_ok(), "{}: {command}: {answer:?}", self.moment);
        }
        assert_eq!(imap.count(&subject), 0);
        assert!(pop3.count() > 0);
        assert!(pop3.retrieve(1).iter().any(|line| line.starts_with("Subject:")));
    }

    /// Every message can be fetched, and no attempt changes anything.
    fn consulting(&self, person: &Person, mut imap: Imap, mut pop3: Pop3) {
        let moment = &self.moment;
        let selected = imap.command("SELECT INBOX").done;
        assert!(selected.starts_with("OK [READ-ONLY]"), "{moment}: {selected}");
        let before = imap.flags();
        assert!(!before.is_empty(), "{moment}: {person:?} has nothing to read");
        let message = imap.command("FETCH 1 BODY[]");
        assert!(message.is_ok() && message.data.concat().contains("Subject:"), "{message:?}");
        let refused = imap.append("not-to-be-kept");
        assert!(!refused.is_ok(), "{moment}: {refused:?}");
        for command in
            ["CREATE Saved", "COPY 1 INBOX", "MOVE 1 INBOX", "RENAME INBOX Old", "DELETE INBOX"]
        {
            let answer = imap.command(command);
            assert!(!answer.is_ok(), "{moment}: {command}: {answer:?}");
        }
        // These may report success; what counts is that nothing changed.
        imap.command("STORE 1:* +FLAGS (\\Deleted)");
        imap.command("EXPUNGE");
        imap.command("CLOSE");
        let messages = pop3.count();
        assert_eq!(messages, u32::try_from(before.len()).unwrap());
        assert!(pop3.retrieve(1).iter().any(|line| line.starts_with("Subject:")));
        pop3.command("DELE 1");
        pop3.command("QUIT");
        let again = Imap::log_in(self.servers.imap, &person.address, PASSWORD);
        let mut again = again.unwrap_or_else(|refusal| panic!("{moment}: {refusal}"));
        assert!(again.command("SELECT INBOX").is_ok());
        assert_eq!(again.flags(), before, "{moment}: {person:?}: something was changed");
    }
}
