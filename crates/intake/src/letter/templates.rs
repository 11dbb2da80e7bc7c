//! The templates of letters: `KIND.LANGUAGE.txt`, built in or an operator's own.

use std::path::Path;

use chrono::{NaiveDate, NaiveDateTime};
use mail::Catalogue;
use minijinja::{Value, context};

use crate::Error;
use crate::reading::Language;
use crate::store::LetterKind;

macro_rules! built_in {
    ($($kind:literal),+) => {
        &[$(
            (concat!($kind, ".it.txt"), include_str!(concat!("../../letters/", $kind, ".it.txt"))),
            (concat!($kind, ".en.txt"), include_str!(concat!("../../letters/", $kind, ".en.txt"))),
        )+]
    };
}

const CATALOGUE: Catalogue = Catalogue {
    built_in: built_in!(
        "received", "help", "closed", "confirm", "granted", "refused", "reminder", "export"
    ),
    required: |name| match name.split('.').next() {
        Some("confirm" | "export") => &["link"],
        Some("granted") => &["code"],
        _ => &[],
    },
    examples: || {
        let all = Fields {
            link: Some("[link]"),
            code: Some("[code]"),
            token: Some("[token]"),
            why: Some("[why]"),
            redeem_by: Some(NaiveDate::MIN),
            until: Some(NaiveDate::MIN.into()),
        };
        let unlimited = Fields { redeem_by: None, ..all };
        [all, unlimited].map(|fields| fields.in_language(Language::Italian)).into()
    },
};

/// The templates that letters are written from.
#[derive(Debug, Clone)]
pub struct Templates(mail::Templates);

/// The fields that a template can use.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) link: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    /// The signed token of the code.
    pub(crate) token: Option<&'a str>,
    /// Why no voucher is granted, as a short code.
    pub(crate) why: Option<&'a str>,
    /// The last day on which the voucher can be redeemed.
    pub(crate) redeem_by: Option<NaiveDate>,
    /// When the link of an export expires, in the plan's zone.
    pub(crate) until: Option<NaiveDateTime>,
}

impl Fields<'_> {
    /// The template's context. A field that a letter does not have is an empty string.
    fn in_language(self, language: Language) -> Value {
        let day = |day: NaiveDate| match language {
            Language::Italian => day.format("%d/%m/%Y").to_string(),
            Language::English => day.format("%-d %B %Y").to_string(),
        };
        let until = self.until.map(|until| until.format("%H:%M").to_string());
        context! {
            link => self.link.unwrap_or_default(),
            code => self.code.unwrap_or_default(),
            token => self.token.unwrap_or_default(),
            why => self.why.unwrap_or_default(),
            redeem_by => self.redeem_by.map(day).unwrap_or_default(),
            until_day => self.until.map(|until| day(until.date())).unwrap_or_default(),
            until_hour => until.unwrap_or_default(),
        }
    }
}

fn file_name(kind: LetterKind, language: Language) -> String {
    let language = match language {
        Language::Italian => "it",
        Language::English => "en",
    };
    format!("{}.{language}.txt", kind.code())
}

impl Templates {
    /// An operator's own templates, from a folder; the built-in ones where it has none.
    pub fn load(folder: Option<&Path>) -> Result<Self, Error> {
        Ok(Self(mail::Templates::load(&CATALOGUE, folder)?))
    }

    /// File names and texts of the built-in templates.
    pub fn files() -> &'static [(&'static str, &'static str)] {
        CATALOGUE.built_in
    }

    /// The subject and the text of a letter, in both languages, its reader's first. The error is a
    /// short code.
    pub(crate) fn render(
        &self,
        kind: LetterKind,
        language: Language,
        fields: &Fields<'_>,
    ) -> Result<(String, String), &'static str> {
        let render = |language| {
            let rendered = self.0.render(&file_name(kind, language), &fields.in_language(language));
            rendered.map_err(|error| {
                tracing::error!("{error}");
                "letter-template"
            })
        };
        let (first, second) = match language {
            Language::Italian => (Language::Italian, Language::English),
            Language::English => (Language::English, Language::Italian),
        };
        let ((subject, first), (_, second)) = (render(first)?, render(second)?);
        let text = format!("{first}\n\n-----\n\n{second}\n");
        Ok((subject, text.replace("\r\n", "\n").replace('\n', "\r\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        Templates::load(Some(folder.path())).unwrap_err().to_string()
    }

    #[test]
    fn a_letter_is_never_sent_without_what_its_reader_needs() {
        for (name, text, why) in [
            ("confirm.en.txt", "Confirm\n\nDo it.\n", "lacks the link"),
            ("export.it.txt", "Registro\n\nEccolo.\n", "lacks the link"),
            ("granted.it.txt", "Voucher\n\n{{ token }}\n", "lacks the code"),
            (
                "granted.it.txt",
                "V\n\nEcco. {% if redeem_by %}{{ code }}{% endif %}",
                "lacks the code",
            ),
            ("help.it.txt", "Aiuto\n\n{{ name }}\n", "unknown variable name; expected one of code"),
        ] {
            let error = refused(name, text);
            assert!(error.contains(name) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_day_is_written_as_the_language_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let own =
            "Eccolo\n\n{{ link }}{{ code }}{% if redeem_by %} entro {{ redeem_by }}{% endif %}";
        std::fs::write(folder.path().join("granted.it.txt"), own).unwrap();
        let own = Templates::load(Some(folder.path())).unwrap();
        let rendered = |name, redeem_by| {
            let (link, token, why, until) = (None, Some("T"), None, None);
            let fields = Fields { link, code: Some("AAA"), token, why, redeem_by, until };
            own.0.render(name, &fields.in_language(Language::Italian)).unwrap().1
        };
        assert_eq!(rendered("granted.it.txt", None), "AAA");
        let day = NaiveDate::from_ymd_opt(2015, 12, 1);
        assert_eq!(rendered("granted.it.txt", day), "AAA entro 01/12/2015");
        assert!(rendered("granted.en.txt", day).contains("by 01/12/2015"));
    }
}
