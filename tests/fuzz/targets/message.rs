//! What comes as an e-mail.

#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(fuzz::message);
