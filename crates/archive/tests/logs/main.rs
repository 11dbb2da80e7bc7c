//! Mail logs as they come: generated, rotated, compressed, cut off, given twice; read into an index and
//! asked for one mailbox.

#![cfg(test)]

mod contract;
mod maillog;
mod reading;
