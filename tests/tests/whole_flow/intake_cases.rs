//! From a request by e-mail to a code in the holder's hands, and everything on the way that gives
//! nobody anything.

mod asking;
mod letters;
mod scene;
