use std::fmt;
use std::str::FromStr;

use domain::PhaseId;
use lettre::Address;

/// The longest local part of an address (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL_PART: usize = 64;

/// The sender of notices, from which a return path for each mailbox is derived: bounces of a notice
/// go to `NAME+NOTICE.NUMBER@DOMAIN`, which identifies notice and mailbox (VERP).
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnPath(Address);

impl ReturnPath {
    /// The sender's address.
    pub fn address(&self) -> &Address {
        &self.0
    }

    /// The return path of this mailbox's notice. The error is a short code.
    pub fn of(&self, notice: &PhaseId, number: u32) -> Result<Address, &'static str> {
        let local = format!("{}+{notice}.{number}", self.0.user());
        if local.len() > LONGEST_LOCAL_PART {
            return Err("return-path-too-long");
        }
        Address::new(local, self.0.domain()).map_err(|_form| "return-path-malformed")
    }

    /// The notice and the mailbox's number that a return path of any sender names.
    pub fn parse(address: &str) -> Option<(PhaseId, u32)> {
        let (local, _) = address.rsplit_once('@')?;
        let (_, tag) = local.split_once('+')?;
        let (notice, number) = tag.rsplit_once('.')?;
        // Mail servers may change the case of a local part.
        Some((notice.to_ascii_lowercase().parse().ok()?, number.parse().ok()?))
    }
}

impl FromStr for ReturnPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse::<Address>().ok().filter(|address| address.user().is_ascii());
        let plain = |address: &Address| !address.user().contains('+');
        address.filter(plain).map(Self).ok_or_else(|| {
            "not a sender that return paths can be derived from; write NAME@DOMAIN, without a +"
                .to_owned()
        })
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReturnPath({self})")
    }
}
