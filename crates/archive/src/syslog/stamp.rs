//! Converts time stamps to instants.

use chrono::{
    DateTime, Datelike, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::{GapInfo, Tz};

/// The shortest stamp without a year: `Sep 18 10:00:01`.
const CLASSIC: usize = 15;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Months by which lines may be out of order without a change of year.
const OUT_OF_ORDER: i32 = 6;

/// The time stamps of a file, in the order of its lines.
#[derive(Debug)]
pub(crate) struct Stamps {
    zone: Tz,
    /// No line is later; determines the first year.
    not_after: DateTime<Utc>,
    /// Year and local month of the previous line.
    last: Option<(i32, u32)>,
    last_at: Option<DateTime<Utc>>,
    /// The previous stamp and its instant, as a cache.
    known: Option<(String, DateTime<Utc>)>,
}

impl Stamps {
    /// For a file written no later than this, on a host in that zone.
    pub(crate) fn new(zone: Tz, not_after: DateTime<Utc>) -> Self {
        Self { zone, not_after, last: None, last_at: None, known: None }
    }

    /// Resumes after a line with this instant.
    pub(crate) fn resume(&mut self, last_at: DateTime<Utc>) {
        let local = last_at.with_timezone(&self.zone);
        self.last = Some((local.year(), local.month()));
        self.last_at = Some(last_at);
    }

    /// The last instant.
    pub(crate) fn last_at(&self) -> Option<DateTime<Utc>> {
        self.last_at
    }

    /// Parses the stamp of a line; returns its instant and the rest.
    pub(crate) fn read<'a>(&mut self, line: &'a str) -> Option<(DateTime<Utc>, &'a str)> {
        let classic = line.as_bytes().first()?.is_ascii_uppercase();
        let (stamp, rest) = if classic {
            (line.get(..CLASSIC)?, line.get(CLASSIC..)?.strip_prefix(' ')?)
        } else {
            line.split_once(' ')?
        };
        let known = self.known.as_ref().filter(|(known, _)| known == stamp);
        let at = if let Some((_, at)) = known {
            *at
        } else {
            let at = if classic {
                self.classic(stamp)?
            } else {
                let at = DateTime::parse_from_rfc3339(stamp).ok()?.with_timezone(&Utc);
                self.resume(at);
                at
            };
            let (known, known_at) = self.known.get_or_insert_default();
            known.clear();
            known.push_str(stamp);
            *known_at = at;
            at
        };
        self.last_at = Some(at);
        Some((at, rest))
    }

    fn classic(&mut self, stamp: &str) -> Option<DateTime<Utc>> {
        let name = stamp.get(..3)?;
        let month = (1..).zip(MONTHS).find(|(_, month)| *month == name)?.0;
        let number =
            |range: std::ops::Range<usize>| stamp.get(range)?.trim_start().parse::<u32>().ok();
        let (day, hour, minute, second) =
            (number(4..6)?, number(7..9)?, number(10..12)?, number(13..15)?);
        let local = |year: i32| {
            // A leap second counts as the previous second.
            NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, second.min(59))
        };
        let (year, local) = if let Some((year, before)) = self.last {
            let advance = i32::try_from(month).ok()? - i32::try_from(before).ok()?;
            let carry = if advance < -OUT_OF_ORDER {
                1
            } else if advance > OUT_OF_ORDER {
                -1
            } else {
                0
            };
            (year + carry, local(year + carry)?)
        } else {
            // The newest year in which it is not later than the file; four years back for 29
            // February.
            let newest = self.not_after.with_timezone(&self.zone);
            let limit = newest.naive_local() + TimeDelta::days(1);
            (newest.year() - 4..=newest.year() + 1)
                .rev()
                .filter_map(|year| Some((year, local(year)?)))
                .find(|(_, local)| *local <= limit)?
        };
        self.last = Some((year, month));
        Some(self.instant(local))
    }

    /// In a repeated hour the first instant, unless previous lines are past it; a skipped hour is
    /// the end of the gap.
    fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => at.with_timezone(&Utc),
            MappedLocalTime::Ambiguous(first, second) => {
                let last_at = self.last_at.unwrap_or(DateTime::<Utc>::MIN_UTC);
                let ends = second.offset().fix();
                let (first, second) = (first.with_timezone(&Utc), second.with_timezone(&Utc));
                let back = first + TimeDelta::minutes(30) < last_at;
                let past = last_at.with_timezone(&self.zone).offset().fix() == ends
                    && first - TimeDelta::hours(1) < last_at;
                if back || past { second } else { first }
            }
            MappedLocalTime::None => {
                let end = GapInfo::new(&local, &self.zone).and_then(|gap| gap.end);
                end.map_or(local.and_utc(), |end| end.with_timezone(&Utc))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(not_after: &str, stamps: &[&str]) -> Vec<Option<String>> {
        let mut all = Stamps::new(chrono_tz::Europe::Rome, not_after.parse().unwrap());
        let one = |stamp: &&str| {
            let line = format!("{stamp} mx1 postfix/qmgr[1]: x");
            all.read(&line).map(|(at, _)| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
        };
        stamps.iter().map(one).collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn the_year_is_the_newest_not_after_the_file_and_advances_after_december() {
        let given = read("2016-01-03T00:00:00Z", &["Dec 30 10:00:00", "Jan  2 10:00:00"]);
        assert_eq!(given, some(&["2015-12-30T09:00:00Z", "2016-01-02T09:00:00Z"]));
        let given = read("2015-09-18T00:00:00Z", &["Sep 18 01:59:59", "Sep  1 00:00:00"]);
        assert_eq!(given, some(&["2015-09-17T23:59:59Z", "2015-08-31T22:00:00Z"]));
        let given = read("2015-03-01T00:00:00Z", &["Feb 29 12:00:00"]);
        assert_eq!(given, some(&["2012-02-29T11:00:00Z"]));
    }

    #[test]
    fn a_line_without_a_stamp_has_no_instant() {
        let given = read("2015-10-01T00:00:00Z", &["", " ", "Sep 18 10:00:00", ""]);
        assert_eq!(given, [None, None, Some("2015-09-18T08:00:00Z".to_owned()), None]);
    }

    #[test]
    fn a_stamp_with_a_year_sets_it_for_the_following_lines() {
        let given = read("2016-01-03T00:00:00Z", &["2012-12-31T23:59:59+01:00", "Jan  1 00:00:00"]);
        assert_eq!(given, some(&["2012-12-31T22:59:59Z", "2012-12-31T23:00:00Z"]));
    }

    #[test]
    fn a_late_line_of_december_stays_in_its_year() {
        let stamps = ["Dec 31 23:59:59", "Jan  1 00:00:00", "Dec 31 23:59:59", "Jan  1 00:00:01"];
        let given = read("2016-01-03T00:00:00Z", &stamps);
        let (old, new) = ("2015-12-31T22:59:59Z", "2015-12-31T23:00:00Z");
        assert_eq!(given, some(&[old, new, old, "2015-12-31T23:00:01Z"]));
    }

    #[test]
    fn previous_lines_disambiguate_a_repeated_hour() {
        let stamps = [
            "Oct 25 02:10:00",
            "Oct 25 02:59:00",
            "Oct 25 02:05:00",
            "Oct 25 02:50:00",
            "Oct 25 03:00:00",
        ];
        let given = read("2015-10-26T00:00:00Z", &stamps);
        let expected = [
            "2015-10-25T00:10:00Z",
            "2015-10-25T00:59:00Z",
            "2015-10-25T01:05:00Z",
            "2015-10-25T01:50:00Z",
            "2015-10-25T02:00:00Z",
        ];
        assert_eq!(given, some(&expected));
    }

    #[test]
    fn a_skipped_hour_is_the_end_of_the_gap() {
        let given = read("2015-04-01T00:00:00Z", &["Mar 29 02:30:00"]);
        assert_eq!(given, some(&["2015-03-29T01:00:00Z"]));
    }

    #[test]
    fn offsets_are_honoured_and_malformed_stamps_rejected() {
        let stamps =
            ["2015-09-18T00:00:00.25+02:00", "Foo 18 10:00:00", "Feb 31 10:00:00", "garbage"];
        let mut expected = some(&["2015-09-17T22:00:00.250Z"]);
        expected.extend([None, None, None]);
        assert_eq!(read("2015-10-26T00:00:00Z", &stamps), expected);
    }
}
