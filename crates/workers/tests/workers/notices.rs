//! Notices: sent once whatever crashes; deferred, refused and bounced by a real SMTP server.

mod bounces;
mod given;
mod relay;
mod sending;
mod server;
mod stopping;
