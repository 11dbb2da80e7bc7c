//! Parses a plan file: each section first, then the checks between sections.

use chrono_tz::Tz;

use super::draft::{Draft, DraftPhase, DraftRecurring, DraftService, DraftVouchers};
use super::parse_refusals::refusals;
use super::problem::{PlanDiagnostic, PlanError};
use super::reader::{At, Reader, all};
use super::section::{Key, Section};
use super::{canary, check, draft, message_logs, near, notice_section};
use crate::{
    Capabilities, Capability, CatchUp, DriftRules, Eligible, PhaseId, Plan, ProgrammeId, Recurring,
    RemindRules, RetryPolicy, VoucherRules,
};

const CRON: Key = Key("cron", r#""0 30 3 * * *""#);
const MAX_ISSUED: Key = Key("max-issued", "500_000");
const REMIND: Key = Key("remind", r#""0 0 9 1 * *""#);
const REMIND_AFTER: Key = Key("remind-after-days", "30");
const REMIND_AT_MOST: Key = Key("remind-at-most", "2");
const REPAIR: Key = Key("repair", "false");
const RETRY: Key = Key("retry", "[retry]");
/// Of the sections `[vouchers]` and `[message-logs]`.
pub(super) const SWEEP: Key = Key("sweep", r#""0 15 0 * * *""#);

/// One day: the longest delay that an operator would wait for.
const LONGEST_WAIT_SECONDS: u32 = 86_400;

/// Default days between delivery and reminder, and between two reminders.
const DEFAULT_REMIND_AFTER: u32 = 30;
/// Default maximum of reminders per holder.
const DEFAULT_REMIND_AT_MOST: u32 = 2;

impl Plan {
    /// Parses and checks a plan. `file_name` appears in error messages only.
    ///
    /// # Errors
    ///
    /// Returns every problem with its line and its correction.
    pub fn parse(file_name: &str, text: &str) -> Result<(Self, Vec<PlanDiagnostic>), PlanError> {
        let mut reader = Reader::new(text);
        let plan = reader.document().and_then(|table| {
            let section = Section::new(&reader, Key("plan", "the plan"), 1, table);
            document(&mut reader, section)
        });
        reader.finish(file_name, plan)
    }
}

fn document<'t>(reader: &mut Reader<'t>, mut top: Section<'t>) -> Option<Plan> {
    let programme = top.parsed(reader, Key("programme", r#""cec-pac""#), str::parse::<ProgrammeId>);
    let title = top.text(reader, Key("title", r#""The closing of CEC-PAC""#));
    let zone = top.parsed(reader, Key("zone", r#""Europe/Rome""#), zone);
    let plan_sources = sources(reader, &mut top);
    let in_service = in_service(reader, &mut top);
    let phases = phases(reader, &mut top);
    let vouchers =
        top.table(reader, Key("vouchers", "[vouchers]")).map(|section| vouchers(reader, section));
    let recurring = recurring(reader, &mut top);
    let comparing =
        top.table(reader, Key("drift", "[drift]")).map(|section| drift(reader, section));
    let retry = retry(reader, &mut top);
    let refusals = refusals(reader, &mut top);
    let notices = notice_section::notices(reader, &mut top);
    let canaries = top
        .table(reader, Key("canaries", "[canaries]"))
        .map(|section| canary::rules(reader, section));
    let message_logs = top.table(reader, Key("message-logs", "[message-logs]"));
    let message_logs = message_logs.map(|section| message_logs::draft(reader, section));
    top.finish(reader);

    let compares = comparing.is_some();
    let draft =
        Draft { zone, in_service, phases, vouchers, message_logs, recurring, compares, notices };
    check::between_sections(reader, &draft);

    let in_service = draft.in_service?;
    let in_service_sources =
        in_service.sources?.into_iter().map(|source| format!("in service: {source}"));
    Some(Plan {
        programme: programme?.value,
        title: title?.value,
        zone: draft.zone?.value,
        sources: plan_sources?.into_iter().chain(in_service_sources).collect(),
        in_service: draft::set(&in_service.allows?),
        phases: draft.phases?.into_iter().map(DraftPhase::finish).collect::<Option<_>>()?,
        vouchers: part(draft.vouchers.map(|draft| draft.rules))?.map(Box::new),
        message_logs: part(draft.message_logs.map(|draft| draft.rules))?,
        recurring: draft
            .recurring?
            .into_iter()
            .map(|recurring| recurring.rule)
            .collect::<Option<_>>()?,
        drift: part(comparing)?,
        retry: retry?,
        refusals: refusals?,
        notices: draft.notices?.into_iter().map(|notice| notice.rule).collect::<Option<_>>()?,
        canaries: part(canaries)?.map(Box::new),
    })
}

/// An optional part of the plan: `Some(None)` without it, `None` if it has a problem.
#[expect(clippy::option_option, reason = "a missing part is sound, an invalid one is not")]
pub(super) fn part<T>(written: Option<Option<T>>) -> Option<Option<T>> {
    written.map_or(Some(None), |part| part.map(Some))
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_unknown: chrono_tz::ParseError| {
        let nearest = near::zone(text).name();
        format!("unknown IANA time zone {text:?}; did you mean {nearest:?}?")
    })
}

fn sources<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> Option<Vec<String>> {
    let texts = section.texts(reader, Key("sources", r#"["Official Journal 12/2014, page 3"]"#))?;
    Some(texts.into_iter().map(|text| text.value).collect())
}

/// The allowed capabilities of a section: a required list, which may be empty.
fn allows<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> Option<Vec<At<Capability>>> {
    let names = section.required_texts(reader, Key("allows", r#"["receive", "access"]"#))?;
    let mut known = Capabilities::NONE;
    all(names.into_iter().map(|At { line, value: name }| {
        let capability: Capability = reader.checked(line, name.parse())?;
        if known.contains(capability) {
            reader.problem(line, format!("{capability} is allowed twice; write it once"));
            return None;
        }
        known = known.with(capability);
        Some(At { line, value: capability })
    }))
}

fn in_service<'t>(reader: &mut Reader<'t>, top: &mut Section<'t>) -> Option<DraftService> {
    let mut section = top.required_table(reader, Key("in-service", "[in-service]"))?;
    let draft = DraftService {
        allows: allows(reader, &mut section),
        sources: sources(reader, &mut section),
    };
    section.finish(reader);
    Some(draft)
}

fn phases<'t>(reader: &mut Reader<'t>, top: &mut Section<'t>) -> Option<Vec<DraftPhase>> {
    let sections = top.tables(reader, Key("phase", "[[phase]]"))?;
    if sections.is_empty() {
        reader.problem(top.line, "the plan has no section [[phase]]; add one for each date");
        return None;
    }
    Some(sections.into_iter().map(|section| phase(reader, section)).collect())
}

fn phase<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> DraftPhase {
    let draft = DraftPhase {
        line: section.line,
        id: section.parsed(reader, Key("id", r#""receive-only""#), str::parse::<PhaseId>),
        title: section.text(reader, Key("title", r#""Receive only""#)).map(|title| title.value),
        from: section.date(reader, Key("from", "2015-03-18")),
        allows: allows(reader, &mut section),
        restores: section.flag(reader, Key("restores", "true")),
        sources: sources(reader, &mut section),
    };
    section.finish(reader);
    draft
}

fn vouchers<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> DraftVouchers {
    let line = section.line;
    let eligible = section.parsed(reader, Key("eligible", r#""registered""#), |text| match text {
        "registered" => Ok(Eligible::Registered),
        "activated" => Ok(Eligible::Activated),
        _ => Err(format!("invalid eligible {text:?}; write \"registered\" or \"activated\"")),
    });
    let registered_before = section.date(reader, Key("registered-before", "2014-12-18"));
    let last_day = section.optional_date(reader, Key("last-day", "2018-03-17"));
    let redeem_by = section.optional_date(reader, Key("redeem-by", "2018-12-31"));
    // Without the key there is no limit.
    let limited = section.has(MAX_ISSUED);
    let max_issued = section.number(reader, MAX_ISSUED, 1..=u32::MAX, u32::MAX);
    let swept = section.has(SWEEP);
    let sweep = swept.then(|| section.parsed(reader, SWEEP, cron_shape));
    let reminds = section.has(REMIND);
    let (remind_after, remind) = reminding(reader, &mut section);
    let intake =
        section.parsed(reader, Key("intake", r#""requests@agency.example""#), mail_address);
    let sources = sources(reader, &mut section);
    section.finish(reader);
    let rules = || {
        Some(VoucherRules {
            eligible: eligible?.value,
            registered_before: registered_before?.value,
            last_day: last_day.as_ref().map(|day| day.value),
            redeem_by: redeem_by.as_ref().map(|day| day.value),
            max_issued: Some(max_issued?.value.into()).filter(|_| limited),
            sweep: part(sweep)?.map(|sweep| sweep.value),
            remind: part(remind)?,
            intake: intake?.value,
            sources: sources?,
        })
    };
    let rules = rules();
    DraftVouchers { line, last_day, redeem_by, swept, reminds, remind_after, rules }
}

/// The reminders of the section `[vouchers]`: days before the first one, and the rules as an
/// optional [`part`].
#[expect(clippy::option_option, reason = "a missing part is sound, an invalid one is not")]
fn reminding<'t>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
) -> (Option<At<u32>>, Option<Option<RemindRules>>) {
    let bounded = [REMIND_AFTER, REMIND_AT_MOST].into_iter().find(|key| section.has(*key));
    let cron = section.has(REMIND).then(|| section.parsed(reader, REMIND, cron_shape));
    let after = section.number(reader, REMIND_AFTER, 1..=366, DEFAULT_REMIND_AFTER);
    let at_most = section.number(reader, REMIND_AT_MOST, 1..=12, DEFAULT_REMIND_AT_MOST);
    let Some(cron) = cron else {
        let line = after.as_ref().or(at_most.as_ref()).map_or(section.line, |at| at.line);
        let invalid = bounded.map(|Key(name, _)| {
            let Key(_, example) = REMIND;
            reader.problem(
                line,
                format!("{name} has no effect without remind; add for example remind = {example}"),
            );
            None
        });
        return (None, invalid);
    };
    let rules = || {
        let (after_days, at_most) = (after.as_ref()?.value, at_most?.value);
        Some(RemindRules { cron: cron?.value, after_days, at_most })
    };
    let rules = rules();
    (after, Some(rules))
}

/// Checks the form of an address only; whether it exists is known only after a delivery.
pub(super) fn mail_address(text: &str) -> Result<String, String> {
    let sound = text.split_once('@').is_some_and(|(local, domain)| {
        let plain = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
        plain(local) && plain(domain) && !domain.contains('@')
    });
    if sound {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not a mail address; write name@domain"))
    }
}

fn recurring<'t>(reader: &mut Reader<'t>, top: &mut Section<'t>) -> Option<Vec<DraftRecurring>> {
    let sections = top.tables(reader, Key("recurring", "[[recurring]]"))?;
    let mut drafts = Vec::with_capacity(sections.len());
    for mut section in sections {
        let name = section.parsed(reader, Key("name", r#""left-overs""#), |text| {
            text.parse::<PhaseId>().map_err(|problem| problem.replace("phase name", "name"))
        });
        let cron = section.parsed(reader, CRON, cron_shape);
        let catch_up = section.parsed(reader, Key("catch-up", r#""once""#), |text| match text {
            "skip" => Ok(CatchUp::Skip),
            "once" => Ok(CatchUp::Once),
            "all" => Ok(CatchUp::All),
            _ => Err(format!(r#"invalid catch-up {text:?}; write "skip", "once" or "all""#)),
        });
        section.finish(reader);
        let rule = || {
            let name = name.clone()?.value;
            Some(Recurring { name, cron: cron?.value, catch_up: catch_up?.value })
        };
        let rule = rule();
        drafts.push(DraftRecurring { name, rule });
    }
    Some(drafts)
}

/// The section `[drift]`; drift is repaired by default.
fn drift<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> Option<DriftRules> {
    let cron = section.parsed(reader, CRON, cron_shape);
    let explicit = section.has(REPAIR);
    let repair = section.flag(reader, REPAIR);
    section.finish(reader);
    Some(DriftRules { cron: cron?.value, repair: repair?.value || !explicit })
}

/// Checks the number of fields only; the scheduler has the cron parser and checks the rest.
pub(super) fn cron_shape(text: &str) -> Result<String, String> {
    match text.split_whitespace().count() {
        6 | 7 => Ok(text.to_owned()),
        5 => Err(format!("cron = {text:?} lacks the seconds; write \"0 {text}\"")),
        count => Err(format!(
            "cron = {text:?} must have 6 fields (second minute hour day month weekday), or 7 with \
             a year; it has {count}"
        )),
    }
}

fn retry<'t>(reader: &mut Reader<'t>, top: &mut Section<'t>) -> Option<RetryPolicy> {
    let default = RetryPolicy::default();
    if !top.has(RETRY) {
        return Some(default);
    }
    let mut section = top.table(reader, RETRY)?;
    let delays = 1..=LONGEST_WAIT_SECONDS;
    let attempts = section.number(reader, Key("attempts", "8"), 1..=100, default.attempts);
    let first = section.number(
        reader,
        Key("first-delay-seconds", "30"),
        delays.clone(),
        default.first_delay_seconds,
    );
    let longest = section.number(
        reader,
        Key("longest-delay-seconds", "3600"),
        delays,
        default.longest_delay_seconds,
    );
    section.finish(reader);
    let (first, longest) = (first?, longest?);
    if longest.value < first.value {
        let (first, longest_delay) = (first.value, longest.value);
        reader.problem(
            longest.line,
            format!(
                "longest-delay-seconds ({longest_delay}) is less than first-delay-seconds \
                 ({first}); write {first} or more, or a smaller first delay"
            ),
        );
    }
    Some(RetryPolicy {
        attempts: attempts?.value,
        first_delay_seconds: first.value,
        longest_delay_seconds: longest.value,
    })
}
