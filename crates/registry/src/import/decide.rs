//! Decides on each row of a batch: accepted, unchanged, changed or rejected. Pure.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use domain::{InvalidRegistration, Registration};

use super::known::Known;
use super::rows::FileRow;
use crate::store::{Freed, Keys, Numbered};

/// A rejected row.
pub(super) struct Rejected {
    pub(super) line: u64,
    pub(super) raw: String,
    pub(super) invalid: InvalidRegistration,
}

/// The result of a batch.
#[derive(Default)]
pub(super) struct Decided {
    /// New rows: consecutive numbers in the order of the file.
    pub(super) new: Vec<Numbered>,
    /// Changed rows, by number.
    pub(super) changed: BTreeMap<u32, Numbered>,
    /// Mailboxes that were activated, or on another day than was known.
    pub(super) activated: BTreeMap<u32, NaiveDate>,
    /// For each set of other columns that changed, the mailboxes and their day of registration.
    pub(super) corrected: BTreeMap<Vec<&'static str>, BTreeMap<u32, NaiveDate>>,
    pub(super) freed: Vec<Freed>,
    pub(super) rejected: Vec<Rejected>,
    pub(super) accepted: u64,
    pub(super) unchanged: u64,
    pub(super) changed_count: u64,
    /// Was no number left for a new row?
    pub(super) full: bool,
}

/// The registry's rows that a batch may concern.
#[derive(Default)]
pub(super) struct Held {
    pub(super) keys: HashMap<u32, Keys>,
    /// Those that the batch may change, completely.
    pub(super) whole: HashMap<u32, Registration>,
}

/// Decides on a batch. `first_new` is the first number that this import assigned, perhaps before a
/// crash.
pub(super) fn decide(
    batch: Vec<FileRow>,
    held: &Held,
    known: &mut Known,
    first_new: u32,
) -> Decided {
    let first = known.next;
    let mut deciding = Decision { held, known, first, first_new, decided: Decided::default() };
    for FileRow { line, raw, checked } in batch {
        let outcome = checked.and_then(|(registration, digest)| deciding.row(registration, digest));
        if let Err(invalid) = outcome {
            deciding.decided.rejected.push(Rejected { line, raw, invalid });
        }
    }
    deciding.decided
}

struct Decision<'a> {
    held: &'a Held,
    known: &'a mut Known,
    /// The first number of this batch's new rows.
    first: u32,
    first_new: u32,
    decided: Decided,
}

