//! What `migrate` shows and tells.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::child::environment::is_dangerous;
use crate::commands::options::lifetime::{destroyed, retiring};
use crate::context::Context;
use crate::error::shown;
use crate::migration::launchers::Launcher;
use crate::name::{EnvironmentName, SecretName};
use crate::store::plaintext::Plaintext;
use crate::ui::{Report, table};
use crate::vault::import::Plan;

/// What is done with a file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Its values go into a vault.
    Import,
    /// It has samples, and stays.
    Sample,
    /// Nobody knows what it is, and it stays.
    Unknown,
    /// It is a pipe, a device, or a link to nothing.
    #[serde(rename = "no-file")]
    NoFile,
    /// It was to be left alone.
    Left,
}

/// A file and what is done with it.
#[derive(Serialize)]
pub struct Line {
    pub file: String,
    pub fate: Fate,
    pub environment: Option<EnvironmentName>,
    /// Among those of one environment a later one wins.
    #[serde(skip)]
    pub place: u8,
}

/// The `.env` files of a project, and what becomes of them.
#[derive(Serialize)]
pub struct Files {
    pub files: Vec<Line>,
    /// Folders with files of their own.
    pub below: Vec<String>,
    /// The vault, if it is not this folder's.
    pub above: Option<String>,
}

impl Report for Files {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.files.iter().map(|line| {
            let what = match (line.fate, &line.environment) {
                (_, Some(environment)) => format!("into environment `{environment}`"),
                (Fate::Left, None) => "left alone, as you said".to_owned(),
                (Fate::Sample, None) => "stays: it is a sample".to_owned(),
                (Fate::NoFile, None) => "left alone: it is no file".to_owned(),
                _ => "left alone: look whether it holds secrets".to_owned(),
            };
            vec![shown(line.file.as_ref()), what]
        });
        if !self.files.is_empty() {
            table::write(out, &["FILE", "WHAT IS DONE"], rows.collect())?;
        }
        for folder in &self.below {
            writeln!(
                out,
                "`{folder}` has files of its own: run `keyvault init` and `keyvault migrate` there, too"
            )?;
        }
        if let Some(vault) = &self.above {
            writeln!(
                out,
                "they go into `{vault}`, the vault of a folder above; for one here, run `keyvault init` before"
            )?;
        }
        Ok(())
    }
}

/// An environment that has its secrets.
#[derive(Serialize)]
pub struct Done {
    pub environment: EnvironmentName,
    #[serde(flatten)]
    pub plan: Plan,
    /// How many variables a program saw as their files had them.
    pub seen: usize,
    #[serde(skip)]
    pub files: Vec<Plaintext>,
    /// The files whose value of a name is in no vault, with the name.
    #[serde(skip)]
    pub hidden: BTreeMap<usize, SecretName>,
}

/// A project was migrated.
#[derive(Serialize)]
pub struct Migrated {
    pub environments: Vec<Done>,
    #[serde(serialize_with = "serialize_launchers")]
    pub launchers: Vec<(&'static str, Launcher)>,
}

fn serialize_launchers<S: serde::Serializer>(
    launchers: &[(&'static str, Launcher)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Entry<'a> {
        file: &'a str,
        line: usize,
        what: &'a str,
        then: Option<&'a str>,
    }
    let entries = launchers.iter().map(|(file, launcher)| Entry {
        file,
        line: launcher.line,
        what: &launcher.what,
        then: launcher.then.as_deref(),
    });
    serializer.collect_seq(entries)
}

impl Migrated {
    /// Tells what was done.
    pub fn tell(&self, cx: &Context) {
        for done in &self.environments {
            let Plan {
                added,
                rotated,
                unchanged,
                ..
            } = &done.plan;
            let seen = match done.seen {
                0 => String::new(),
                seen => format!("; a program was started and saw {seen} as their files have them"),
            };
            let counts = done.plan.counts();
            cx.ui
                .note(&format!("`{}`: {counts}{seen}", done.environment));
            if let Some(text) = destroyed(&done.plan.destroyed) {
                cx.ui.note(&text);
            }
            for one in &done.plan.retiring {
                cx.ui.note(&retiring(one, &done.environment));
            }
            let dangerous = added.iter().chain(rotated).chain(unchanged);
            let dangerous = dangerous.filter(|name| is_dangerous(name.as_str()));
            let dangerous: Vec<_> = dangerous.map(SecretName::as_str).collect();
            if !dangerous.is_empty() {
                cx.ui.warn(&format!(
                    "names that take programs over are passed on only with `--allow-dangerous {}`",
                    dangerous.join(",")
                ));
            }
        }
        let names = self.environments.iter().map(|done| &done.environment);
        if names.clone().count() > 1 {
            let all: Vec<_> = names.map(EnvironmentName::as_str).collect();
            cx.ui.note(&format!(
                "each environment has what its own files have; where your framework reads `.env` for all of them, lay them over each other, as in `keyvault exec -e {} -- PROGRAM`",
                all.join(",")
            ));
        }
    }
}

impl Report for Migrated {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.launchers.is_empty() {
            return writeln!(out, "start your program with `keyvault exec -- PROGRAM`");
        }
        writeln!(out, "start your programs through keyvault:")?;
        for (file, launcher) in &self.launchers {
            let then = launcher.then.as_deref().unwrap_or(
                "put `keyvault exec --` before its program, and take out what reads `.env`",
            );
            writeln!(out, "{file}:{} {}", launcher.line, launcher.what)?;
            // What a terminal would obey may stand in somebody else's project.
            writeln!(out, "    {}", shown(then.as_ref()))?;
        }
        Ok(())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        let launchers = self.launchers.iter();
        let mut lines = launchers.map(|(file, launcher)| (file, launcher.line));
        lines.try_for_each(|(file, line)| writeln!(out, "{file}:{line}"))
    }
}
