//! `tramonto man`: a manual page for every command, as packages install them.

use std::fs::{File, create_dir_all};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use clap_mangen::Man;
use serde_json::json;

use super::act::print;
use crate::Error;
use crate::cli::{EXIT_CODES, Global, command};
use crate::output::text::count;

pub(super) fn execute(folder: &Path, global: &Global) -> Result<(), Error> {
    let mut command = command().disable_help_subcommand(true);
    command.build();
    let pages = create_dir_all(folder).and_then(|()| write_pages(&command, folder));
    let pages = pages.map_err(Error::file(
        folder,
        "cannot write manual pages; name a folder you can write to",
    ))?;
    let words = format!("{} manual pages written to {}", count(pages), folder.display());
    print(&json!({ "done": "pages-written", "pages": pages, "folder": folder }), words, global)
}

/// Writes the page of a command and of all below it; returns how many.
fn write_pages(command: &clap::Command, folder: &Path) -> io::Result<u64> {
    let mut pages = 1;
    for sub in command.get_subcommands() {
        pages += write_pages(sub, folder)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .source(concat!("tramonto ", env!("CARGO_PKG_VERSION")))
        .manual("Tramonto");
    let mut file = BufWriter::new(File::create(folder.join(man.get_filename()))?);
    man.render_title(&mut file)?;
    man.render_name_section(&mut file)?;
    man.render_synopsis_section(&mut file)?;
    man.render_description_section(&mut file)?;
    man.render_options_section(&mut file)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut file)?;
    }
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (examples, codes) = help.split_once(EXIT_CODES).unwrap_or((&help, ""));
    let (title, examples) = examples.split_once(":\n").unwrap_or(("", examples));
    if !title.is_empty() {
        verbatim(&mut file, "EXAMPLES", examples)?;
    }
    if !codes.is_empty() {
        verbatim(&mut file, "EXIT STATUS", codes)?;
    }
    file.flush()?;
    Ok(pages)
}

/// A section whose lines stay as they are.
fn verbatim(file: &mut impl Write, heading: &str, text: &str) -> io::Result<()> {
    writeln!(file, ".SH {heading}\n.nf")?;
    for line in text.trim_end().lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // A line must not begin with a control character.
        writeln!(file, "\\&{line}")?;
    }
    writeln!(file, ".fi")
}
