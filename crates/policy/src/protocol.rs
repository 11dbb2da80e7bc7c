//! Postfix's policy delegation protocol (`SMTPD_POLICY_README`): requests and answers are lines of
//! `name=value` that end with an empty line.
//!
//! Invariants: for any bytes in any pieces, the parser holds one line and a few values, each of
//! bounded size; an invalid request is reported as such and never guessed at. Deliberately absent:
//! sockets, and the answers.

use std::fmt;

/// The longest line. The values come from a client of the mail server, whose lines that bounds at
/// 2,048.
pub(crate) const LONGEST_LINE: usize = 8 * 1024;
/// The longest request: a real one has some thirty lines.
pub(crate) const LONGEST_REQUEST: usize = 64 * 1024;

/// The used values of a request.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The sender as the client states it; empty for a bounce.
    pub sender: Vec<u8>,
    /// The recipient; empty if it is not known yet.
    pub recipient: Vec<u8>,
    /// The authenticated user; empty for none.
    pub sasl_username: Vec<u8>,
    /// The name that the mail server's configuration gives to this check.
    pub policy_context: Vec<u8>,
}

/// Shows no address.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request")
    }
}

/// An invalid request; the text gives the reason and repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Garbage {
    /// A line without `=`.
    #[error("a line is not of the form name=value")]
    NoAttribute,
    /// A line without an end.
    #[error("a line is longer than {LONGEST_LINE} bytes")]
    LongLine,
    /// A request without an end.
    #[error("a request is longer than {LONGEST_REQUEST} bytes")]
    LongRequest,
    /// A request for something other than access.
    #[error("a request is not of the kind smtpd_access_policy")]
    OtherKind,
}

/// Parses requests from bytes that arrive in any pieces.
#[derive(Debug, Default)]
pub struct Parser {
    /// The start of an incomplete line.
    line: Vec<u8>,
    /// Bytes of the request so far.
    length: usize,
    is_access: bool,
    request: Request,
}

impl Parser {
    /// Consumes bytes up to the end of a request, or all of them; the rest stays in `bytes`.
    pub fn take(&mut self, bytes: &mut &[u8]) -> Result<Option<Request>, Garbage> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            *bytes = rest.get(1..).unwrap_or_default();
            self.count(line.len() + 1)?;
            let ended = if self.line.is_empty() {
                self.line(line)?
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.line(&whole)?
            };
            if ended {
                return self.end().map(Some);
            }
        }
        self.count(bytes.len())?;
        self.line.extend_from_slice(bytes);
        *bytes = &[];
        if self.line.len() > LONGEST_LINE {
            return Err(Garbage::LongLine);
        }
        Ok(None)
    }

    /// Whether no byte of the next request has arrived.
    pub fn is_between(&self) -> bool {
        self.length == 0
    }

    fn count(&mut self, more: usize) -> Result<(), Garbage> {
        self.length = self.length.saturating_add(more);
        if self.length > LONGEST_REQUEST { Err(Garbage::LongRequest) } else { Ok(()) }
    }

    /// Parses a line without its line ending; true if it ends the request.
    fn line(&mut self, line: &[u8]) -> Result<bool, Garbage> {
        if line.len() > LONGEST_LINE {
            return Err(Garbage::LongLine);
        }
        // A person who tries it by hand sends CRLF.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Ok(true);
        }
        let Some(end) = line.iter().position(|byte| *byte == b'=') else {
            return Err(Garbage::NoAttribute);
        };
        let (name, value) = line.split_at(end);
        let value = value.get(1..).unwrap_or_default();
        if name == b"request" {
            self.is_access = value == b"smtpd_access_policy";
        } else if let Some(kept) = self.kept(name).filter(|kept| kept.is_empty()) {
            // Of several, the first counts.
            kept.extend_from_slice(value);
        }
        Ok(false)
    }

    fn kept(&mut self, name: &[u8]) -> Option<&mut Vec<u8>> {
        let Request { sender, recipient, sasl_username, policy_context } = &mut self.request;
        match name {
            b"sender" => Some(sender),
            b"recipient" => Some(recipient),
            b"sasl_username" => Some(sasl_username),
            b"policy_context" => Some(policy_context),
            _ => None,
        }
    }

    fn end(&mut self) -> Result<Request, Garbage> {
        let Self { request, is_access, .. } = std::mem::take(self);
        if is_access { Ok(request) } else { Err(Garbage::OtherKind) }
    }
}

#[cfg(test)]
mod tests;
