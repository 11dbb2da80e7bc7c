//! From a request by e-mail to a code delivered to the holder, with every way in which nobody gets
//! anything.

mod asking;
mod letters;
mod scene;
