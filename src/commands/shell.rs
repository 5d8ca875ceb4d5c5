//! `keyvault shell`: secrets in a shell itself, and not in one program.

mod load;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::context::{Context, canonical};
use crate::error::{Error, shown};
use crate::store::VaultStore;
use crate::store::allowance::{Allowance, Allowances};
use crate::ui::Report;
use crate::vault::VaultId;

/// Load secrets into your shell as you enter a folder
///
/// The hook loads the secrets of a project's vault when you enter its folder, and
/// puts back what was there when you leave; only of a vault that you allowed once,
/// and never with a question.
///
/// `keyvault exec` is safer, and the better habit. What is in the shell, every program
/// that it starts gets as well, needed or not: an install script, an editor's plug-in,
/// a `curl` that you pasted. It stands in /proc/PID/environ of each, and stays in those
/// that still run after you left the folder. `exec` gives it to one program.
#[derive(clap::Args)]
#[command(after_help = INSTALL)]
pub struct ShellArgs {
    #[command(subcommand)]
    command: ShellCommand,
}

const INSTALL: &str = "\
Install it, and then run `keyvault shell allow` in a project:
  bash    add to ~/.bashrc:                    eval \"$(keyvault shell bash)\"
  zsh     add to ~/.zshrc:                     eval \"$(keyvault shell zsh)\"
  fish    add to ~/.config/fish/config.fish:   keyvault shell fish | source
  direnv  in the project:                      keyvault shell direnv >>.envrc && direnv allow";

#[derive(clap::Subcommand)]
enum ShellCommand {
    /// Print the hook for bash
    Bash,
    /// Print the hook for zsh
    Zsh,
    /// Print the hook for fish
    Fish,
    /// Print the lines for direnv's .envrc
    Direnv,
    /// Let the hook load a project's vault, as it is now and as its members change it
    Allow {
        /// A folder of the project [default: this one]
        #[arg(value_name = "PATH")]
        path: Option<PathBuf>,
    },
    /// Let the hook load a project's vault no more, and not speak of it
    Deny {
        /// A folder of the project [default: this one]
        #[arg(value_name = "PATH")]
        path: Option<PathBuf>,
    },
    /// Print the code by which a shell takes over what is here: for the hooks
    #[command(hide = true)]
    Env {
        #[arg(value_name = "SHELL")]
        shell: load::Shell,
    },
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being done.
pub fn run(args: &ShellArgs, cx: &Context) -> Result<()> {
    match &args.command {
        ShellCommand::Bash => print(include_str!("shell/hook.bash"), cx),
        ShellCommand::Zsh => print(include_str!("shell/hook.zsh"), cx),
        ShellCommand::Fish => print(include_str!("shell/hook.fish"), cx),
        ShellCommand::Direnv => print(include_str!("shell/envrc"), cx),
        ShellCommand::Allow { path } => allow(path.as_deref(), cx),
        ShellCommand::Deny { path } => deny(path.as_deref(), cx),
        ShellCommand::Env { shell } => load::run(*shell, cx),
    }
}

/// Prints a script. One that is asked for quietly will be quiet itself.
fn print(script: &str, cx: &Context) -> Result<()> {
    let script = if cx.ui.quiet {
        script.replace(" --no-input ", " --no-input --quiet ")
    } else {
        script.to_owned()
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(script.as_bytes()).and_then(|()| out.flush());
    Ok(written.map_err(Error::Output)?)
}

fn allow(path: Option<&Path>, cx: &Context) -> Result<()> {
    let store = store(path, cx)?;
    let layers = cx.open_layers(&store)?;
    let vault = layers.top().vault;
    decide(&store, Allowance::Allowed(vault), cx)?;
    Ok(cx.ui.outcome(&Decided {
        path: store.path(),
        vault: Some(vault),
    })?)
}

fn deny(path: Option<&Path>, cx: &Context) -> Result<()> {
    let store = store(path, cx)?;
    decide(&store, Allowance::Denied, cx)?;
    Ok(cx.ui.outcome(&Decided {
        path: store.path(),
        vault: None,
    })?)
}

fn store(path: Option<&Path>, cx: &Context) -> Result<VaultStore> {
    let from = match path {
        None => cx.working_folder()?,
        Some(path) => canonical(path)?.ok_or_else(|| Error::NoVaultAt {
            path: path.to_owned(),
        })?,
    };
    let store = cx.project_store(&from)?;
    Ok(store.ok_or(Error::NoVault { from })?)
}

fn decide(store: &VaultStore, allowance: Allowance, cx: &Context) -> Result<()> {
    let missing = || Error::NoVaultAt {
        path: store.path().to_owned(),
    };
    let path = canonical(store.path())?.ok_or_else(missing)?;
    let decisions = Allowances::below(cx.state_folder().as_deref());
    Ok(decisions.decide(&path, allowance)?)
}

#[derive(Serialize)]
struct Decided<'a> {
    path: &'a Path,
    /// The vault that is allowed; none if none is.
    vault: Option<VaultId>,
}

impl Report for Decided<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let path = shown(self.path);
        match self.vault {
            Some(_) => writeln!(
                out,
                "allowed `{path}`: shells with keyvault's hook load it from here on"
            ),
            None => writeln!(out, "denied `{path}`: no shell loads it from here on"),
        }
    }
}
