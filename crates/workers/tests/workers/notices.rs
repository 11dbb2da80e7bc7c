//! Notices: handed over once whatever stops, refused and deferred by a relay that really speaks
//! SMTP, and what comes back.

mod bounces;
mod fuse;
mod given;
mod relay;
mod sending;
mod server;
mod stopping;
