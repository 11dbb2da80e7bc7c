//! The sections `[[notice]]`: parsed, then checked against the phases that they mention.

use super::draft::{self, Draft};
use super::near;
use super::notice::{Audience, Language, NoticeRule, NoticeText};
use super::parse::cron_shape;
use super::reader::{At, Reader};
use super::section::{Key, Section};
use super::wording::{Piece, Placeholder, pieces};
use crate::{Capabilities, PhaseId, effects};

/// Two years; a larger number is a typing error.
const MOST_DAYS_BEFORE: u32 = 730;
const MOST_AT_ONCE: u32 = 1_000_000;

/// A partially parsed section `[[notice]]`.
pub(super) struct DraftNotice {
    pub(super) id: Option<At<PhaseId>>,
    phase: Option<At<PhaseId>>,
    losing: bool,
    /// The phases that its texts mention.
    mentions: Vec<At<PhaseId>>,
    /// The lines with the placeholder `{intake}`.
    intakes: Vec<usize>,
    pub(super) rule: Option<NoticeRule>,
}

pub(super) fn notices<'t>(
    reader: &mut Reader<'t>,
    top: &mut Section<'t>,
) -> Option<Vec<DraftNotice>> {
    let sections = top.tables(reader, Key("notice", "[[notice]]"))?;
    Some(sections.into_iter().map(|section| notice(reader, section)).collect())
}

