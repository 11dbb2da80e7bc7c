//! A programme in small: some dozens of mailboxes, real commands, a platform that does or does not, a clock
//! that jumps; and what must hold after each step of any such story.
#![cfg(test)]

mod canaries;
mod law;
mod notices;
mod step;
mod story;
mod work;
mod world;
