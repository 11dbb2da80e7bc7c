//! What the letters say: a template for each kind in each language, ours or an operator's own.
//!
//! A template is a file, `KIND.LANGUAGE.txt`, in the language of Jinja: its first line is the subject, the rest the text.
//! Invariant: each was tried when it was opened. It asks for nothing that there is not, and has what its reader can't do
//! without, so that no letter fails for its words.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use chrono::{NaiveDate, NaiveDateTime};
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::Draft;
use crate::Error;
use crate::reading::Language;
use crate::store::LetterKind;

/// No template is longer, in bytes.
const LONGEST: u64 = 64 << 10;

/// Ours, by name.
macro_rules! built_in {
    ($($kind:literal),+) => {
        [$(
            (concat!($kind, ".it.txt"), include_str!(concat!("../../letters/", $kind, ".it.txt"))),
            (concat!($kind, ".en.txt"), include_str!(concat!("../../letters/", $kind, ".en.txt"))),
        )+]
    };
}
const BUILT_IN: [(&str, &str); 16] =
    built_in!("received", "help", "closed", "confirm", "granted", "refused", "reminder", "extract");

/// What letters are written from.
#[derive(Debug, Clone)]
pub struct Templates(Environment<'static>);

/// What a template can tell.
#[derive(Clone, Copy)]
struct Told<'a> {
    link: Option<&'a str>,
    code: Option<&'a str>,
    token: Option<&'a str>,
    why: Option<&'a str>,
    redeem_by: Option<NaiveDate>,
    until: Option<NaiveDateTime>,
}

impl Told<'_> {
    /// As one language has it; what a letter does not tell is there and empty.
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

/// What the reader of a letter can't do without.
fn needed(name: &str) -> &'static [&'static str] {
    match name.split('.').next() {
        Some("confirm" | "extract") => &["link"],
        Some("granted") => &["code"],
        _ => &[],
    }
}

fn name(kind: LetterKind, language: Language) -> String {
    let language = match language {
        Language::Italian => "it",
        Language::English => "en",
    };
    format!("{}.{language}.txt", kind.code())
}

/// The subject and the text.
fn parts(letter: &str) -> (&str, &str) {
    let (subject, text) = letter.split_once('\n').unwrap_or((letter, ""));
    (subject.trim(), text.trim())
}

impl Templates {
    /// Those that come with the program.
    pub fn built_in() -> Result<Self, Error> {
        Self::with(|_, ours| Ok(ours.to_owned()))
    }

    /// An operator's own, in a folder; of those that are not there, ours.
    pub fn in_folder(folder: &Path) -> Result<Self, Error> {
        let unreadable = |why: std::io::Error| Error::Template {
            place: folder.display().to_string(),
            advice: format!("can't be read ({why}); name the folder of the templates"),
        };
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let is_template = path.extension().is_some_and(|extension| extension == "txt");
            let name = path.file_name().unwrap_or_default().display().to_string();
            if is_template && BUILT_IN.iter().all(|(ours, _)| *ours != name) {
                return Err(wrong(
                    &name,
                    "is no letter's; see `tramonto intake letters` for theirs",
                ));
            }
        }
        Self::with(|name, ours| {
            let path = folder.join(name);
            match fs::metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(ours.to_owned()),
                Ok(found) if found.len() > LONGEST => {
                    Err(wrong(name, &format!("is longer than {LONGEST} bytes; shorten it")))
                }
                Ok(_) => fs::read_to_string(&path).map_err(|why| {
                    wrong(name, &format!("can't be read ({why}); write it in UTF-8"))
                }),
                Err(why) => Err(wrong(name, &format!("can't be read ({why}); look at its rights"))),
            }
        })
    }

    /// The names of the files, and what is in those that come with the program.
    pub fn files() -> &'static [(&'static str, &'static str)] {
        &BUILT_IN
    }

    fn with(source: impl Fn(&str, &str) -> Result<String, Error>) -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, ours) in BUILT_IN {
            let added = environment.add_template_owned(name, source(name, ours)?);
            added.map_err(|why| wrong(name, &format!("can't be understood ({why}); mend it")))?;
        }
        let templates = Self(environment);
        for (name, _) in BUILT_IN {
            templates.tried(name)?;
        }
        Ok(templates)
    }

    /// Renders a template with everything that a letter may hold, and with as little as it may.
    fn tried(&self, name: &str) -> Result<(), Error> {
        let broken =
            |why: minijinja::Error| wrong(name, &format!("can't be filled in ({why}); mend it"));
        let day = NaiveDate::MIN;
        let all = Told {
            link: Some("[link]"),
            code: Some("[code]"),
            token: Some("[token]"),
            why: Some("[why]"),
            redeem_by: Some(day),
            until: Some(day.into()),
        };
        let template = self.0.get_template(name).map_err(broken)?;
        let value = all.in_language(Language::Italian);
        let known: BTreeSet<String> =
            value.try_iter().map_err(broken)?.map(|name| name.to_string()).collect();
        if let Some(unknown) =
            template.undeclared_variables(false).difference(&known.iter().cloned().collect()).next()
        {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(wrong(
                name,
                &format!("asks for {unknown}, and there is only {known}; mend it"),
            ));
        }
        for told in [all, Told { redeem_by: None, ..all }] {
            let letter = template.render(told.in_language(Language::Italian)).map_err(broken)?;
            let (subject, text) = parts(&letter);
            if subject.is_empty() || text.is_empty() {
                return Err(wrong(
                    name,
                    "has no subject or no text; write the subject on its first line",
                ));
            }
            if let Some(missing) =
                needed(name).iter().find(|one| !text.contains(&format!("[{one}]")))
            {
                return Err(wrong(
                    name,
                    &format!("does not tell its reader the {missing}; write {{{{ {missing} }}}}"),
                ));
            }
        }
        Ok(())
    }

    /// The subject and the text of a letter, the language of its reader first. The error is a short code.
    pub(super) fn of(&self, draft: &Draft<'_>) -> Result<(String, String), &'static str> {
        let told = Told {
            link: draft.link,
            code: draft.code.as_ref().map(|code| code.shown.as_str()),
            token: draft.code.as_ref().map(|code| code.token),
            why: draft.why,
            redeem_by: draft.code.as_ref().map_or(draft.redeem_by, |code| code.redeem_by),
            until: draft.until,
        };
        let written = |language| {
            let template = self.0.get_template(&name(draft.kind, language))?;
            template.render(told.in_language(language))
        };
        let (first, second) = match draft.language {
            Language::Italian => (Language::Italian, Language::English),
            Language::English => (Language::English, Language::Italian),
        };
        let written = written(first).and_then(|first| Ok((first, written(second)?)));
        let (first, second) = written.map_err(|_words| "letter-template")?;
        let ((subject, first), (_, second)) = (parts(&first), parts(&second));
        let text = format!("{first}\n\n-----\n\n{second}\n");
        Ok((subject.to_owned(), text.replace("\r\n", "\n").replace('\n', "\r\n")))
    }
}

