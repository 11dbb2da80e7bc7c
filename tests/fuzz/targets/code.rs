//! Voucher codes as people type them.

#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(fuzz::code);
