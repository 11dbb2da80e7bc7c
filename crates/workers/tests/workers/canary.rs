//! Canaries are probed beside each boundary, and what a server answers is read for the right alone.

mod answers;
mod server;
mod times;
mod tls;
mod world;