impl Decision<'_> {
    fn row(&mut self, registration: Registration, digest: i64) -> Result<(), InvalidRegistration> {
        match self.of_same_id(&registration) {
            Some(number) => self.again(number, registration, digest),
            None => self.new_row(registration, digest),
        }
    }

    fn new_row(
        &mut self,
        registration: Registration,
        digest: i64,
    ) -> Result<(), InvalidRegistration> {
        if self.known.is_erased(&registration.registration_id) {
            let reason = "its holder's personal data was erased and is not restored";
            return Err(invalid("registration_id", reason.into()));
        }
        let number = self.known.next;
        let Some(next) = number.checked_add(1) else {
            self.decided.full = true;
            return Ok(());
        };
        self.refuse_taken(&registration, None)?;
        self.known.next = next;
        self.known.seen.insert(number);
        self.take(number, &registration);
        self.decided.accepted += 1;
        self.decided.new.push(Numbered { number, registration, digest });
        Ok(())
    }

    fn again(
        &mut self,
        number: u32,
        registration: Registration,
        digest: i64,
    ) -> Result<(), InvalidRegistration> {
        if !self.known.seen.insert(number) {
            return Err(invalid(
                "registration_id",
                "the id is on an earlier line of this file".into(),
            ));
        }
        let before = self.held.whole.get(&number);
        let Some(before) = before.filter(|before| **before != registration) else {
            self.count_unchanged(number);
            return Ok(());
        };
        if before.activated_on.is_some() && registration.activated_on.is_none() {
            let reason = "it is activated, which cannot be undone: withdraw the mailbox instead";
            return Err(invalid("activated_on", reason.into()));
        }
        self.refuse_taken(&registration, Some(number))?;
        let freed = Freed {
            number,
            codice_fiscale: before.codice_fiscale.to_string(),
            address: before.address.clone(),
        };
        self.note_change(number, before, &registration);
        self.known.free(freed.clone());
        self.take(number, &registration);
        self.decided.freed.push(freed);
        self.decided.changed_count += 1;
        self.decided.changed.insert(number, Numbered { number, registration, digest });
        Ok(())
    }

    /// Counts a row as unchanged, unless this import accepted or changed it before a crash.
    fn count_unchanged(&mut self, number: u32) {
        if number >= self.first_new {
            self.decided.accepted += 1;
        } else if self.known.changed.contains(number) {
            self.decided.changed_count += 1;
        } else {
            self.decided.unchanged += 1;
        }
    }

    fn note_change(&mut self, number: u32, before: &Registration, now: &Registration) {
        if let Some(activated_on) =
            now.activated_on.filter(|_| now.activated_on != before.activated_on)
        {
            self.decided.activated.insert(number, activated_on);
        }
        let fields = differing(before, now);
        if !fields.is_empty() {
            self.decided.corrected.entry(fields).or_default().insert(number, now.requested_on);
        }
    }

    fn take(&mut self, number: u32, registration: &Registration) {
        let Registration { registration_id, codice_fiscale, address, .. } = registration;
        self.known.take(number, registration_id, codice_fiscale.as_str(), address);
    }

    /// Rejects an id, holder or address that another row has, or had when this import started.
    fn refuse_taken(
        &self,
        registration: &Registration,
        own: Option<u32>,
    ) -> Result<(), InvalidRegistration> {
        let codice_fiscale = registration.codice_fiscale.as_str();
        let address = registration.address.as_str();
        let other = |number: Option<u32>| {
            let number = number.filter(|number| Some(*number) != own);
            number.and_then(|number| self.keys(number))
        };
        if let Some((id, holder, _)) = other(self.known.holder(codice_fiscale))
            && holder == codice_fiscale
        {
            let reason = format!("the registration {id} has the same holder");
            return Err(invalid("codice_fiscale", reason));
        }
        if let Some((id, _, asked)) = other(self.known.address(address))
            && asked == address
        {
            let reason = format!("the registration {id} has the same address");
            return Err(invalid("address", reason));
        }
        for (column, key) in [("codice_fiscale", codice_fiscale), ("address", address)] {
            if self.known.freed(key).is_some_and(|number| Some(number) != own) {
                let reason = "another row of this file releases it; move this row to a later file";
                return Err(invalid(column, reason.into()));
            }
        }
        Ok(())
    }

    fn of_same_id(&self, registration: &Registration) -> Option<u32> {
        let number = self.known.id(&registration.registration_id)?;
        let (id, ..) = self.keys(number)?;
        (id == registration.registration_id).then_some(number)
    }

    /// Id, holder and address of a row, including this batch's changes so far.
    fn keys(&self, number: u32) -> Option<(&str, &str, &str)> {
        let new = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let new = new.and_then(|at| self.decided.new.get(at));
        if let Some(row) = new.or_else(|| self.decided.changed.get(&number)) {
            let Registration { registration_id, codice_fiscale, address, .. } = &row.registration;
            return Some((registration_id, codice_fiscale.as_str(), address));
        }
        let keys = self.held.keys.get(&number)?;
        Some((&keys.registration_id, &keys.codice_fiscale, &keys.address))
    }
}

/// The columns that differ, except for the day of activation, which has its own event.
fn differing(before: &Registration, now: &Registration) -> Vec<&'static str> {
    let columns = [
        ("codice_fiscale", before.codice_fiscale != now.codice_fiscale),
        ("surname", before.surname != now.surname),
        ("name", before.name != now.name),
        ("address", before.address != now.address),
        ("requested_on", before.requested_on != now.requested_on),
        ("last_sent_on", before.last_sent_on != now.last_sent_on),
        ("notify_email", before.notify_email != now.notify_email),
    ];
    columns.into_iter().filter(|(_, differs)| *differs).map(|(column, _)| column).collect()
}

fn invalid(column: &'static str, reason: String) -> InvalidRegistration {
    InvalidRegistration { column, reason }
}
