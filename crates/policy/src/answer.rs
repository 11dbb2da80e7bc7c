//! From a request to its answer.
//!
//! The sender is the authenticated user. The sender's address alone proves nothing and is checked
//! only for submission (the mail server's `policy_context` is `submission`) or when an
//! authenticated user sends under another address. Mail that was accepted before an instant and is
//! relayed between the platform's own servers after it is thus not refused on its way. Invariant:
//! without a certain answer the mail is deferred; it is neither accepted nor refused permanently.

use std::sync::Arc;

use domain::{Capability, Denied};

use crate::protocol::Request;
use crate::snapshot::{Fresh, Snapshot};
use crate::text;

/// The action of the mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// No objection: the address is allowed or not of this programme.
    Dunno,
    /// Refuse it permanently: status codes and text.
    Refuse(Arc<str>),
    /// Defer it.
    Defer,
}

impl Answer {
    /// The value of `action=`.
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

impl Snapshot {
    /// The answer to a request now.
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

    /// The refusal for an address; `None` if it is allowed or not of this programme.
    fn refusal(&self, fresh: &Fresh, address: &[u8], capability: Capability) -> Option<Arc<str>> {
        let denied = match self.number(address) {
            Some(number) => fresh.rights.entitled.check(number, capability, fresh.now).err()?,
            None => Denied::Unregistered,
        };
        if denied == Denied::Unregistered && !self.is_own(address) {
            return None;
        }
        Some(fresh.rights.texts.refusal(denied, capability))
    }

    /// The mailbox of an address, with or without an extension as in `anna+shop@…`: the platform
    /// may support extensions, and they must not reach a closed mailbox.
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

    /// Whether every address of its domain belongs to the programme.
    fn is_own(&self, address: &[u8]) -> bool {
        let Some((local, domain)) = at(address).map(|at| address.split_at(at)) else {
            return false;
        };
        let domain = domain.get(1..).unwrap_or_default();
        let always = ALWAYS.iter().any(|name| local.eq_ignore_ascii_case(name));
        !always && self.own.iter().any(|own| domain.eq_ignore_ascii_case(own))
    }
}

/// The index of the `@` of an address.
fn at(address: &[u8]) -> Option<usize> {
    address.iter().rposition(|byte| *byte == b'@')
}
