//! The sections `[refusals.send]`, `[refusals.receive]` and `[refusals.access]`.

use super::reader::{At, Reader};
use super::refusals::{
    EnhancedStatus, LONGEST_LINE, Refusal, Refusals, Sentence, Wording, check_ascii,
};
use super::section::{Key, Section};

const REFUSALS: Key = Key("refusals", "[refusals]");
const STATUS: Key = Key("status", r#""5.7.1""#);
const ACCESS: Key = Key("access", "[refusals.access]");

/// The refusals of the plan, with defaults; `None` if a section has a problem.
pub(super) fn refusals<'t>(reader: &mut Reader<'t>, top: &mut Section<'t>) -> Option<Refusals> {
    let default = Refusals::default();
    if !top.has(REFUSALS) {
        return Some(default);
    }
    let mut section = top.table(reader, REFUSALS)?;
    let send = refusal(reader, &mut section, Key("send", "[refusals.send]"), default.send);
    let receive =
        refusal(reader, &mut section, Key("receive", "[refusals.receive]"), default.receive);
    let access = if section.has(ACCESS) {
        let access = section.table(reader, ACCESS);
        access.and_then(|section| wording(reader, section))
    } else {
        Some(default.access)
    };
    section.finish(reader);
    Some(Refusals { send: send?, receive: receive?, access: access? })
}

fn refusal<'t>(
    reader: &mut Reader<'t>,
    refusals: &mut Section<'t>,
    key: Key,
    default: Refusal,
) -> Option<Refusal> {
    if !refusals.has(key) {
        return Some(default);
    }
    let mut section = refusals.table(reader, key)?;
    let status = if section.has(STATUS) {
        let status =
            section.parsed(reader, STATUS, |text| EnhancedStatus::try_from(text.to_owned()));
        status.map(|status| status.value)
    } else {
        Some(default.status)
    };
    let wording = wording(reader, section);
    Some(Refusal { status: status?, wording: wording? })
}

/// Every key of two letters is a language.
fn wording<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> Option<Wording> {
    let line = section.line;
    let texts = section.languages(reader);
    section.finish(reader);
    let mut sentences = Vec::new();
    for At { line, value: (language, text) } in texts? {
        reader.checked(line, check_ascii(&language, &text))?;
        sentences.push(Sentence { language, text });
    }
    let wording = Wording(sentences);
    if wording.0.is_empty() {
        let message = "a refusal needs a text in at least one language; add for example en = \
                       \"this mailbox can no longer send\"";
        reader.problem(line, message);
        return None;
    }
    let length = wording.line().len();
    if length > LONGEST_LINE {
        let message = format!(
            "the texts of this refusal have {length} characters in total, and an SMTP reply has \
             room for {LONGEST_LINE} beside an address; write shorter ones"
        );
        reader.problem(line, message);
        return None;
    }
    Some(wording)
}
