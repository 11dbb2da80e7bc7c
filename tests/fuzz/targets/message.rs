//! An e-mail.

#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(fuzz::message);
