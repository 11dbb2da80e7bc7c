//! What people write for a voucher's code.

#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(fuzz::code);
