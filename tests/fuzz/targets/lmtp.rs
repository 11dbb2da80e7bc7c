//! What a mail server says, in whatever pieces it comes.

#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(fuzz::lmtp);
