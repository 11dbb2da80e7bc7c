//! Checks between the sections of a plan: unique names, dates in order, no unintended restoration,
//! and voucher rules that agree with the phases.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::draft::{self, Draft, DraftPhase, DraftVouchers};
use super::notice_section;
use super::reader::{At, Reader};
use crate::{
    Capabilities, Capability, DriftRules, MessageLogRules, PhaseId, VoucherRules, first_instant,
};

pub(super) fn between_sections(reader: &mut Reader<'_>, draft: &Draft) {
    let phases = draft.phases.as_deref().unwrap_or_default();
    names_once(reader, "phase id", phases.iter().filter_map(|phase| phase.id.as_ref()));
    let recurring = draft.recurring.as_deref().unwrap_or_default();
    names_once(reader, "recurring name", recurring.iter().filter_map(|rule| rule.name.as_ref()));
    let swept = draft.vouchers.as_ref().is_some_and(|vouchers| vouchers.swept);
    let links_swept = draft.message_logs.as_ref().is_some_and(|logs| logs.swept);
    let reminds = draft.vouchers.as_ref().is_some_and(|vouchers| vouchers.reminds);
    for (name, section, takes) in [
        (DriftRules::recurring_name(), "[drift]", draft.compares),
        (VoucherRules::recurring_name(), "[vouchers]", swept),
        (VoucherRules::reminders_name(), "[vouchers]", reminds),
        (MessageLogRules::recurring_name(), "[message-logs]", links_swept),
    ] {
        let mut names = recurring.iter().filter_map(|rule| rule.name.as_ref());
        if let Some(At { line, .. }) = names.find(|taken| takes && taken.value == name) {
            let message =
                format!("recurring name {name} is taken by the section {section}; write another");
            reader.problem(*line, message);
        }
    }
    let notices = draft.notices.as_deref().unwrap_or_default();
    names_once(reader, "notice id", notices.iter().filter_map(|notice| notice.id.as_ref()));
    dates_in_order(reader, phases);
    notice_section::check(reader, draft);
    if let Some(zone) = &draft.zone {
        starts(reader, phases, zone.value);
    }
    if let Some(allows) = draft.in_service.as_ref().and_then(|service| service.allows.as_ref()) {
        nothing_back_unasked(reader, draft::set(allows), phases);
        vouchers(reader, allows, phases, draft.vouchers.as_ref());
        let logs = Capability::RequestLogs;
        if let Some(rules) = &draft.message_logs
            && !draft::set(allows).contains(logs)
        {
            opening(reader, phases, logs, "[message-logs]", rules.line);
        }
    }
    for phase in phases.iter().filter(|phase| phase.sources.as_ref().is_some_and(Vec::is_empty)) {
        let message =
            format!("phase {} names no sources for its date and capabilities", phase.name());
        reader.warning(phase.line, message);
    }
}

fn names_once<'d>(
    reader: &mut Reader<'_>,
    what: &str,
    names: impl Iterator<Item = &'d At<PhaseId>>,
) {
    let mut first_lines = BTreeMap::new();
    for At { line, value: name } in names {
        if let Some(first) = first_lines.get(name) {
            let message = format!("{what} {name} is taken on line {first}; write another");
            reader.problem(*line, message);
        } else {
            first_lines.insert(name, *line);
        }
    }
}

fn dates_in_order(reader: &mut Reader<'_>, phases: &[DraftPhase]) {
    let dated = || phases.iter().filter_map(|phase| Some((phase, phase.from.as_ref()?)));
    for ((before, earlier), (phase, from)) in dated().zip(dated().skip(1)) {
        let (before, name) = (before.name(), phase.name());
        let (earlier, from, line) = (earlier.value, from.value, from.line);
        if from == earlier {
            let message = format!(
                "phases {before} and {name} both start on {from}; write a later date, or merge them"
            );
            reader.problem(line, message);
        } else if from < earlier {
            let message = format!(
                "phase {name} starts on {from}, before phase {before} above it ({earlier}); put \
                 the phases in the order of their dates"
            );
            reader.problem(line, message);
        }
    }
}

/// Warns if a phase starts at another instant than its author may expect.
fn starts(reader: &mut Reader<'_>, phases: &[DraftPhase], zone: Tz) {
    let mut before: Option<(&DraftPhase, NaiveDate)> = None;
    for phase in phases {
        let Some(At { line, value: from }) = &phase.from else { continue };
        let name = phase.name();
        let start = first_instant(*from, zone).with_timezone(&zone);
        if let Some((other, date)) = before
            && date < *from
            && first_instant(date, zone) == start
        {
            let message = format!(
                "phase {name} ({from}) starts at the same instant as phase {} ({date}), a day that \
                 {zone} skipped; write a later date, or merge them",
                other.name()
            );
            reader.problem(*line, message);
        }
        before = Some((phase, *from));
        let day = start.date_naive();
        if day != *from {
            let message = format!(
                "phase {name} starts at {} on {day}, the first valid instant after {from}, a day \
                 that {zone} skipped",
                start.format("%H:%M")
            );
            reader.warning(*line, message);
        } else if start.time() != NaiveTime::MIN {
            let message = format!(
                "phase {name} starts at {} on {day}, the first valid instant of that day: midnight \
                 does not exist then in {zone}",
                start.format("%H:%M")
            );
            reader.warning(*line, message);
        } else if zone.from_local_datetime(&start.naive_local()).single().is_none() {
            let message = format!(
                "phase {name} starts at the first of the two midnights of {day} in {zone}, {}",
                start.with_timezone(&Utc).format("%Y-%m-%dT%H:%M:%SZ")
            );
            reader.warning(*line, message);
        }
    }
}

