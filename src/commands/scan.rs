//! `keyvault scan`: keys that leave the vault by mistake.

mod allow;
mod install;
pub mod report;

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::scan::report::{Answer, ScanFormat};
use crate::context::Context;
use crate::context::scan::Target;
use crate::context::sought::{LeftOut, VaultValues};
use crate::error::{Code, Error};
use crate::scan::search::Search;
use crate::vault::leak::Leaked;

/// Look for leaked keys: values of your vault, and well-known formats
///
/// Searches files, what is staged, or git's history for the values that you have in the
/// vault, exactly and in every encoding, and for keys of well-known forms. Files that git
/// ignores are left out, unless they are named. What is found is never shown.
///
/// Exit code 8 if anything was found, and 1 where there was nothing to scan. What is no
/// secret is allowed with `keyvault scan allow`, or by `keyvault:allow` in a comment on its
/// line.
#[derive(clap::Args)]
pub struct ScanArgs {
    #[command(subcommand)]
    command: Option<ScanCommand>,

    #[command(flatten)]
    what: WhatArgs,
}

#[derive(clap::Subcommand)]
enum ScanCommand {
    /// Have git look for leaked keys before each commit
    ///
    /// Adds keyvault to the pre-commit hook of this repository, beside whatever runs there
    /// already: a hook of somebody else's keeps every byte, and both can refuse. In a
    /// project with husky it goes into `.husky/pre-commit`, where pre-commit writes the
    /// hooks into `pre-commit.legacy`; for lefthook it says what to add to `lefthook.yml`.
    Install(install::InstallArgs),
    /// Say that something that was found is no secret
    ///
    /// Adds its id to `.keyvault-scan.toml`, which is for everybody who works on the project:
    /// the id is a keyed hash, and stands for it wherever it is. `--reason` says why.
    Allow(allow::AllowArgs),
}

/// What is scanned, and how it is told.
#[derive(clap::Args)]
pub struct WhatArgs {
    /// Files and folders; `-` is stdin [default: this folder]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Scan what the next commit would have, as it is staged
    #[arg(long, conflicts_with_all = ["paths", "history", "push"])]
    pub staged: bool,

    /// Scan every version of every file in git's history, or in a range such as main..HEAD
    #[arg(long, value_name = "RANGE", num_args = 0..=1, conflicts_with_all = ["paths", "push"])]
    pub history: Option<Option<String>>,

    /// Scan the commits that are about to be pushed, as a pre-push hook gets them on stdin
    #[arg(long, value_name = "REMOTE", num_args = 0..=1, conflicts_with = "paths")]
    pub push: Option<Option<String>>,

    /// human, json, sarif or github
    #[arg(short, long, value_name = "FORMAT", hide_possible_values = true)]
    pub format: Option<ScanFormat>,

    /// Write to this file, which you alone may read, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Have `status` tell which secrets leaked, until they are rotated
    #[arg(long)]
    pub mark: bool,

    /// Say what was left out, and why
    #[arg(short, long)]
    pub verbose: bool,
}

impl WhatArgs {
    /// Tells whether anything was said.
    fn narrows(&self) -> bool {
        let Self {
            paths,
            staged,
            history,
            push,
            format,
            output,
            mark,
            verbose,
        } = self;
        let is_said = *staged || *mark || *verbose || push.is_some() || history.is_some();
        is_said || !paths.is_empty() || format.is_some() || output.is_some()
    }
}

impl WhatArgs {
    fn target(&self) -> Result<Target<'_>, Error> {
        let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
        Ok(match self {
            _ if self.staged => Target::Staged,
            Self {
                history: Some(range),
                ..
            } => Target::History(range.as_deref()),
            Self {
                push: Some(remote), ..
            } => Target::Push(remote.as_deref()),
            Self { paths, .. } if paths.iter().any(is_stdin) => match paths.as_slice() {
                [_] => Target::Stdin,
                _ => {
                    return Err(Error::Usage {
                        message: "`-` stands alone: stdin is scanned, or files are".to_owned(),
                        hint: "a file of that name is `./-`".to_owned(),
                    });
                }
            },
            Self { paths, .. } => Target::Tree(paths),
        })
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being done.
pub fn run(args: &ScanArgs, cx: &Context) -> Result<Code> {
    if args.command.is_some() && args.what.narrows() {
        return Err(Error::Usage {
            message: "an option stands before the part of `scan` that it is not for".to_owned(),
            hint: "`keyvault scan install` and `keyvault scan allow` take what stands behind them; a folder of that name is `./install`".to_owned(),
        }
        .into());
    }
    match &args.command {
        Some(ScanCommand::Install(args)) => install::run(args, cx).map(|()| Code::Ok),
        Some(ScanCommand::Allow(args)) => allow::run(args, cx).map(|()| Code::Ok),
        None => scan(&args.what, cx),
    }
}

fn scan(args: &WhatArgs, cx: &Context) -> Result<Code> {
    // The file first: nothing is scanned for what cannot be written.
    let answer = Answer::to(cx, args.format, args.output.as_deref())?;
    let target = args.target()?;
    let project = cx.scan_config()?;
    let rules = cx.scan_rules(&project)?;
    // git's hooks ask nothing: who commits is not there for a passphrase.
    let may_ask = !matches!(target, Target::Staged | Target::Push(_)) && cx.ui.can_ask();
    let reach = cx.values_in_reach(may_ask)?;
    for why in &reach.lacking {
        let what = format!("values of the vault were not looked for: {why}");
        cx.ui.warn(&what);
    }
    let (values, left_out) = reach.values();
    if args.verbose {
        say_what_is_left_out(cx, &reach, &left_out);
    }
    if !values.is_empty() {
        cx.log_use(reach.environments(), Vec::new(), None)?;
    }
    let search = Search::new(&rules, &values, &project.config);
    let found = cx.scan(&target, &search, &project)?;
    answer.give(cx, &found)?;
    if args.mark {
        for Leaked {
            name, environment, ..
        } in cx.mark_leaked(&reach, &found, &project.config)?
        {
            cx.ui.note(&format!(
                "`{name}` in `{environment}` is marked as leaked: `keyvault status` tells of it until it is rotated"
            ));
        }
    }
    // A commit may take files away alone; else it is a slip that there is nothing to scan.
    let may_be_empty = matches!(target, Target::Staged | Target::Push(_));
    Ok(match found.findings.is_empty() {
        false => Code::Attention,
        true if found.scanned.bytes + found.scanned.allowed_files == 0 && !may_be_empty => {
            Code::Other
        }
        true => Code::Ok,
    })
}

fn say_what_is_left_out(cx: &Context, reach: &VaultValues, left_out: &[LeftOut<'_>]) {
    for LeftOut {
        secret,
        version,
        environment,
        why,
    } in left_out
    {
        cx.ui.note(&format!(
            "`{secret}@{version}` in `{environment}` is not looked for: {why}"
        ));
    }
    for environment in &reach.closed {
        cx.ui.note(&format!(
            "values in `{environment}` are not looked for: you are no member of it"
        ));
    }
}