fn notice<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> DraftNotice {
    let id = section.parsed(reader, Key("id", r#""receive-only""#), |text| {
        text.parse::<PhaseId>().map_err(|problem| problem.replace("phase name", "notice name"))
    });
    let phase = section.parsed(reader, Key("phase", r#""receive-only""#), str::parse::<PhaseId>);
    let days_before = section.number(reader, Key("days-before", "30"), 1..=MOST_DAYS_BEFORE, 30);
    let cron = section.parsed(reader, Key("cron", r#""0 0 9-17 * * Mon-Fri""#), cron_shape);
    let batch = section.number(reader, Key("batch", "10000"), 1..=MOST_AT_ONCE, 10_000);
    let to = section.parsed(reader, Key("to", r#""losing""#), |text| match text {
        "losing" => Ok(Audience::Losing),
        "active" => Ok(Audience::Active),
        "registered" => Ok(Audience::Registered),
        _ => Err(format!(r#"invalid to {text:?}; write "losing", "active" or "registered""#)),
    });
    let (mut mentions, mut intakes) = (Vec::new(), Vec::new());
    let texts = texts(reader, &mut section, &mut mentions, &mut intakes);
    section.finish(reader);
    let losing = to.as_ref().is_some_and(|to| to.value == Audience::Losing);
    let rule = || {
        Some(NoticeRule {
            id: id.clone()?.value,
            phase: phase.clone()?.value,
            days_before: days_before?.value,
            cron: cron?.value,
            batch: batch?.value,
            to: to?.value,
            texts: texts?,
        })
    };
    let rule = rule();
    DraftNotice { id, phase, losing, mentions, intakes, rule }
}

fn texts<'t>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    mentions: &mut Vec<At<PhaseId>>,
    intakes: &mut Vec<usize>,
) -> Option<Vec<NoticeText>> {
    let line = section.line;
    let sections = section.tables(reader, Key("text", "[[notice.text]]"))?;
    if sections.is_empty() {
        reader.problem(line, "the notice has no text; add a section [[notice.text]]");
        return None;
    }
    let mut texts: Vec<Option<NoticeText>> = Vec::with_capacity(sections.len());
    for mut section in sections {
        let language = section.parsed(reader, Key("language", r#""it""#), |text| match text {
            "it" => Ok(Language::It),
            "en" => Ok(Language::En),
            _ => Err(format!(r#"unknown language {text:?}; write "it" or "en""#)),
        });
        let subject = section.text(reader, Key("subject", r#""From {first-day}: {ends}""#));
        let example = r#""From {first-day} {ends} will not be possible.""#;
        let text = section.paragraphs(reader, Key("text", example));
        for text in subject.iter().chain(&text) {
            placeholders(reader, text, mentions, intakes);
        }
        if let Some(At { line, value: language }) = &language
            && texts.iter().flatten().any(|known| known.language == *language)
        {
            let tag = language.tag();
            reader.problem(*line, format!("the notice has two texts in {tag:?}; write one"));
        }
        section.finish(reader);
        let text = || {
            let (subject, text) = (subject?.value, text?.value);
            Some(NoticeText { language: language?.value, subject, text })
        };
        texts.push(text());
    }
    texts.into_iter().collect()
}

/// Reports unknown placeholders; collects those that the checks between sections need.
fn placeholders(
    reader: &mut Reader<'_>,
    At { line, value: text }: &At<String>,
    mentions: &mut Vec<At<PhaseId>>,
    intakes: &mut Vec<usize>,
) {
    let mut offset = 0;
    for piece in pieces(text) {
        let before = offset;
        match piece {
            Piece::Text(text) => offset += text.len(),
            Piece::Stray(brace) => {
                offset += brace.len();
                let line = line_at(reader, *line, text, before);
                reader.problem(
                    line,
                    format!("unmatched {brace}; braces enclose placeholders such as {{first-day}}"),
                );
            }
            Piece::Placeholder { whole, placeholder } => {
                offset += whole.len();
                let line = line_at(reader, *line, text, before);
                match placeholder {
                    Ok(Placeholder::FirstDay(Some(phase)) | Placeholder::LastDay(Some(phase))) => {
                        mentions.push(At { line, value: phase });
                    }
                    Ok(Placeholder::Intake) => intakes.push(line),
                    Ok(_) => {}
                    Err(problem) => reader.problem(line, problem),
                }
            }
        }
    }
}

/// The line of the file with this offset of a text that begins at or after `line`.
fn line_at(reader: &Reader<'_>, line: usize, text: &str, offset: usize) -> usize {
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let end = after.find('\n').map_or(text.len(), |end| offset + end + 1);
    // The end of the previous line makes the match unique.
    match before.rfind('\n') {
        Some(start) => {
            let found = reader.line_of(line, text.get(start..end).unwrap_or_default());
            if found == line { line } else { found + 1 }
        }
        None => reader.line_of(line, text.get(..end).unwrap_or_default()),
    }
}

/// Checks the notices against the rest of the plan.
pub(super) fn check(reader: &mut Reader<'_>, draft: &Draft) {
    let phases = draft.phases.as_deref().unwrap_or_default();
    let names = || phases.iter().filter_map(|phase| phase.id.as_ref()).map(|id| &id.value);
    let complete = draft.phases.is_some() && phases.iter().all(|phase| phase.id.is_some());
    for notice in draft.notices.iter().flatten() {
        for At { line, value: phase } in notice.phase.iter().chain(&notice.mentions) {
            if complete && !names().any(|name| name == phase) {
                let nearest = near::word(phase.as_str(), names().map(PhaseId::as_str));
                let suggestion = nearest.map_or_else(
                    || names().map(PhaseId::as_str).collect::<Vec<_>>().join(", "),
                    |name| format!("did you mean {name}?"),
                );
                reader.problem(*line, format!("the plan has no phase {phase}; {suggestion}"));
            }
        }
        if draft.vouchers.is_none() {
            for line in &notice.intakes {
                let message = "{intake} is the address of [vouchers], which the plan does not have";
                reader.problem(*line, message);
            }
        }
        if let Some(At { line, value: phase }) = notice.phase.as_ref().filter(|_| notice.losing)
            && removes(draft, phase).is_some_and(|removed| effects(removed).is_empty())
        {
            let message = format!(
                "phase {phase} removes no capability of mailboxes, so nobody is notified; write \
                 to = \"active\" or to = \"registered\" to notify holders anyway"
            );
            reader.warning(*line, message);
        }
    }
}

/// The capabilities that a phase removes, if known.
fn removes(draft: &Draft, phase: &PhaseId) -> Option<Capabilities> {
    let phases = draft.phases.as_deref()?;
    let is_it = |id: &At<PhaseId>| id.value == *phase;
    let index = phases.iter().position(|phase| phase.id.as_ref().is_some_and(is_it))?;
    let before = match index.checked_sub(1) {
        Some(before) => phases.get(before)?.allows.as_ref()?,
        None => draft.in_service.as_ref()?.allows.as_ref()?,
    };
    Some(draft::set(before).without(draft::set(phases.get(index)?.allows.as_ref()?)))
}
