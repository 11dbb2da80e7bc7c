//! The bytes of a message between DATA and the final dot (RFC 5321, 4.5.2).
//!
//! Invariant: only `CR LF . CR LF` ends a message. After a bare line feed the message is refused
//! and the connection is closed, because the rest may be a smuggled message.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory that messages in flight may use, over all connections.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget {
    used: Arc<AtomicUsize>,
    most: usize,
}

/// A share of the budget, released when dropped.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    budget: MemoryBudget,
    bytes: usize,
}

/// How much of the budget is reserved at a time.
const STEP: usize = 64 * 1024;

impl MemoryBudget {
    pub(crate) fn new(most: usize) -> Self {
        Self { used: Arc::default(), most }
    }

    fn share(&self) -> MemoryShare {
        MemoryShare { budget: self.clone(), bytes: 0 }
    }
}

impl MemoryShare {
    /// Grows to this many bytes; false if the budget is exhausted.
    fn grow(&mut self, bytes: usize) -> bool {
        while self.bytes < bytes {
            let before = self.budget.used.fetch_add(STEP, Ordering::Relaxed);
            self.bytes += STEP;
            if before + STEP > self.budget.most {
                return false;
            }
        }
        true
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

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
    share: MemoryShare,
    most: usize,
    position: Position,
    refusal: Option<Refusal>,
}

/// A complete message. It holds its share of the budget until it is dropped.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) bytes: Vec<u8>,
    pub(super) share: MemoryShare,
}

impl Data {
    pub(super) fn new(most: usize, budget: &MemoryBudget) -> Self {
        Self {
            bytes: Vec::new(),
            share: budget.share(),
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
        } else if self.share.grow(length) {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.refuse(Refusal::NoMemory);
        }
    }

    /// Records the refusal with the highest precedence and frees the bytes.
    fn refuse(&mut self, why: Refusal) {
        self.refusal = self.refusal.max(Some(why));
        self.bytes = Vec::new();
        self.share = self.share.budget.share();
    }

    /// The complete message, or why it is refused.
    pub(super) fn end(self) -> Result<Complete, Refusal> {
        match self.refusal {
            None => Ok(Complete { bytes: self.bytes, share: self.share }),
            Some(why) => Err(why),
        }
    }
}