/// A removed capability may return only in a phase with `restores = true`.
fn nothing_back_unasked(reader: &mut Reader<'_>, in_service: Capabilities, phases: &[DraftPhase]) {
    let mut taken_by: BTreeMap<Capability, &str> = BTreeMap::new();
    let mut allowed = in_service;
    for phase in phases {
        // If the capabilities of a phase are unknown, later phases cannot be checked.
        let (Some(allows), Some(restores)) = (&phase.allows, &phase.restores) else { return };
        let returned: Vec<_> =
            allows.iter().filter(|at| taken_by.contains_key(&at.value)).collect();
        if restores.value && returned.is_empty() {
            let message =
                format!("phase {} has restores = true but restores nothing", phase.name());
            reader.warning(restores.line, message);
        }
        for At { line, value: capability } in returned {
            if let Some(taker) = taken_by.remove(capability)
                && !restores.value
            {
                let message = format!(
                    "phase {} allows {capability}, which phase {taker} removed; leave it out, or \
                     add restores = true",
                    phase.name()
                );
                reader.problem(*line, message);
            }
        }
        let allows = draft::set(allows);
        taken_by.extend(allowed.without(allows).iter().map(|taken| (taken, phase.name())));
        allowed = allows;
    }
}

fn vouchers(
    reader: &mut Reader<'_>,
    in_service: &[At<Capability>],
    phases: &[DraftPhase],
    rules: Option<&DraftVouchers>,
) {
    let voucher = Capability::RequestVoucher;
    let in_phases = phases.iter().filter_map(|phase| phase.allows.as_ref()).flatten();
    let Some(rules) = rules else {
        if let Some(At { line, .. }) =
            in_service.iter().chain(in_phases).find(|at| at.value == voucher)
        {
            let message =
                format!("{voucher} is allowed, but nobody is eligible; add a section [vouchers]");
            reader.problem(*line, message);
        }
        return;
    };
    if draft::set(in_service).contains(voucher) {
        return;
    }
    let Some(opens) = opening(reader, phases, voucher, "[vouchers]", rules.line) else { return };
    if let (Some(last), Some(first)) = (&rules.last_day, &opens.from)
        && last.value < first.value
    {
        let message = format!(
            "last-day = {} is before vouchers can be requested; write {} (the start of phase {}) \
             or later",
            last.value,
            first.value,
            opens.name()
        );
        reader.problem(last.line, message);
    }
    let no_earlier = [&rules.last_day, &opens.from].into_iter().flatten().map(|at| at.value).max();
    if let (Some(redeem_by), Some(first)) = (&rules.redeem_by, no_earlier)
        && redeem_by.value < first
    {
        let message = format!(
            "redeem-by = {} is before vouchers can be requested; write {first} or later",
            redeem_by.value
        );
        reader.problem(redeem_by.line, message);
    } else {
        reminders_in_time(reader, rules, opens.from.as_ref());
    }
}

/// The first phase that allows the capability of a section, or may, if what it allows is unknown.
fn opening<'p>(
    reader: &mut Reader<'_>,
    phases: &'p [DraftPhase],
    capability: Capability,
    section: &str,
    line: usize,
) -> Option<&'p DraftPhase> {
    let opens = phases.iter().find(|phase| {
        phase.allows.as_ref().is_none_or(|allows| draft::set(allows).contains(capability))
    });
    if opens.is_none() {
        let message = format!(
            "no phase allows {capability}; add it to a phase, or remove the section {section}"
        );
        reader.problem(line, message);
    }
    opens
}

/// Can a reminder be due before the last day for redemptions?
fn reminders_in_time(
    reader: &mut Reader<'_>,
    rules: &DraftVouchers,
    opens: Option<&At<NaiveDate>>,
) {
    let (Some(after), Some(redeem_by), Some(opens)) =
        (&rules.remind_after, &rules.redeem_by, opens)
    else {
        return;
    };
    let days = (redeem_by.value - opens.value).num_days();
    if i64::from(after.value) > days {
        let message = format!(
            "no reminder would ever be due: {} days after vouchers can be requested is later than \
             redeem-by = {}; write fewer days, or a later day",
            after.value, redeem_by.value
        );
        reader.problem(after.line, message);
    }
}
