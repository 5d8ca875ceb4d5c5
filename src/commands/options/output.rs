//! Where `export` and `render` put what they make, which has values in it: to stdout,
//! or into a file of its owner alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::context::Context;
use crate::error::{Result, shown};
use crate::secret_value::SecretValue;
use crate::store::output_file::{Access, OutputFile};
use crate::ui::{Format, Report};

/// Where it goes.
#[derive(clap::Args)]
pub struct OutputArgs {
    /// Write to this file, which you alone may read, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Do not ask first
    #[arg(short, long)]
    yes: bool,
}

/// Whether a file that is there already is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacing {
    /// Only if a person says so: it may have been written by hand.
    Asked,
    /// Without a question: it is made anew from what it was made from.
    Silent,
}

impl OutputArgs {
    /// Finds the place, before anything is unlocked or asked. Without one it is
    /// stdout, which `-` names, too.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::at`].
    pub fn place(&self) -> Result<Option<OutputFile>> {
        let path = self
            .output
            .as_deref()
            .filter(|path| *path != Path::new("-"));
        path.map(OutputFile::at).transpose()
    }

    /// Asks whether values may be shown, if stdout is a terminal.
    ///
    /// # Errors
    ///
    /// Those of [`crate::ui::Ui::confirm`].
    pub fn confirm_showing(&self, cx: &Context, values: usize) -> Result<()> {
        if values == 0 || self.yes || !cx.ui.shows_answers() {
            return Ok(());
        }
        let question = format!("Show {} on this terminal?", count(values));
        cx.ui.confirm(&question, "--yes")
    }

    /// Asks whether a file may be replaced, if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`crate::ui::Ui::confirm`].
    pub fn confirm_replacing(&self, cx: &Context, place: &OutputFile) -> Result<()> {
        if self.yes || !place.is_there() {
            return Ok(());
        }
        let question = format!("Replace {}?", shown(place.path()));
        cx.ui.confirm(&question, "--yes")
    }

    /// Gives it out, and warns of a file that has values in it.
    ///
    /// # Errors
    ///
    /// Where it is not to be shown, replaced or written.
    pub fn give_out(
        &self,
        cx: &Context,
        place: Option<&OutputFile>,
        replacing: Replacing,
        text: &SecretValue,
        values: usize,
    ) -> Result<()> {
        let Some(place) = place else {
            self.confirm_showing(cx, values)?;
            return cx.ui.reveal_text(text);
        };
        if replacing == Replacing::Asked {
            self.confirm_replacing(cx, place)?;
        }
        place.write(Access::Private, text.expose())?;
        if values > 0 {
            cx.ui.warn(&warning(cx, place.path(), values));
        }
        match cx.ui.format {
            Format::Json => cx.ui.answer(&Written::with(place.path(), values)),
            Format::Human => Ok(()),
        }
    }
}

fn warning(cx: &Context, path: &Path, values: usize) -> String {
    let git = match is_ignored(cx, path) {
        Some(false) => ", and git does not ignore it",
        _ => "",
    };
    let (values, path) = (count(values), shown(path));
    format!(
        "`{path}` holds {values} in plaintext, which you alone may read{git}; remove it once it has served"
    )
}

fn is_ignored(cx: &Context, path: &Path) -> Option<bool> {
    let file = PathBuf::from(path.file_name()?);
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    cx.is_git_ignored(folder, std::iter::once(file))
}

fn count(values: usize) -> String {
    match values {
        1 => "one value".to_owned(),
        values => format!("{values} values"),
    }
}

/// What was written into a file.
#[derive(Serialize)]
pub struct Written {
    path: String,
    values: usize,
}

impl Written {
    fn with(path: &Path, values: usize) -> Self {
        Self {
            path: shown(path),
            values,
        }
    }

    /// Without a value.
    pub fn example(path: &Path) -> Self {
        Self::with(path, 0)
    }
}

impl Report for Written {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "wrote `{}`", self.path)
    }
}
