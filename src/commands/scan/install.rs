//! `keyvault scan install`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::context::git_hooks::{Change, HookChange};
use crate::scan::hook_file::Hook;
use crate::ui::Report;

/// Which hooks.
#[derive(clap::Args)]
pub struct InstallArgs {
    /// Look before each push as well, at all commits that it would send
    #[arg(long, conflicts_with = "uninstall")]
    pre_push: bool,

    /// Take keyvault out of all hooks, and leave them as they were before
    #[arg(long)]
    uninstall: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being done.
pub fn run(args: &InstallArgs, cx: &Context) -> Result<()> {
    let done = if args.uninstall {
        cx.uninstall_hooks()?
    } else if args.pre_push {
        cx.install_hooks(&Hook::ALL)?
    } else {
        cx.install_hooks(&[Hook::PreCommit])?
    };
    let installed = Installed {
        hooks: done.changes.iter().map(Entry::of).collect(),
    };
    cx.ui.outcome(&installed)?;
    done.notes.iter().for_each(|note| cx.ui.note(note));
    done.warnings.iter().for_each(|warning| cx.ui.warn(warning));
    Ok(())
}

#[derive(Serialize)]
struct Installed {
    hooks: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    hook: &'static str,
    path: String,
    change: &'static str,
    #[serde(skip)]
    sentence: String,
}

impl Entry {
    fn of(change: &HookChange) -> Self {
        let (path, object) = (&change.path, change.hook.object());
        let scans = format!("`{path}` has each {object} scanned for leaked keys");
        let (word, sentence) = match change.change {
            Change::Added => ("added", scans),
            Change::Renewed => ("renewed", format!("{scans}, by new lines")),
            Change::Unchanged => ("unchanged", format!("{scans} already")),
            Change::Removed => ("removed", format!("took keyvault out of `{path}`")),
        };
        Self {
            hook: change.hook.as_str(),
            path: path.clone(),
            change: word,
            sentence,
        }
    }
}

impl Report for Installed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.hooks.is_empty() {
            return writeln!(out, "no hook here has keyvault in it");
        }
        let mut entries = self.hooks.iter();
        entries.try_for_each(|entry| writeln!(out, "{}", entry.sentence))
    }
}
