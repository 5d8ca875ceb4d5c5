//! `keyvault man`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Command;
use clap_mangen::Man;
use rustix::fs::Mode;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Error, shown};
use crate::store::folder::Folder;
use crate::ui::Report;

/// The day that the pages tell: that of the version.
const DATE: &str = "2026-11-22";

const MANUAL: &str = "keyvault";

const SEE_ALSO: &str = ".SH \"SEE ALSO\"\n.BR keyvault (1),\n.BR age (1)\n";

/// Write the manual pages
///
/// Without --dir, keyvault(1) goes to stdout: `keyvault man | man -l -`.
#[derive(clap::Args)]
pub struct ManArgs {
    /// Write a page for each command into this folder, as in
    /// ~/.local/share/man/man1; what is there of the same name is replaced
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the command, for the whole command line.
///
/// # Errors
///
/// [`Error::Io`] where a page could not be written; each that was is whole.
pub fn run(args: &ManArgs, cx: &Context, mut root: Command) -> Result<()> {
    root.build();
    let Some(dir) = &args.dir else {
        let (_, page) = page(&root);
        let mut out = io::stdout().lock();
        let written = out.write_all(&page).and_then(|()| out.flush());
        return Ok(written.map_err(Error::Output)?);
    };
    // For everybody to read, unlike what is keyvault's own.
    fs::create_dir_all(dir).map_err(Error::io("make the folder", dir))?;
    let missing = || Error::io("open the folder", dir)(io::ErrorKind::NotFound.into());
    let folder = Folder::open(dir, true)?.ok_or_else(missing)?;
    let lock = folder.lock(&mut || cx.note_waiting())?;
    let mut pages = Vec::new();
    for command in with_subcommands(&root) {
        let (name, text) = page(command);
        lock.replace_with_mode(&name, &text, Mode::from_raw_mode(0o644))?;
        pages.push(name);
    }
    Ok(cx.ui.outcome(&Written { dir, pages })?)
}

/// Returns a command and those below it, without the hidden ones.
fn with_subcommands(command: &Command) -> Vec<&Command> {
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    let below = shown.flat_map(with_subcommands);
    std::iter::once(command).chain(below).collect()
}

/// Returns a page with its file's name.
fn page(command: &Command) -> (String, Vec<u8>) {
    let version = concat!("keyvault ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone());
    let name = man.get_filename();
    let title = name.trim_end_matches(".1").to_uppercase();
    let man = man.title(title).date(DATE).source(version).manual(MANUAL);
    let mut text = Vec::new();
    man.render(&mut text).expect("a buffer takes all");
    let text = String::from_utf8(text).expect("help is text");
    (name, polished(&text).into_bytes())
}

/// Mends what the generator leaves: it fills what help has in lines and lists, ends lines
/// in blanks, and writes letters that roff knows by their number alone (groff_char(7)).
fn polished(page: &str) -> String {
    let page = page.replace(".br\n\n.br\n", ".sp\n");
    let mut out = String::with_capacity(page.len());
    let (mut is_verbatim, mut is_listed) = (false, false);
    for line in page.lines() {
        if line.starts_with(".SH") && std::mem::take(&mut is_verbatim) {
            out.push_str(".fi\n");
        }
        if line == ".SH EXTRA" {
            is_verbatim = true;
            out.push_str(".SH NOTES\n.nf\n");
            continue;
        }
        let mut line = line.trim_end();
        if !is_verbatim && let Some(item) = line.strip_prefix("\\- ") {
            // An item is a paragraph by itself.
            let end = out.strip_suffix(".PP\n").map_or(out.len(), str::len);
            out.truncate(end);
            out.push_str(".IP \\- 2\n");
            (line, is_listed) = (item, true);
        }
        is_listed &= !line.starts_with('.');
        if is_listed {
            line = line.trim_start();
        }
        for letter in line.chars() {
            match letter {
                letter if letter.is_ascii() => out.push(letter),
                other => out.push_str(&format!("\\[u{:04X}]", u32::from(other))),
            }
        }
        out.push('\n');
    }
    if is_verbatim {
        out.push_str(".fi\n");
    }
    out + SEE_ALSO
}

#[derive(Serialize)]
struct Written<'a> {
    dir: &'a Path,
    pages: Vec<String>,
}

impl Report for Written<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let (count, dir) = (self.pages.len(), shown(self.dir));
        writeln!(out, "wrote {count} manual pages to `{dir}`")
    }
}