fn wrong(name: &str, advice: &str) -> Error {
    Error::Template { place: name.to_owned(), advice: advice.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why a folder with this template is refused.
    fn refused(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        Templates::in_folder(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_template_that_no_letter_could_be_written_from_is_refused_and_named() {
        for (name, text, why) in [
            ("confirm.en.txt", "Confirm\n\nDo it.\n", "does not tell its reader the link"),
            ("granted.it.txt", "Voucher\n\n{{ token }}\n", "does not tell its reader the code"),
            (
                "granted.it.txt",
                "Voucher\n\nEcco{% if redeem_by %} {{ code }}{% endif %}",
                "the code",
            ),
            ("help.it.txt", "Aiuto\n\n{{ name }}\n", "asks for name, and there is only code"),
            ("help.it.txt", "Aiuto\n\n{% if why %}{{ name }}{% endif %}\n", "asks for name"),
            ("help.it.txt", "Aiuto\n\n{{ link", "can't be understood"),
            ("help.it.txt", "Aiuto\n\n{{ link.of.nothing }}", "can't be filled in"),
            ("help.it.txt", "Aiuto\n", "no subject or no text"),
            ("help.fr.txt", "Aide\n\nVoilà.", "is no letter's"),
        ] {
            let told = refused(name, text);
            assert!(told.starts_with(&format!("the template {name} ")), "{told}");
            assert!(told.contains(why), "{told}");
        }
        let long = "x".repeat(usize::try_from(LONGEST).unwrap());
        assert!(refused("help.it.txt", &format!("Aiuto\n\n{long}")).contains("is longer than"));
        let nowhere = Templates::in_folder(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(nowhere.contains("name the folder"), "{nowhere}");
    }

    #[test]
    fn an_operators_words_take_the_place_of_ours_and_of_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let own =
            "Eccolo\n\n{{ link }}{{ code }}{% if redeem_by %} entro {{ redeem_by }}{% endif %}";
        fs::write(folder.path().join("granted.it.txt"), own).unwrap();
        let own = Templates::in_folder(folder.path()).unwrap();
        let told = |day| Told {
            link: None,
            code: Some("AAA"),
            token: Some("T"),
            why: None,
            redeem_by: day,
            until: None,
        };
        let rendered = |name, day| {
            let template = own.0.get_template(name).unwrap();
            template.render(told(day).in_language(Language::Italian)).unwrap()
        };
        assert_eq!(rendered("granted.it.txt", None), "Eccolo\n\nAAA");
        let day = NaiveDate::from_ymd_opt(2015, 12, 1);
        assert_eq!(rendered("granted.it.txt", day), "Eccolo\n\nAAA entro 01/12/2015");
        assert!(rendered("granted.en.txt", None).starts_with("Your voucher"));
    }
}
