//! Postfix's policy delegation protocol, as a mail server speaks it.

use std::io::{Error, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Asks about an address, which is the value of this attribute; the answer is `action=…`.
pub(crate) fn query(
    stream: &mut TcpStream,
    attribute: &str,
    address: &str,
) -> Result<String, Error> {
    let request = format!("request=smtpd_access_policy\n{attribute}={address}\n\n");
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
}
