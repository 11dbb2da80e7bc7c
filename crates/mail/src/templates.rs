//! Templates of letters: built in, or an operator's own files (Jinja).
//!
//! The first line of a rendered template is the subject, the rest the text. Invariant: every
//! template is checked when it is loaded. It uses known variables only and contains what its reader
//! needs, so that no letter fails for its wording.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use minijinja::{Environment, UndefinedBehavior, Value};

/// The largest template, in bytes.
const LARGEST: u64 = 64 << 10;

/// The templates that there are.
#[derive(Clone, Copy)]
pub struct Catalogue {
    /// File names and built-in texts.
    pub built_in: &'static [(&'static str, &'static str)],
    /// The variables that a template's text must contain.
    pub required: fn(name: &str) -> &'static [&'static str],
    /// Contexts to check each template with. The first one has every variable; the value of a
    /// required one is its name in brackets, e.g. `[link]`.
    pub examples: fn() -> Vec<Value>,
}

/// Loaded templates.
#[derive(Debug, Clone)]
pub struct Templates(Environment<'static>);

/// A template, or a folder of them, that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("template {template}: {problem}")]
pub struct TemplateError {
    template: String,
    problem: String,
}

impl TemplateError {
    fn new(template: &str, problem: impl Into<String>) -> Self {
        Self { template: template.to_owned(), problem: problem.into() }
    }
}

impl Templates {
    /// Loads and checks the built-in templates; a file in the folder replaces the one of its name.
    pub fn load(catalogue: &Catalogue, folder: Option<&Path>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        if let Some(folder) = folder {
            only_known_files(catalogue, folder)?;
        }
        for (name, built_in) in catalogue.built_in {
            let own = folder.map(|folder| own_text(folder, name)).transpose()?.flatten();
            let text = own.unwrap_or_else(|| (*built_in).to_owned());
            let added = environment.add_template_owned(*name, text);
            added.map_err(|why| TemplateError::new(name, format!("syntax error ({why})")))?;
        }
        let templates = Self(environment);
        for (name, _) in catalogue.built_in {
            templates.check(name, catalogue)?;
        }
        Ok(templates)
    }

    /// Renders a template: its subject and its text.
    pub fn render(&self, name: &str, context: &Value) -> Result<(String, String), TemplateError> {
        let rendered = self.0.get_template(name).and_then(|template| template.render(context));
        let letter = rendered
            .map_err(|why| TemplateError::new(name, format!("cannot be rendered ({why})")))?;
        let (subject, text) = letter.split_once('\n').unwrap_or((&letter, ""));
        Ok((subject.trim().to_owned(), text.trim().to_owned()))
    }

    fn check(&self, name: &str, catalogue: &Catalogue) -> Result<(), TemplateError> {
        let error = |problem: String| TemplateError::new(name, problem);
        let broken = |why: minijinja::Error| error(format!("cannot be rendered ({why})"));
        let examples = (catalogue.examples)();
        let mut known = BTreeSet::new();
        if let Some(all) = examples.first() {
            known.extend(all.try_iter().map_err(broken)?.map(|name| name.to_string()));
        }
        let used = self.0.get_template(name).map_err(broken)?.undeclared_variables(false);
        if let Some(unknown) = used.iter().find(|variable| !known.contains(*variable)) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(error(format!("unknown variable {unknown}; expected one of {known}")));
        }
        for example in &examples {
            let (subject, text) = self.render(name, example)?;
            if subject.is_empty() || text.is_empty() {
                return Err(error("no subject or no text; write the subject on line 1".to_owned()));
            }
            let required = (catalogue.required)(name);
            let missing = required.iter().find(|one| !text.contains(&format!("[{one}]")));
            if let Some(missing) = missing {
                return Err(error(format!("text lacks the {missing}; write {{{{ {missing} }}}}")));
            }
        }
        Ok(())
    }
}

