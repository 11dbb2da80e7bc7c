//! The rows of some mailboxes as eight bit planes: one set for each bit of a row's code.

use domain::{Capability, State};
use roaring::RoaringBitmap;

/// The content of a row besides its number and its `changed_at`, in eight bits: two of lifecycle
/// (registered, activated, lapsed, withdrawn), one for each of the platform's capabilities, held,
/// incident.
pub(super) type Code = u8;

/// The platform's capabilities in the order of the columns.
pub(super) const COLUMNS: [Capability; 4] =
    [Capability::Send, Capability::Modify, Capability::Receive, Capability::Access];

/// For each bit of a [`Code`], the mailboxes in whose row it is set.
pub(super) struct Planes {
    planes: [RoaringBitmap; 8],
    registered: RoaringBitmap,
}

impl Planes {
    /// The rows of these mailboxes; unregistered ones have none.
    pub(super) fn of(state: &State, these: &RoaringBitmap) -> Self {
        let rights = &state.rights;
        let registered = these & &rights.registered;
        let withdrawn = &registered & &rights.withdrawn;
        let activated = (&registered & &rights.activated) - &withdrawn;
        let lapsed = ((&registered & &rights.lapsed) - &activated) - &withdrawn;
        let [send, modify, receive, access] =
            COLUMNS.map(|capability| rights.open_among(capability, &registered));
        let holds = rights.holds.values().map(|hold| hold.number);
        let held = holds.filter(|number| registered.contains(*number)).collect();
        let incidents = state.failures.incidents.values();
        let incident = incidents
            .fold(RoaringBitmap::new(), |all, incident| all | &(&incident.open & &registered));
        let low = &activated | &withdrawn;
        let high = lapsed | &withdrawn;
        Self { planes: [low, high, send, modify, receive, access, held, incident], registered }
    }

    /// The mailboxes whose rows differ.
    pub(super) fn differ(&self, other: &Self) -> RoaringBitmap {
        let pairs = self.planes.iter().zip(&other.planes);
        let registered = &self.registered ^ &other.registered;
        pairs.fold(registered, |all, (one, other)| all | (one ^ other))
    }

    /// The codes of a range of mailboxes, from `first` on.
    pub(super) fn codes(&self, first: u32, count: usize) -> Vec<Code> {
        let mut codes = vec![0; count];
        for (bit, plane) in self.planes.iter().enumerate() {
            for number in plane.range(first..) {
                let place = usize::try_from(number - first).ok();
                match place.and_then(|place| codes.get_mut(place)) {
                    Some(code) => *code |= 1 << bit,
                    None => break,
                }
            }
        }
        codes
    }

    /// Splits mailboxes by their code.
    pub(super) fn split(&self, these: RoaringBitmap) -> Vec<(Code, RoaringBitmap)> {
        let mut groups = vec![(0, these)];
        for (bit, plane) in self.planes.iter().enumerate() {
            groups = groups
                .into_iter()
                .flat_map(|(code, group)| {
                    let with = &group & plane;
                    [(code | 1 << bit, with), (code, group - plane)]
                })
                .filter(|(_, group)| !group.is_empty())
                .collect();
        }
        groups
    }

    /// The mailboxes among these whose row has exactly this code.
    pub(super) fn with_code(&self, code: Code, these: &RoaringBitmap) -> RoaringBitmap {
        let found = these & &self.registered;
        self.planes.iter().enumerate().fold(found, |found, (bit, plane)| {
            if code & 1 << bit == 0 { found - plane } else { found & plane }
        })
    }
}
