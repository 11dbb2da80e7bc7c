//! A mail server's log.

#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(fuzz::syslog);
