//! Parses an LMTP command line.

/// A command; paths are without their angle brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Lhlo,
    /// The sender is empty for a bounce.
    Mail {
        sender: String,
        size: Option<u64>,
    },
    Rcpt {
        recipient: String,
    },
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
    /// SMTP's greeting, which LMTP refuses (RFC 2033, 4.1).
    Smtp,
}

/// Why a line is not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandError {
    /// No such command.
    Unknown,
    /// Malformed arguments.
    Arguments,
    /// An extension parameter that we did not announce.
    Parameter,
}

/// The longest path (RFC 5321, 4.5.3.1.3).
const LONGEST_PATH: usize = 256;

/// Parses a line without its CR LF.
pub(super) fn parse(line: &[u8]) -> Result<Command, CommandError> {
    let line = std::str::from_utf8(line)
        .ok()
        .filter(|line| line.is_ascii())
        .ok_or(CommandError::Arguments)?;
    if line.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(CommandError::Arguments);
    }
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    let bare =
        |command: Command| if rest.is_empty() { Ok(command) } else { Err(CommandError::Arguments) };
    match verb.to_ascii_uppercase().as_str() {
        "LHLO" if rest.is_empty() => Err(CommandError::Arguments),
        "LHLO" => Ok(Command::Lhlo),
        "HELO" | "EHLO" => Ok(Command::Smtp),
        "MAIL" => mail(rest),
        "RCPT" => {
            let (recipient, parameters) = path(rest, "TO:")?;
            if recipient.is_empty() {
                return Err(CommandError::Arguments);
            }
            if parameters.is_empty() {
                Ok(Command::Rcpt { recipient })
            } else {
                Err(CommandError::Parameter)
            }
        }
        "DATA" => bare(Command::Data),
        "RSET" => bare(Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => bare(Command::Quit),
        "VRFY" => Ok(Command::Vrfy),
        _ => Err(CommandError::Unknown),
    }
}

fn mail(rest: &str) -> Result<Command, CommandError> {
    let (sender, parameters) = path(rest, "FROM:")?;
    let mut size = None;
    for parameter in parameters.split_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.to_ascii_uppercase().as_str() {
            // Too many digits for a number: larger than any limit.
            "SIZE" if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() => {
                size = Some(value.parse().unwrap_or(u64::MAX));
            }
            "BODY" if ["7BIT", "8BITMIME"].iter().any(|body| value.eq_ignore_ascii_case(body)) => {}
            "SIZE" | "BODY" => return Err(CommandError::Arguments),
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(Command::Mail { sender, size })
}

/// `FROM:<path>` and the parameters after it.
fn path<'l>(rest: &'l str, keyword: &str) -> Result<(String, &'l str), CommandError> {
    let start = rest.get(..keyword.len()).filter(|start| start.eq_ignore_ascii_case(keyword));
    let rest = start.and_then(|_| rest.get(keyword.len()..)).ok_or(CommandError::Arguments)?;
    let rest = rest.trim_start().strip_prefix('<').ok_or(CommandError::Arguments)?;
    // A quoted local part may contain `>`.
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.bytes().position(|byte| {
        let ends = byte == b'>' && !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        ends
    });
    let (path, after) = rest.split_at(end.ok_or(CommandError::Arguments)?);
    let after = after.get(1..).unwrap_or_default();
    if !after.is_empty() && !after.starts_with([' ', '\t']) || path.len() > LONGEST_PATH {
        return Err(CommandError::Arguments);
    }
    // A source route is ignored (RFC 5321, 4.1.1.3).
    let path = match path.strip_prefix('@') {
        Some(_) => path.rsplit_once(':').map(|(_, path)| path).ok_or(CommandError::Arguments)?,
        None => path,
    };
    if path.contains([' ', '\t', '<']) && !path.contains('"') {
        return Err(CommandError::Arguments);
    }
    Ok((path.to_owned(), after.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_parsed_as_mail_servers_write_them() {
        let mail = |sender: &str, size| Ok(Command::Mail { sender: sender.to_owned(), size });
        let rcpt = |recipient: &str| Ok(Command::Rcpt { recipient: recipient.to_owned() });
        for (line, expected) in [
            ("LHLO mx.example", Ok(Command::Lhlo)),
            ("lhlo mx.example", Ok(Command::Lhlo)),
            ("LHLO", Err(CommandError::Arguments)),
            ("EHLO mx.example", Ok(Command::Smtp)),
            ("MAIL FROM:<a@b.example> SIZE=12 BODY=8BITMIME", mail("a@b.example", Some(12))),
            ("mail from: <a@b.example>", mail("a@b.example", None)),
            ("MAIL FROM:<>", mail("", None)),
            ("MAIL FROM:<@relay.example:a@b.example>", mail("a@b.example", None)),
            ("MAIL FROM:<\"a>b\"@c.example>", mail("\"a>b\"@c.example", None)),
            ("MAIL FROM:<a@b> SIZE=99999999999999999999999", mail("a@b", Some(u64::MAX))),
            ("MAIL FROM:<a@b> SIZE=-1", Err(CommandError::Arguments)),
            ("MAIL FROM:<a@b> SMTPUTF8", Err(CommandError::Parameter)),
            ("MAIL FROM:a@b.example", Err(CommandError::Arguments)),
            ("MAIL FROM:<a@b.example", Err(CommandError::Arguments)),
            ("MAIL FROM:<a@b.example>SIZE=1", Err(CommandError::Arguments)),
            ("MAIL", Err(CommandError::Arguments)),
            ("RCPT TO:<a@b.example>", rcpt("a@b.example")),
            ("RCPT TO:<>", Err(CommandError::Arguments)),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER", Err(CommandError::Parameter)),
            ("DATA", Ok(Command::Data)),
            ("DATA now", Err(CommandError::Arguments)),
            ("NOOP whatever", Ok(Command::Noop)),
            ("QUIT", Ok(Command::Quit)),
            ("", Err(CommandError::Unknown)),
            ("BDAT 12", Err(CommandError::Unknown)),
            ("NOOP \r", Err(CommandError::Arguments)),
            ("RCPT TO:<città@b.example>", Err(CommandError::Arguments)),
        ] {
            assert_eq!(parse(line.as_bytes()), expected, "{line:?}");
        }
    }
}
