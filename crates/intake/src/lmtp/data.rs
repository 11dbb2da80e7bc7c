//! The bytes of a message between DATA and the final dot (RFC 5321, 4.5.2).
//!
//! Invariant: only `CR LF . CR LF` ends a message. After a bare line feed the message is refused
//! and the connection is closed, because the rest may be a smuggled message.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory that messages in flight may use, over all connections, in permits of [`STEP`] bytes.
pub(crate) type MemoryBudget = Arc<Semaphore>;

/// A share of the budget, released when dropped.
pub(crate) type MemoryShare = Option<OwnedSemaphorePermit>;

/// How much of the budget is reserved at a time.
pub(super) const STEP: usize = 64 * 1024;

/// Why a message is refused, in rising order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// The memory budget is exhausted for now.
    NoMemory,
    /// Larger than the limit.
    TooLarge,
    /// A line ends without CR.
    BareLineFeed,
}

/// The position within a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    LineStart,
    Text,
    /// After a CR.
    Return,
    /// After a dot at the start of a line.
    Dot,
    /// After that dot and a CR.
    DotReturn,
}

/// A message being received.
#[derive(Debug)]
pub(super) struct Data {
    bytes: Vec<u8>,
    budget: MemoryBudget,
    share: MemoryShare,
    most: usize,
    position: Position,
    refusal: Option<Refusal>,
}

impl Data {
    pub(super) fn new(most: usize, budget: &MemoryBudget) -> Self {
        Self {
            bytes: Vec::new(),
            budget: Arc::clone(budget),
            share: None,
            most,
            position: Position::LineStart,
            refusal: None,
        }
    }

    /// Consumes bytes up to the end of the message; true if it ended.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> bool {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.position == Position::Text {
                let run = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                let (run, rest) = bytes.split_at(run.unwrap_or(bytes.len()));
                if !run.is_empty() {
                    self.push(run);
                    *bytes = rest;
                    continue;
                }
            }
            *bytes = rest;
            if self.next(*byte) {
                return true;
            }
        }
        false
    }

    fn next(&mut self, byte: u8) -> bool {
        match (self.position, byte) {
            (Position::DotReturn, b'\n') => return true,
            (Position::Return, b'\n') => {
                self.push(b"\n");
                self.position = Position::LineStart;
            }
            (_, b'\n') => {
                self.refuse(Refusal::BareLineFeed);
                self.position = Position::Text;
            }
            (Position::LineStart, b'.') => self.position = Position::Dot,
            (Position::Dot, b'\r') => self.position = Position::DotReturn,
            (position, byte) => {
                if position == Position::DotReturn {
                    self.push(b"\r");
                }
                self.push(&[byte]);
                self.position = if byte == b'\r' { Position::Return } else { Position::Text };
            }
        }
        false
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.refusal.is_some() {
            return;
        }
        let length = self.bytes.len().saturating_add(bytes.len());
        if length > self.most {
            self.refuse(Refusal::TooLarge);
        } else if self.reserve(length) {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.refuse(Refusal::NoMemory);
        }
    }

    /// Reserves memory for this many bytes; false if the budget is exhausted.
    fn reserve(&mut self, bytes: usize) -> bool {
        let reserved = self.share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.div_ceil(STEP).saturating_sub(reserved);
        if missing == 0 {
            return true;
        }
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let acquired = Arc::clone(&self.budget).try_acquire_many_owned(missing);
        let Ok(more) = acquired else { return false };
        match &mut self.share {
            Some(share) => share.merge(more),
            None => self.share = Some(more),
        }
        true
    }

    /// Records the refusal with the highest precedence and frees the bytes.
    fn refuse(&mut self, why: Refusal) {
        self.refusal = self.refusal.max(Some(why));
        self.bytes = Vec::new();
        self.share = None;
    }

    /// The complete message with its share of the budget, or why it is refused.
    pub(super) fn end(self) -> Result<(Vec<u8>, MemoryShare), Refusal> {
        match self.refusal {
            None => Ok((self.bytes, self.share)),
            Some(why) => Err(why),
        }
    }
}
