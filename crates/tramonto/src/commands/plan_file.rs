//! A plan as a file: read and checked, or written so that it can be edited.

use std::fmt::Write;
use std::path::Path;

use domain::{
    Audience, Capabilities, CatchUp, Eligible, NoticeRule, Plan, PlanWarning, Refusals, Sentence,
};
use toml::Value;

use crate::Error;

/// How `Plan::parse` marks the sources of the section in-service among those of the plan.
const IN_SERVICE: &str = "in service: ";

/// Reads a plan file and checks it, its cron expressions too.
pub(crate) fn read(file: &Path) -> Result<(Plan, Vec<PlanWarning>), Error> {
    let text = std::fs::read_to_string(file).map_err(|source| Error::File {
        path: file.to_owned(),
        advice: format!("the plan can't be read ({source}); look at the path and its rights"),
        source,
    })?;
    let (plan, notices) = Plan::parse(&file.display().to_string(), &text)?;
    scheduler::check_recurring(&plan)?;
    Ok((plan, notices))
}

/// A plan as a file that reads back as the same plan. The shipped one keeps its comments.
pub(super) fn write(plan: &Plan) -> Result<String, Error> {
    if *plan == Plan::cec_pac()? {
        return Ok(Plan::CEC_PAC.to_owned());
    }
    let mut text = String::new();
    compose(&mut text, plan).map_err(|error| Error::Invalid(format!("the plan: {error}")))?;
    Ok(text)
}

fn compose(out: &mut String, plan: &Plan) -> std::fmt::Result {
    let (in_service, sources): (Vec<_>, Vec<_>) =
        plan.sources.iter().partition(|source| source.starts_with(IN_SERVICE));
    writeln!(out, "programme = {}", quoted(plan.programme.as_str()))?;
    writeln!(out, "title = {}", quoted(&plan.title))?;
    writeln!(out, "zone = {}", quoted(plan.zone.name()))?;
    writeln!(out, "sources = {}", list(sources.into_iter().map(String::as_str)))?;
    writeln!(out, "\n[in-service]\nallows = {}", capabilities(plan.in_service))?;
    let stripped =
        in_service.iter().map(|source| source.strip_prefix(IN_SERVICE).unwrap_or(source));
    writeln!(out, "sources = {}", list(stripped))?;
    for phase in &plan.phases {
        writeln!(out, "\n[[phase]]\nid = {}", quoted(phase.id.as_str()))?;
        writeln!(out, "title = {}\nfrom = {}", quoted(&phase.title), phase.from)?;
        writeln!(out, "allows = {}", capabilities(phase.allows))?;
        if phase.restores {
            writeln!(out, "restores = true")?;
        }
        writeln!(out, "sources = {}", list(phase.sources.iter().map(String::as_str)))?;
    }
    if let Some(rules) = &plan.vouchers {
        let eligible = match rules.eligible {
            Eligible::Registered => "registered",
            Eligible::Activated => "activated",
        };
        writeln!(out, "\n[vouchers]\neligible = {}", quoted(eligible))?;
        writeln!(out, "registered-before = {}", rules.registered_before)?;
        if let Some(last) = rules.last_day {
            writeln!(out, "last-day = {last}")?;
        }
        if let Some(last) = rules.redeem_by {
            writeln!(out, "redeem-by = {last}")?;
        }
        if let Some(most) = rules.max_issued {
            writeln!(out, "max-issued = {most}")?;
        }
        if let Some(cron) = &rules.sweep {
            writeln!(out, "sweep = {}", quoted(cron))?;
        }
        writeln!(out, "intake = {}", quoted(&rules.intake))?;
        writeln!(out, "sources = {}", list(rules.sources.iter().map(String::as_str)))?;
    }
    for work in &plan.recurring {
        let catch_up = match work.catch_up {
            CatchUp::Skip => "skip",
            CatchUp::Once => "once",
            CatchUp::All => "all",
        };
        writeln!(out, "\n[[recurring]]\nname = {}", quoted(work.name.as_str()))?;
        writeln!(out, "cron = {}\ncatch-up = {}", quoted(&work.cron), quoted(catch_up))?;
    }
    if let Some(rules) = &plan.drift {
        writeln!(out, "\n[drift]\ncron = {}\nrepair = {}", quoted(&rules.cron), rules.repair)?;
    }
    let retry = plan.retry;
    writeln!(out, "\n[retry]\nattempts = {}", retry.attempts)?;
    writeln!(out, "first-delay-seconds = {}", retry.first_delay_seconds)?;
    writeln!(out, "longest-delay-seconds = {}", retry.longest_delay_seconds)?;
    compose_refusals(out, &plan.refusals)?;
    plan.notices.iter().try_for_each(|notice| compose_notice(out, notice))
}

fn compose_refusals(out: &mut String, refusals: &Refusals) -> std::fmt::Result {
    let Refusals { send, receive, access } = refusals;
    for (name, status, wording) in [
        ("send", Some(&send.status), &send.wording),
        ("receive", Some(&receive.status), &receive.wording),
        ("access", None, access),
    ] {
        writeln!(out, "\n[refusals.{name}]")?;
        if let Some(status) = status {
            writeln!(out, "status = {}", quoted(&status.to_string()))?;
        }
        for Sentence { language, text } in &wording.0 {
            writeln!(out, "{language} = {}", quoted(text))?;
        }
    }
    Ok(())
}

fn compose_notice(out: &mut String, notice: &NoticeRule) -> std::fmt::Result {
    let to = match notice.to {
        Audience::Losing => "losing",
        Audience::Active => "active",
        Audience::Registered => "registered",
    };
    writeln!(out, "\n[[notice]]\nid = {}", quoted(notice.id.as_str()))?;
    writeln!(out, "phase = {}", quoted(notice.phase.as_str()))?;
    writeln!(out, "days-before = {}\ncron = {}", notice.days_before, quoted(&notice.cron))?;
    writeln!(out, "batch = {}\nto = {}", notice.batch, quoted(to))?;
    for text in &notice.texts {
        writeln!(out, "\n[[notice.text]]\nlanguage = {}", quoted(text.language.tag()))?;
        writeln!(out, "subject = {}\ntext = {}", quoted(&text.subject), quoted(&text.text))?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<String> = texts.map(|text| format!("\n    {},", quoted(text))).collect();
    if lines.is_empty() { "[]".to_owned() } else { format!("[{}\n]", lines.concat()) }
}

fn capabilities(set: Capabilities) -> String {
    let names: Vec<String> = set.iter().map(|capability| quoted(capability.name())).collect();
    format!("[{}]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_is_written_reads_back_as_the_same_plan() {
        let mut plan = Plan::cec_pac().expect("the shipped plan");
        plan.title = "Another \"title\" with \\ in it".to_owned();
        plan.sources.push("one more source, \u{e8} vero".to_owned());
        plan.sources.sort_by_key(|source| source.starts_with(IN_SERVICE));
        let text = write(&plan).expect("it can be written");
        let (read, _) = Plan::parse("written", &text).expect("it is a plan");
        assert_eq!(read, plan);
    }

    #[test]
    fn the_shipped_plan_is_written_with_its_comments() {
        let plan = Plan::cec_pac().expect("the shipped plan");
        assert_eq!(write(&plan).expect("it can be written"), Plan::CEC_PAC);
    }
}
