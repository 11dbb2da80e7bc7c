//! One command of a mail server, from its line.

/// A command; paths are without their angle brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Lhlo,
    /// Who sends; empty for a bounce.
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

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// No such command.
    Unknown,
    /// Its arguments are not of its form.
    Arguments,
    /// A parameter that was not offered.
    Parameter,
}

/// The longest path (RFC 5321, 4.5.3.1.3).
const LONGEST_PATH: usize = 256;

/// Reads a line without its end.
pub(super) fn read(line: &[u8]) -> Result<Command, Wrong> {
    let line =
        std::str::from_utf8(line).ok().filter(|line| line.is_ascii()).ok_or(Wrong::Arguments)?;
    if line.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(Wrong::Arguments);
    }
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    let bare = |command: Command| if rest.is_empty() { Ok(command) } else { Err(Wrong::Arguments) };
    match verb.to_ascii_uppercase().as_str() {
        "LHLO" if rest.is_empty() => Err(Wrong::Arguments),
        "LHLO" => Ok(Command::Lhlo),
        "HELO" | "EHLO" => Ok(Command::Smtp),
        "MAIL" => mail(rest),
        "RCPT" => {
            let (recipient, parameters) = path(rest, "TO:")?;
            if recipient.is_empty() {
                return Err(Wrong::Arguments);
            }
            if parameters.is_empty() {
                Ok(Command::Rcpt { recipient })
            } else {
                Err(Wrong::Parameter)
            }
        }
        "DATA" => bare(Command::Data),
        "RSET" => bare(Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => bare(Command::Quit),
        "VRFY" => Ok(Command::Vrfy),
        _ => Err(Wrong::Unknown),
    }
}

fn mail(rest: &str) -> Result<Command, Wrong> {
    let (sender, parameters) = path(rest, "FROM:")?;
    let mut size = None;
    for parameter in parameters.split_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.to_ascii_uppercase().as_str() {
            // More digits than a number has: larger than anything.
            "SIZE" if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() => {
                size = Some(value.parse().unwrap_or(u64::MAX));
            }
            "BODY" if ["7BIT", "8BITMIME"].iter().any(|body| value.eq_ignore_ascii_case(body)) => {}
            "SIZE" | "BODY" => return Err(Wrong::Arguments),
            _ => return Err(Wrong::Parameter),
        }
    }
    Ok(Command::Mail { sender, size })
}

/// `FROM:<path>` and what follows it.
fn path<'l>(rest: &'l str, keyword: &str) -> Result<(String, &'l str), Wrong> {
    let start = rest.get(..keyword.len()).filter(|start| start.eq_ignore_ascii_case(keyword));
    let rest = start.and_then(|_| rest.get(keyword.len()..)).ok_or(Wrong::Arguments)?;
    let rest = rest.trim_start().strip_prefix('<').ok_or(Wrong::Arguments)?;
    // A `>` may stand in a quoted local part.
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
    let (path, after) = rest.split_at(end.ok_or(Wrong::Arguments)?);
    let after = after.get(1..).unwrap_or_default();
    if !after.is_empty() && !after.starts_with([' ', '\t']) || path.len() > LONGEST_PATH {
        return Err(Wrong::Arguments);
    }
    // A source route is passed over (RFC 5321, 4.1.1.3).
    let path = match path.strip_prefix('@') {
        Some(_) => path.rsplit_once(':').map(|(_, path)| path).ok_or(Wrong::Arguments)?,
        None => path,
    };
    if path.contains([' ', '\t', '<']) && !path.contains('"') {
        return Err(Wrong::Arguments);
    }
    Ok((path.to_owned(), after.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_mail_servers_write_them() {
        let mail = |sender: &str, size| Ok(Command::Mail { sender: sender.to_owned(), size });
        let rcpt = |recipient: &str| Ok(Command::Rcpt { recipient: recipient.to_owned() });
        for (line, expected) in [
            ("LHLO mx.example", Ok(Command::Lhlo)),
            ("lhlo mx.example", Ok(Command::Lhlo)),
            ("LHLO", Err(Wrong::Arguments)),
            ("EHLO mx.example", Ok(Command::Smtp)),
            ("MAIL FROM:<a@b.example> SIZE=12 BODY=8BITMIME", mail("a@b.example", Some(12))),
            ("mail from: <a@b.example>", mail("a@b.example", None)),
            ("MAIL FROM:<>", mail("", None)),
            ("MAIL FROM:<@relay.example:a@b.example>", mail("a@b.example", None)),
            ("MAIL FROM:<\"a>b\"@c.example>", mail("\"a>b\"@c.example", None)),
            ("MAIL FROM:<a@b> SIZE=99999999999999999999999", mail("a@b", Some(u64::MAX))),
            ("MAIL FROM:<a@b> SIZE=-1", Err(Wrong::Arguments)),
            ("MAIL FROM:<a@b> SMTPUTF8", Err(Wrong::Parameter)),
            ("MAIL FROM:a@b.example", Err(Wrong::Arguments)),
            ("MAIL FROM:<a@b.example", Err(Wrong::Arguments)),
            ("MAIL FROM:<a@b.example>SIZE=1", Err(Wrong::Arguments)),
            ("MAIL", Err(Wrong::Arguments)),
            ("RCPT TO:<a@b.example>", rcpt("a@b.example")),
            ("RCPT TO:<>", Err(Wrong::Arguments)),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER", Err(Wrong::Parameter)),
            ("DATA", Ok(Command::Data)),
            ("DATA now", Err(Wrong::Arguments)),
            ("NOOP whatever", Ok(Command::Noop)),
            ("QUIT", Ok(Command::Quit)),
            ("", Err(Wrong::Unknown)),
            ("BDAT 12", Err(Wrong::Unknown)),
            ("NOOP \r", Err(Wrong::Arguments)),
            ("RCPT TO:<città@b.example>", Err(Wrong::Arguments)),
        ] {
            assert_eq!(read(line.as_bytes()), expected, "{line:?}");
        }
    }
}
