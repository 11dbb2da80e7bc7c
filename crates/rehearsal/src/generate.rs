//! A generated registry file, realistic and reproducible: the same options give the same bytes.
//!
//! Purpose: a population to rehearse with, in the proportions of the real one. Invariants: every
//! row passes the import; no holder, address or registration id stands twice; the counts are exact
//! shares, not averages; rows are sorted by the day of registration. Only integers are computed
//! with, so that no machine rounds otherwise. What is kept in memory is what keeps addresses and
//! holders apart. Deliberately absent: any real person. Names are composed from syllables, the
//! domain is `.example`.

mod days;
mod draw;
mod holders;
mod names;
mod places;

use std::io::{self, Write};

use chrono::NaiveDate;

use days::Days;
pub(crate) use draw::Draw;
use draw::Share;
use holders::{Holder, Holders};

/// The population to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The number of registrations.
    pub registrations: u32,
    /// The seed of the population.
    pub seed: u64,
}

/// The generated population.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rows written, the header not counted.
    pub registrations: u32,
    /// Registrations activated at the post office.
    pub activated: u32,
    /// Mailboxes that ever sent a message.
    pub used: u32,
    /// Bytes written, the header included.
    pub bytes: u64,
}

/// The registrations of the real programme: the default size.
pub const REGISTRATIONS: u32 = 2_121_783;
/// Of them, those that were activated.
const ACTIVATED: u32 = 1_200_000;
/// Of a hundred that were activated, those that ever sent a message.
const USED_OF_HUNDRED: u32 = 18;
const HEADER: &str = "registration_id,codice_fiscale,surname,name,address,\
                      requested_on,activated_on,last_sent_on,notify_email\n";

/// Writes a registry file, row by row: the writer should buffer.
pub fn generate(options: &Options, out: &mut impl Write) -> io::Result<Counts> {
    let registrations = options.registrations;
    let activated = scaled(registrations, ACTIVATED, REGISTRATIONS);
    let used = scaled(activated, USED_OF_HUNDRED, 100);
    let mut draw = Draw::new(options.seed);
    let mut holders = Holders::new();
    let mut went_there = Share::new(activated, registrations);
    let mut sent_mail = Share::new(used, activated);
    let mut row = Vec::from(HEADER);
    let mut bytes = 0;
    for (index, requested_on) in (1..=registrations).zip(Days::new(registrations)) {
        bytes += flush(&mut row, out)?;
        let holder = holders.next(&mut draw);
        let activated_on =
            went_there.next(&mut draw).then(|| days::activation(&mut draw, requested_on));
        let last_sent_on = activated_on
            .filter(|_active| sent_mail.next(&mut draw))
            .map(|from| draw.day(from, days::LAST));
        write_row(&mut row, index, &holder, [Some(requested_on), activated_on, last_sent_on])?;
    }
    bytes += flush(&mut row, out)?;
    out.flush()?;
    Ok(Counts { registrations, activated, used, bytes })
}

/// `count × part ÷ whole`, rounded down: exact where the count is the whole.
fn scaled(count: u32, part: u32, whole: u32) -> u32 {
    u32::try_from(u64::from(count) * u64::from(part) / u64::from(whole)).unwrap_or(count)
}

fn write_row(
    row: &mut Vec<u8>,
    index: u32,
    holder: &Holder<'_>,
    days: [Option<NaiveDate>; 3],
) -> io::Result<()> {
    let Holder { codice_fiscale, surname, name, .. } = holder;
    write!(row, "R{index:07},{},{surname},{name},", codice_fiscale.as_str())?;
    holder.write_local_part(row)?;
    row.extend_from_slice(b"@postacertificata.example");
    for day in days {
        row.push(b',');
        if let Some(day) = day {
            write!(row, "{day}")?;
        }
    }
    row.push(b',');
    if holder.has_notice_address {
        holder.write_local_part(row)?;
        row.extend_from_slice(b"@posta.example");
    }
    row.push(b'\n');
    Ok(())
}

fn flush(row: &mut Vec<u8>, out: &mut impl Write) -> io::Result<u64> {
    out.write_all(row)?;
    let bytes = u64::try_from(row.len()).unwrap_or(u64::MAX);
    row.clear();
    Ok(bytes)
}

#[cfg(test)]
mod tests;
