use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Something that a mailbox or its holder may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Activate a registration at the post office.
    Activate,
    /// Send certified messages.
    Send,
    /// Change stored mail: move, delete, append.
    Modify,
    /// Receive messages.
    Receive,
    /// Log in, read and download.
    Access,
    /// Request the log of one's messages.
    RequestLogs,
    /// Request the voucher for a free PEC mailbox.
    RequestVoucher,
}

impl Capability {
    /// All capabilities, in the order in which a shutdown usually removes them.
    pub const ALL: [Self; 7] = [
        Self::Activate,
        Self::Send,
        Self::Modify,
        Self::Receive,
        Self::Access,
        Self::RequestLogs,
        Self::RequestVoucher,
    ];

    /// Its name in plans, events and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Send => "send",
            Self::Modify => "modify",
            Self::Receive => "receive",
            Self::Access => "access",
            Self::RequestLogs => "request-logs",
            Self::RequestVoucher => "request-voucher",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Activate => 1,
            Self::Send => 1 << 1,
            Self::Modify => 1 << 2,
            Self::Receive => 1 << 3,
            Self::Access => 1 << 4,
            Self::RequestLogs => 1 << 5,
            Self::RequestVoucher => 1 << 6,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|capability| capability.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("unknown capability {text:?}; expected one of {names}")
        })
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Capability>", into = "Vec<Capability>")]
pub struct Capabilities(u8);

impl Capabilities {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// The capabilities that a mail platform enforces; the engine itself enforces the others.
    pub const OF_PLATFORM: Self = Self(
        Capability::Send.bit()
            | Capability::Modify.bit()
            | Capability::Receive.bit()
            | Capability::Access.bit(),
    );

    /// The effects that workers carry out: rights on the platform, lapsed registrations, vouchers.
    pub const OF_WORKERS: Self =
        Self(Self::OF_PLATFORM.0 | Capability::Activate.bit() | Capability::RequestVoucher.bit());

    /// Is the capability a member?
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Is the set empty?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The number of members.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The set with one more member.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | capability.bit())
    }

    /// The members of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members that are not in the other set.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Are all members in the other set?
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The members in the order of [`Capability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.contains(*capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::NONE, Self::with)
    }
}

impl From<Vec<Capability>> for Capabilities {
    fn from(capabilities: Vec<Capability>) -> Self {
        capabilities.into_iter().collect()
    }
}

impl From<Capabilities> for Vec<Capability> {
    fn from(capabilities: Capabilities) -> Self {
        capabilities.iter().collect()
    }
}

impl From<Capability> for Capabilities {
    fn from(capability: Capability) -> Self {
        Self::NONE.with(capability)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (index, capability) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{capability}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// The removed capabilities that need an effect on mailboxes; the engine enforces the others.
pub fn effects(removed: Capabilities) -> Capabilities {
    removed.intersection(Capabilities::OF_PLATFORM.with(Capability::Activate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_set() -> impl Iterator<Item = Capabilities> {
        (0..1_u8 << Capability::ALL.len()).map(Capabilities)
    }

    #[test]
    fn each_capability_has_one_name_everywhere() {
        for (capability, name) in Capability::ALL.into_iter().zip([
            "activate",
            "send",
            "modify",
            "receive",
            "access",
            "request-logs",
            "request-voucher",
        ]) {
            assert_eq!(capability.to_string(), name);
            assert_eq!(name.parse(), Ok(capability));
            assert_eq!(serde_json::to_value(capability).expect("a name"), name);
        }
    }

    #[test]
    fn the_error_for_an_unknown_name_lists_the_known_names() {
        let problem = "Send".parse::<Capability>().expect_err("names are lower-case");
        assert_eq!(
            problem,
            "unknown capability \"Send\"; expected one of activate, send, modify, receive, access, \
             request-logs, request-voucher"
        );
    }

    #[test]
    fn every_set_survives_a_round_trip_through_its_names() {
        for set in every_set() {
            let names = serde_json::to_value(set).expect("a list of names");
            assert_eq!(serde_json::from_value::<Capabilities>(names).expect("read again"), set);
            assert!(set.iter().is_sorted());
            assert_eq!(u32::try_from(set.iter().count()), Ok(set.len()));
            assert_eq!(set.iter().collect::<Capabilities>(), set);
        }
    }

    #[test]
    fn operations_follow_set_algebra() {
        for (a, b) in every_set().flat_map(|a| every_set().map(move |b| (a, b))) {
            for capability in Capability::ALL {
                let (in_a, in_b) = (a.contains(capability), b.contains(capability));
                assert_eq!(a.union(b).contains(capability), in_a || in_b);
                assert_eq!(a.intersection(b).contains(capability), in_a && in_b);
                assert_eq!(a.without(b).contains(capability), in_a && !in_b);
            }
            assert_eq!(a.is_subset(b), a.without(b).is_empty());
            assert_eq!(a.is_subset(b), a.union(b) == b);
        }
    }

    #[test]
    fn a_set_prints_as_a_list_and_the_empty_set_as_nothing() {
        assert_eq!(Capabilities::OF_PLATFORM.to_string(), "send, modify, receive, access");
        assert_eq!(Capabilities::NONE.to_string(), "nothing");
    }
}
