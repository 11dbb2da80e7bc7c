//! The bytes of a message between DATA and the line with a dot alone (RFC 5321, 4.5.2).
//!
//! Invariant: only `CR LF . CR LF` ends it. A line feed without its carriage return makes the message one that
//! is refused, and the connection one that is closed, for what follows may be another message smuggled in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory that all connections together may take for messages under way.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// A part of the room, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    room: Room,
    bytes: usize,
}

/// How much of the room is taken at a time.
const STEP: usize = 64 * 1024;

impl Room {
    pub(crate) fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    fn share(&self) -> Share {
        Share { room: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// Is there room for so many bytes in all?
    fn grow(&mut self, bytes: usize) -> bool {
        while self.bytes < bytes {
            let before = self.room.taken.fetch_add(STEP, Ordering::Relaxed);
            self.bytes += STEP;
            if before + STEP > self.room.most {
                return false;
            }
        }
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Why the bytes of a message are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spoilt {
    /// All connections together hold as much as they may; later there is room.
    NoRoom,
    /// It is larger than is taken.
    TooLarge,
    /// A line ends without CR.
    BareLineFeed,
}

/// Where in the lines of a message we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    Text,
    /// After a CR.
    Return,
    /// After a dot that began a line.
    Dot,
    /// After that dot and a CR.
    DotReturn,
}

/// A message under way.
#[derive(Debug)]
pub(super) struct Data {
    bytes: Vec<u8>,
    share: Share,
    most: usize,
    place: Place,
    spoilt: Option<Spoilt>,
}

/// A whole message. It takes its part of the room until it is dropped.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    pub(super) share: Share,
}

impl Data {
    pub(super) fn new(most: usize, room: &Room) -> Self {
        Self { bytes: Vec::new(), share: room.share(), most, place: Place::LineStart, spoilt: None }
    }

    /// Takes bytes up to the end of the message, or all of them; true where it ended.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> bool {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.place == Place::Text {
                let run = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                let (run, rest) = bytes.split_at(run.unwrap_or(bytes.len()));
                if !run.is_empty() {
                    self.keep(run);
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
        match (self.place, byte) {
            (Place::DotReturn, b'\n') => return true,
            (Place::Return, b'\n') => {
                self.keep(b"\n");
                self.place = Place::LineStart;
            }
            (_, b'\n') => {
                self.spoil(Spoilt::BareLineFeed);
                self.place = Place::Text;
            }
            (Place::LineStart, b'.') => self.place = Place::Dot,
            (Place::Dot, b'\r') => self.place = Place::DotReturn,
            (place, byte) => {
                if place == Place::DotReturn {
                    self.keep(b"\r");
                }
                self.keep(&[byte]);
                self.place = if byte == b'\r' { Place::Return } else { Place::Text };
            }
        }
        false
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.spoilt.is_some() {
            return;
        }
        let length = self.bytes.len().saturating_add(bytes.len());
        if length > self.most {
            self.spoil(Spoilt::TooLarge);
        } else if self.share.grow(length) {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.spoil(Spoilt::NoRoom);
        }
    }

    /// The worst counts; what was kept so far is of no use.
    fn spoil(&mut self, why: Spoilt) {
        self.spoilt = self.spoilt.max(Some(why));
        self.bytes = Vec::new();
        self.share = self.share.room.share();
    }

    /// The whole message, or why there is none.
    pub(super) fn end(self) -> Result<Whole, Spoilt> {
        match self.spoilt {
            None => Ok(Whole { bytes: self.bytes, share: self.share }),
            Some(why) => Err(why),
        }
    }
}
