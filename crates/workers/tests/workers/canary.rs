//! Canaries are probed before and after each boundary; a reply counts only for its capability.

mod answers;
mod server;
mod times;
mod tls;
mod world;
