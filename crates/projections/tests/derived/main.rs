//! What is derived from the log: equal to the log in every story, at every restart, as of every date.

#![cfg(test)]

mod damage;
mod history;
mod progress;
mod sets;
mod story;
mod table;