/// A misnamed file would be ignored: refuses it.
fn only_known_files(catalogue: &Catalogue, folder: &Path) -> Result<(), TemplateError> {
    let unreadable = |why: std::io::Error| {
        let folder = format!("folder {}", folder.display());
        TemplateError::new(&folder, format!("cannot be read ({why})"))
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_template = path.extension().is_some_and(|extension| extension == "txt");
        let name = path.file_name().unwrap_or_default().display().to_string();
        if is_template && catalogue.built_in.iter().all(|(known, _)| *known != name) {
            let known = catalogue.built_in.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            let problem = format!("unknown file name; expected one of {}", known.join(", "));
            return Err(TemplateError::new(&name, problem));
        }
    }
    Ok(())
}

fn own_text(folder: &Path, name: &str) -> Result<Option<String>, TemplateError> {
    let path = folder.join(name);
    let read = match fs::metadata(&path) {
        Ok(found) if found.len() > LARGEST => {
            return Err(TemplateError::new(name, format!("larger than {LARGEST} bytes")));
        }
        Ok(_) => fs::read_to_string(&path),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => Err(error),
    };
    read.map(Some).map_err(|why| {
        let problem = "check its permissions and that it is UTF-8";
        TemplateError::new(name, format!("cannot be read ({why}); {problem}"))
    })
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    const CATALOGUE: Catalogue = Catalogue {
        built_in: &[("hello.en.txt", "Hello\n\n{{ link }}\n"), ("bye.en.txt", "Bye\n\nBye.\n")],
        required: |name| if name.starts_with("hello") { &["link"] } else { &[] },
        examples: || {
            vec![
                context! { link => "[link]", day => "1 May" },
                context! { link => "[link]", day => "" },
            ]
        },
    };

    /// Why a folder with this template is refused.
    fn refused(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        Templates::load(&CATALOGUE, Some(folder.path())).unwrap_err().to_string()
    }

    #[test]
    fn a_template_that_cannot_make_a_letter_is_refused_by_name() {
        for (name, text, why) in [
            ("hello.en.txt", "Hello\n\nDo it.\n", "text lacks the link"),
            ("hello.en.txt", "Hello\n\nEcco{% if day %} {{ link }}{% endif %}", "the link"),
            ("bye.en.txt", "Bye\n\n{{ name }}\n", "unknown variable name; expected one of day"),
            ("bye.en.txt", "Bye\n\n{% if day %}{{ name }}{% endif %}\n", "unknown variable name"),
            ("bye.en.txt", "Bye\n\n{{ link", "syntax error"),
            ("bye.en.txt", "Bye\n\n{{ link.of.nothing }}", "cannot be rendered"),
            ("bye.en.txt", "Bye\n", "no subject or no text"),
            ("bye.fr.txt", "Aide\n\nVoilà.", "unknown file name"),
        ] {
            let error = refused(name, text);
            assert!(error.starts_with(&format!("template {name}: ")), "{error}");
            assert!(error.contains(why), "{error}");
        }
        let long = "x".repeat(usize::try_from(LARGEST).unwrap());
        assert!(refused("bye.en.txt", &format!("Bye\n\n{long}")).contains("larger than"));
        let nowhere = Templates::load(&CATALOGUE, Some(Path::new("/nowhere"))).unwrap_err();
        assert!(nowhere.to_string().starts_with("template folder /nowhere: "), "{nowhere}");
    }

    #[test]
    fn a_file_replaces_the_built_in_template_of_its_name_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hello.en.txt"), "Eccolo\n\n{{ link }}!").unwrap();
        let templates = Templates::load(&CATALOGUE, Some(folder.path())).unwrap();
        let rendered = |name| templates.render(name, &context! { link => "L", day => "" }).unwrap();
        assert_eq!(rendered("hello.en.txt"), ("Eccolo".to_owned(), "L!".to_owned()));
        assert_eq!(rendered("bye.en.txt"), ("Bye".to_owned(), "Bye.".to_owned()));
    }
}
