//! An LMTP session, in any chunks.

#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(fuzz::lmtp);
