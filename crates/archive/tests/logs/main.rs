//! Mail logs as they come: generated, rotated, compressed, cut off, given twice; read into an index and
//! asked for one mailbox.

#![cfg(test)]

mod contract;
mod crashes;
mod maillog;
mod reading;
mod stopped;
