//! When civil dates begin in every zone, and what a plan allows at an instant.

use chrono::{DateTime, NaiveDate, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use domain::{Capabilities, Capability, Plan, civil_date, first_instant, last_instant_of};
use proptest::prelude::*;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn cec_pac() -> Plan {
    Plan::cec_pac().unwrap_or_else(|error| panic!("{error}"))
}

fn set(names: &str) -> Capabilities {
    names.split_whitespace().map(|name| name.parse::<Capability>().expect("a capability")).collect()
}

#[test]
fn the_phases_of_cec_pac_start_at_these_instants() {
    let plan = cec_pac();
    for (place, id, starts, removes) in [
        (0, "activations-closed", "2014-12-17T23:00:00Z", "activate"),
        (1, "receive-only", "2015-03-17T23:00:00Z", "send modify"),
        (2, "consultation-only", "2015-07-17T22:00:00Z", "receive"),
        (3, "access-closed", "2015-09-17T22:00:00Z", "access"),
        (4, "ended", "2018-03-17T23:00:00Z", "request-logs request-voucher"),
    ] {
        let starts = instant(starts);
        let before = starts - TimeDelta::nanoseconds(1);
        assert_eq!(plan.phases[place].id.as_str(), id);
        assert_eq!(plan.starts_at(place), starts, "{id}");
        assert_eq!(plan.phase_at(before), place.checked_sub(1), "never early: {id}");
        assert_eq!(plan.phase_at(starts), Some(place), "{id}");
        assert_eq!(plan.due(starts), 0..place + 1, "{id}");
        assert_eq!(plan.next_wake(before), Some(starts), "{id}");
        for capability in set(removes).iter() {
            assert!(plan.allowed_at(before).contains(capability), "{capability} until {id}");
            assert!(!plan.allowed_at(starts).contains(capability), "no {capability} from {id}");
            assert_eq!(
                plan.ends_at(capability, before),
                Some(starts),
                "{capability} ends with {id}"
            );
            assert_eq!(plan.ends_at(capability, starts), None, "{capability} has ended with {id}");
        }
    }
    assert_eq!(plan.next_wake(plan.starts_at(4)), None);
    assert_eq!(plan.starts_at(5), DateTime::<Utc>::MAX_UTC, "there is no sixth phase");
}

#[test]
fn what_is_allowed_changes_at_each_phase_and_only_there() {
    let plan = cec_pac();
    for (day, allowed) in [
        ("2010-04-26", "activate send modify receive access"),
        ("2014-12-17", "activate send modify receive access"),
        ("2014-12-18", "send modify receive access"),
        ("2015-03-17", "send modify receive access"),
        ("2015-03-18", "receive access request-voucher"),
        ("2015-07-17", "receive access request-voucher"),
        ("2015-07-18", "access request-voucher"),
        ("2015-09-17", "access request-voucher"),
        ("2015-09-18", "request-logs request-voucher"),
        ("2018-03-17", "request-logs request-voucher"),
        ("2018-03-18", ""),
        ("2100-01-01", ""),
    ] {
        let allowed = set(allowed);
        assert_eq!(
            plan.allowed_at(first_instant(date(day), plan.zone)),
            allowed,
            "from 00:00 {day}"
        );
        assert_eq!(
            plan.allowed_at(last_instant_of(date(day), plan.zone)),
            allowed,
            "to the end of {day}"
        );
    }
}

#[test]
fn receive_only_lasts_121_days_and_23_hours() {
    let plan = cec_pac();
    let lasts = plan.starts_at(2) - plan.starts_at(1);
    assert_eq!(lasts, TimeDelta::days(121) + TimeDelta::hours(23));
}

#[test]
fn a_capability_that_no_phase_takes_away_has_no_end() {
    let mut plan = cec_pac();
    plan.phases.truncate(1);
    let now = instant("2015-01-01T00:00:00Z");
    assert_eq!(plan.ends_at(Capability::Send, now), None);
    assert_eq!(plan.ends_at(Capability::RequestLogs, now), None, "not allowed now");
    assert_eq!(plan.next_wake(now), None);
}

#[test]
fn a_day_begins_where_its_zone_lets_it() {
    for (zone, day, begins, why) in [
        (
            "Europe/Rome",
            "2015-03-29",
            "2015-03-28T23:00:00Z",
            "the clocks change at 2, not at midnight",
        ),
        ("Europe/Rome", "2015-10-25", "2015-10-24T22:00:00Z", "and back at 3"),
        ("America/Sao_Paulo", "2015-10-18", "2015-10-18T03:00:00Z", "00:00 skipped to 01:00"),
        (
            "America/Sao_Paulo",
            "2015-02-22",
            "2015-02-22T03:00:00Z",
            "00:00 back to 23:00 of the day before",
        ),
        ("Asia/Beirut", "2015-03-29", "2015-03-28T22:00:00Z", "00:00 skipped to 01:00"),
        ("Africa/Cairo", "2014-05-16", "2014-05-15T22:00:00Z", "00:00 skipped to 01:00"),
        ("America/Havana", "2014-11-02", "2014-11-02T04:00:00Z", "midnight comes twice: the first"),
        (
            "America/St_Johns",
            "2006-10-29",
            "2006-10-29T02:30:00Z",
            "00:01 back to 23:01: the first",
        ),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", "no such day: the next begins"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "the day after the one skipped"),
        ("Pacific/Kwajalein", "1993-08-21", "1993-08-21T12:00:00Z", "no such day"),
        ("Asia/Kathmandu", "2015-01-01", "2014-12-31T18:15:00Z", "a zone of quarters"),
    ] {
        let zone: Tz = zone.parse().expect("a zone");
        assert_eq!(first_instant(date(day), zone), instant(begins), "{zone} {day}: {why}");
    }
}

#[test]
fn a_skipped_day_holds_no_instant() {
    let zone = chrono_tz::Pacific::Apia;
    let day = date("2011-12-30");
    assert!(last_instant_of(day, zone) < first_instant(day, zone));
    assert_eq!(civil_date(last_instant_of(day, zone), zone), date("2011-12-29"));
}

#[test]
fn the_ends_of_time_are_answered_too() {
    let plan = cec_pac();
    for zone in [chrono_tz::Pacific::Apia, chrono_tz::UTC, chrono_tz::Pacific::Niue] {
        for day in [NaiveDate::MIN, NaiveDate::MIN.succ_opt().expect("a day")] {
            assert!(first_instant(day, zone) < instant("1000-01-01T00:00:00Z"), "{zone} {day}");
            assert!(last_instant_of(day, zone) < instant("1000-01-01T00:00:00Z"), "{zone} {day}");
        }
        for day in [NaiveDate::MAX, NaiveDate::MAX.pred_opt().expect("a day")] {
            assert!(first_instant(day, zone) > instant("9000-01-01T00:00:00Z"), "{zone} {day}");
            assert!(last_instant_of(day, zone) > instant("9000-01-01T00:00:00Z"), "{zone} {day}");
        }
        assert!(civil_date(DateTime::<Utc>::MIN_UTC, zone) < date("1000-01-01"));
        assert!(civil_date(DateTime::<Utc>::MAX_UTC, zone) > date("9000-01-01"));
    }
    assert_eq!(plan.phase_at(DateTime::<Utc>::MIN_UTC), None);
    assert_eq!(plan.due(DateTime::<Utc>::MAX_UTC), 0..5);
}

/// The days of 1970–2100 that can go wrong in a zone: those of each week in which its clocks
/// change, and one of each other week.
fn telling_days(zone: Tz) -> impl Iterator<Item = NaiveDate> {
    let offset = move |day: NaiveDate| {
        let noon = day.and_hms_opt(12, 0, 0).expect("noon");
        zone.offset_from_utc_datetime(&noon).fix()
    };
    let weeks = date("1970-01-04").iter_weeks().take_while(|day| *day < date("2100-12-25"));
    weeks.flat_map(move |week| {
        let quiet = offset(week - TimeDelta::days(1)) == offset(week + TimeDelta::days(7));
        week.iter_days().take(if quiet { 1 } else { 7 })
    })
}

#[test]
fn in_every_zone_a_day_begins_where_the_clocks_first_show_it() {
    let mut changes = 0;
    for zone in TZ_VARIANTS {
        let mut before = first_instant(date("1970-01-01"), zone);
        for day in telling_days(zone) {
            let begins = first_instant(day, zone);
            let second_before = begins - TimeDelta::seconds(1);
            assert!(before <= begins, "{zone} {day}: days begin one after the other");
            assert!(civil_date(begins, zone) >= day, "{zone} {day} has begun");
            assert!(
                civil_date(second_before, zone) < day,
                "{zone} {day} has not begun a second before"
            );
            changes += usize::from(begins - before == TimeDelta::hours(23));
            before = begins;
        }
    }
    assert!(
        changes > 10_000,
        "only {changes} days of 23 hours were seen: the zones know no summer time"
    );
}

/// The clocks read minute by minute, without the arithmetic of local times that the calendar uses.
fn first_shown(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let noon_before = day.and_hms_opt(0, 0, 0)?.and_utc() - TimeDelta::hours(36);
    let minutes = (0..72 * 60).map(|minute| noon_before + TimeDelta::minutes(minute));
    minutes.into_iter().find(|minute| civil_date(*minute, zone) >= day)
}

fn zones() -> impl Strategy<Value = Tz> {
    (0..TZ_VARIANTS.len()).prop_map(|place| TZ_VARIANTS[place])
}

fn days(first: &str, last: &str) -> impl Strategy<Value = NaiveDate> {
    let first = date(first);
    (0..=(date(last) - first).num_days()).prop_map(move |days| first + TimeDelta::days(days))
}

prop_compose! {
    /// A plan with phases on random dates, in a random zone, each of which takes away what it
    /// likes.
    fn plans()(
        zone in zones(),
        dates in prop::collection::btree_set(days("1970-01-01", "2100-12-31"), 1..8),
        rights in prop::collection::vec(
            prop::sample::subsequence(Capability::ALL.to_vec(), 0..=7),
            8,
        ),
    ) -> Plan {
        let mut plan = cec_pac();
        plan.zone = zone;
        let phases = dates.into_iter().zip(rights).map(|(from, allows)| {
            let mut phase = plan.phases[0].clone();
            phase.from = from;
            phase.allows = allows.into_iter().collect();
            phase
        });
        plan.phases = phases.collect();
        plan
    }
}

proptest! {
    #[test]
    fn a_day_begins_at_the_first_minute_that_shows_it(
        zone in zones(),
        day in days("1973-01-01", "2100-12-31"),
    ) {
        // From 1973 on every offset is of whole minutes.
        prop_assert_eq!(Some(first_instant(day, zone)), first_shown(day, zone));
    }

    #[test]
    fn no_date_and_no_instant_panics(
        zone in zones(),
        days in -100_000_000..100_000_000_i64,
        seconds in any::<i64>(),
    ) {
        let day = TimeDelta::try_days(days)
            .and_then(|days| date("2000-01-01").checked_add_signed(days))
            .unwrap_or(if days < 0 { NaiveDate::MIN } else { NaiveDate::MAX });
        let empty_by = first_instant(day, zone).signed_duration_since(last_instant_of(day, zone));
        prop_assert!(empty_by < TimeDelta::minutes(1), "at most a skipped day ends before it \
            begins");
        let now = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let plan = cec_pac();
        prop_assert!((civil_date(now, zone) - now.date_naive()).num_days().abs() <= 1);
        prop_assert_eq!(plan.due(now).next_back(), plan.phase_at(now));
    }

    #[test]
    fn phase_due_and_wake_agree(
        plan in plans(),
        day in days("1969-06-01", "2101-06-01"),
        second in 0..86_400_i64,
    ) {
        let midnight = day.and_hms_opt(0, 0, 0).expect("midnight").and_utc();
        let now = midnight + TimeDelta::seconds(second);
        let due = plan.due(now);
        for place in 0..plan.phases.len() {
            prop_assert_eq!(due.contains(&place), plan.starts_at(place) <= now);
        }
        prop_assert_eq!(plan.phase_at(now), due.end.checked_sub(1));
        match plan.next_wake(now) {
            None => prop_assert_eq!(due.end, plan.phases.len()),
            Some(wake) => {
                prop_assert!(wake > now, "a wake lies ahead");
                prop_assert_eq!(plan.due(wake - TimeDelta::nanoseconds(1)).end, due.end, "nothing \
                    is due before it");
                prop_assert!(plan.due(wake).end > due.end, "something is due at it");
            }
        }
    }

    #[test]
    fn an_end_is_where_a_capability_is_first_not_allowed(
        plan in plans(),
        day in days("1969-06-01", "2101-06-01"),
    ) {
        let now = first_instant(day, plan.zone);
        for capability in Capability::ALL {
            let starts = (0..plan.phases.len()).map(|place| plan.starts_at(place));
            let allowed = plan.allowed_at(now).contains(capability);
            let expected = starts
                .filter(|start| *start > now)
                .find(|start| !plan.allowed_at(*start).contains(capability));
            prop_assert_eq!(plan.ends_at(capability, now), expected.filter(|_| allowed));
        }
    }
}
