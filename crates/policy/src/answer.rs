//! From a request to its answer.
//!
//! Who sends is who logged in; a sender's address alone proves nothing and is not looked at, but
//! where the configuration of the mail server says that the place is for submission (its
//! `policy_context` is `submission`), or somebody is logged in and writes under another name. Mail
//! that was accepted before an instant and travels on between the platform's own servers after it
//! is thus not refused on its way. Invariant: where what is known does not suffice, the mail is
//! told to come again; it is never let through and never refused for good.

use std::sync::Arc;

use domain::{Capability, Denied};

use crate::known::{Fresh, Known};
use crate::protocol::Request;
use crate::text;

/// What the mail server is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Whatever its other rules say: it is none of ours, or allowed.
    Dunno,
    /// Refuse it for good: status codes and text.
    Refuse(Arc<str>),
    /// Have it come again.
    Defer,
}

impl Answer {
    /// What stands after `action=`.
    pub fn action(&self) -> &str {
        match self {
            Self::Dunno => "DUNNO",
            Self::Refuse(text) => text,
            Self::Defer => text::LATER,
        }
    }
}

/// An address that every domain must have (RFC 5321, 4.5.1; RFC 2142).
const ALWAYS: [&[u8]; 2] = [b"postmaster", b"abuse"];

impl Known {
    /// What is answered now.
    pub fn answer(&self, request: &Request) -> Answer {
        let Some(fresh) = self.fresh() else { return Answer::Defer };
        let Request { sender, recipient, sasl_username, policy_context } = request;
        let submitted = !sasl_username.is_empty() || policy_context == b"submission";
        let sends = [sasl_username, sender].into_iter().filter(|_| submitted);
        let sends = sends.map(|address| (address, Capability::Send));
        let all = sends.chain([(recipient, Capability::Receive)]);
        let refused = all
            .filter(|(address, _)| !address.is_empty())
            .find_map(|(address, capability)| self.refusal(&fresh, address, capability));
        refused.map_or(Answer::Dunno, Answer::Refuse)
    }

    /// Why the holder of an address may not; `None` where it may, or is none of ours.
    fn refusal(&self, fresh: &Fresh, address: &[u8], capability: Capability) -> Option<Arc<str>> {
        let denied = match self.number(address) {
            Some(number) => fresh.said.entitled.check(number, capability, fresh.now).err()?,
            None => Denied::Unregistered,
        };
        if denied == Denied::Unregistered && !self.is_own(address) {
            return None;
        }
        Some(fresh.said.texts.refusal(denied, capability))
    }

    /// The mailbox that an address leads to, with or without an extension as in `anna+shop@…`:
    /// whether the platform knows extensions is not known here, and a closed mailbox must not be
    /// reached by one.
    fn number(&self, address: &[u8]) -> Option<u32> {
        let find = |address: &[u8]| {
            let key = self.keys.of(address);
            self.addresses().find(key)
        };
        find(address).or_else(|| {
            let (local, domain) = address.split_at(at(address)?);
            let plus = local.iter().position(|byte| *byte == b'+')?;
            find(&[local.get(..plus)?, domain].concat())
        })
    }

    /// Is every address of its domain one of the programme's?
    fn is_own(&self, address: &[u8]) -> bool {
        let Some((local, domain)) = at(address).map(|at| address.split_at(at)) else {
            return false;
        };
        let domain = domain.get(1..).unwrap_or_default();
        let always = ALWAYS.iter().any(|name| local.eq_ignore_ascii_case(name));
        !always && self.own.iter().any(|own| domain.eq_ignore_ascii_case(own))
    }
}

/// Where the domain of an address begins, its `@` included.
fn at(address: &[u8]) -> Option<usize> {
    address.iter().rposition(|byte| *byte == b'@')
}
