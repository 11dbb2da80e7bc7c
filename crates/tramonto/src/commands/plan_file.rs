//! A plan as a file: read and checked, or written so that it can be edited.

use std::fmt::Display;
use std::path::Path;

use chrono::NaiveDate;
use domain::{Plan, PlanDiagnostic};
use toml::{Table, Value};

use crate::Error;

/// How `Plan::parse` marks the sources of the section in-service among those of the plan.
const IN_SERVICE: &str = "in service: ";

/// Reads a plan file and checks it, its cron expressions too.
pub(crate) fn read(file: &Path) -> Result<(Plan, Vec<PlanDiagnostic>), Error> {
    let text = std::fs::read_to_string(file)
        .map_err(Error::file(file, "the plan cannot be read; check its path and permissions"))?;
    let (plan, notices) = Plan::parse(&file.display().to_string(), &text)?;
    scheduler::check_recurring(&plan)?;
    Ok((plan, notices))
}

/// A plan as a file that reads back as the same plan. The shipped one keeps its comments.
pub(super) fn write(plan: &Plan) -> Result<String, Error> {
    if *plan == Plan::cec_pac()? {
        return Ok(Plan::CEC_PAC.to_owned());
    }
    let unwritable =
        |error: &dyn Display| Error::Invalid(format!("cannot write the plan: {error}"));
    let plan = Table::try_from(plan).map_err(|error| unwritable(&error))?;
    toml::to_string_pretty(&Value::Table(in_file_form(plan))).map_err(|error| unwritable(&error))
}

/// A plan as events hold it, with the names and the sections of a file.
fn in_file_form(plan: Table) -> Table {
    let mut file = with_hyphens(plan);
    for (ours, theirs) in [("phases", "phase"), ("notices", "notice")] {
        rename(&mut file, ours, theirs);
    }
    for notice in file.get_mut("notice").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(notice) = notice.as_table_mut() {
            rename(notice, "texts", "text");
        }
    }
    let sources = file.remove("sources").and_then(|sources| sources.as_array().cloned());
    let (mut of_service, mut of_plan) = (Vec::new(), Vec::new());
    for source in sources.unwrap_or_default() {
        match source.as_str().and_then(|source| source.strip_prefix(IN_SERVICE)) {
            Some(source) => of_service.push(Value::from(source)),
            None => of_plan.push(source),
        }
    }
    file.insert("sources".to_owned(), of_plan.into());
    let allows = file.remove("in-service").into_iter().map(|allows| ("allows".to_owned(), allows));
    let sources = [("sources".to_owned(), Value::from(of_service))];
    file.insert("in-service".to_owned(), Value::Table(allows.chain(sources).collect()));
    if let Some(vouchers) = file.get_mut("vouchers").and_then(Value::as_table_mut)
        && let Some(Value::Table(mut remind)) = vouchers.remove("remind")
    {
        rename(&mut remind, "cron", "remind");
        rename(&mut remind, "after-days", "remind-after-days");
        rename(&mut remind, "at-most", "remind-at-most");
        vouchers.extend(remind);
    }
    for refusal in file.get_mut("refusals").and_then(Value::as_table_mut).into_iter().flatten() {
        *refusal.1 = by_language(refusal.1);
    }
    file
}

/// A refusal with its sentences by language; its status too where it has one.
fn by_language(refusal: &Value) -> Value {
    let status = refusal.get("status").map(|status| ("status".to_owned(), status.clone()));
    let sentences = refusal.get("wording").unwrap_or(refusal).as_array().into_iter().flatten();
    let sentences = sentences.filter_map(|sentence| {
        Some((sentence.get("language")?.as_str()?.to_owned(), sentence.get("text")?.clone()))
    });
    Value::Table(status.into_iter().chain(sentences).collect())
}

/// Names with `-` for `_`, and dates as TOML writes them, at every depth.
fn with_hyphens(table: Table) -> Table {
    table.into_iter().map(|(key, value)| (key.replace('_', "-"), in_toml(value))).collect()
}

fn in_toml(value: Value) -> Value {
    match value {
        Value::Table(table) => Value::Table(with_hyphens(table)),
        Value::Array(values) => Value::Array(values.into_iter().map(in_toml).collect()),
        Value::String(text) => {
            let date = text.parse::<NaiveDate>().ok().and_then(|_| text.parse().ok());
            date.map_or(Value::String(text), Value::Datetime)
        }
        plain @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_)) => {
            plain
        }
    }
}

fn rename(table: &mut Table, ours: &str, theirs: &str) {
    if let Some(value) = table.remove(ours) {
        table.insert(theirs.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_is_written_reads_back_as_the_same_plan() {
        let mut plan = Plan::cec_pac().expect("the shipped plan");
        plan.title = "Another \"title\" with \\ in it".to_owned();
        plan.canaries = Some(Box::new(domain::CanaryRules {
            addresses: vec!["canary@mail.example".to_owned()],
            recipient: None,
        }));
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
