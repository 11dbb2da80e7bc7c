//! The three ways to name one mailbox.

use std::fmt;
use std::str::FromStr;

use domain::MailboxId;

/// One mailbox, named by address, id or number. Its `Debug` form shows no address.
#[derive(Clone, PartialEq, Eq)]
pub enum MailboxRef {
    /// The address that was registered.
    Address(String),
    /// The id for the world outside.
    Id(MailboxId),
    /// The number in the log's sets.
    Number(u32),
}

impl FromStr for MailboxRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains('@') {
            return Ok(Self::Address(text.to_owned()));
        }
        let (number, id) = (text.parse().map(Self::Number), text.parse().map(Self::Id));
        number.ok().or(id.ok()).ok_or_else(|| {
            "write an address, the id that `mailbox show` prints, or a number of the log".to_owned()
        })
    }
}

impl fmt::Debug for MailboxRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(_) => f.write_str("Address"),
            Self::Id(id) => write!(f, "Id({id})"),
            Self::Number(number) => write!(f, "Number({number})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_named_by_address_id_or_number_and_never_shown_in_debug() {
        let address: MailboxRef = "a.b@postacertificata.example".parse().expect("an address");
        assert_eq!(format!("{address:?}"), "Address");
        assert_eq!("17".parse(), Ok(MailboxRef::Number(17)));
        let programme = "cec-pac".parse().expect("a name");
        let id = MailboxId::new(&programme, 17);
        assert_eq!(id.to_string().parse(), Ok(MailboxRef::Id(id)));
        assert!("nobody".parse::<MailboxRef>().is_err());
    }
}
