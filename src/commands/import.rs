//! `keyvault import`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::child::environment::is_dangerous;
use crate::commands::add::confirm_creation;
use crate::commands::options::lifetime::{tell_destroyed, tell_retiring};
use crate::context::Context;
use crate::context::import::Reading;
use crate::dotenv::Dialect;
use crate::error::{Error, shell_word, shown};
use crate::interchange::read::{Choice, Form};
use crate::name::{EnvironmentName, SecretName};
use crate::secret_value::SecretValue;
use crate::store::plaintext::Plaintext;
use crate::ui::{Report, table};
use crate::vault::import::{Offered, OnConflict, Plan, Retiring};
use crate::vault::policy::Surplus;
use crate::vault::selection::NamePattern;

/// How many names a question lists.
const NAMES_IN_QUESTION: usize = 8;

/// Take secrets over from .env, JSON, YAML and TOML files
///
/// All of them or none. JSON may also be what `doppler secrets download`, `infisical
/// export`, `vault kv get`, `aws secretsmanager get-secret-value` and `op item get`
/// print. Afterwards each value is read back out of the vault and compared, and git
/// is told to ignore the file.
#[derive(clap::Args)]
pub struct ImportArgs {
    /// The files; `-` for stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// How they are written [default: by name or content]
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<Form>,

    /// Whose rules a .env file follows: node, python, docker, compose, ruby or shell
    /// [default: node]
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<Dialect>,

    /// Resolve references to other variables in a .env file, as its dialect does
    #[arg(long)]
    expand: bool,

    /// Put this before each name
    #[arg(long, value_name = "PREFIX", default_value = "", value_parser = prefix, hide_default_value = true)]
    prefix: String,

    /// Import only these secrets; `*` stands for any letters. Names are those of the
    /// file, without a prefix
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<NamePattern>,

    /// Where a name stands twice, take the last one
    #[arg(long)]
    last_wins: bool,

    /// What to do with secrets that are there with another value: ask, skip or
    /// rotate [default: ask; without a terminal nothing is imported then]
    #[arg(long, value_name = "WHAT", hide_possible_values = true)]
    on_conflict: Option<ConflictArg>,

    /// Make the environment if there is none of this name
    #[arg(long)]
    create_env: bool,

    /// Overwrite and remove the files once their values are read back (asks)
    #[arg(long)]
    shred: bool,

    /// Do not ask before a file is removed
    #[arg(short, long, requires = "shred")]
    yes: bool,

    /// Say what would be done, without values, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What to do with secrets that are there with another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ConflictArg {
    Ask,
    Skip,
    Rotate,
}

impl ConflictArg {
    /// Returns what that means as long as nobody was asked.
    pub fn unasked(arg: Option<Self>) -> OnConflict {
        match arg {
            None | Some(Self::Ask) => OnConflict::Refuse,
            Some(Self::Skip) => OnConflict::Skip,
            Some(Self::Rotate) => OnConflict::Rotate,
        }
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let name: Result<SecretName, _> = text.parse();
    match name {
        _ if text.is_empty() => Ok(String::new()),
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("a prefix is the beginning of a secret's name".to_owned()),
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secrets from being imported, and then none was; or what kept a
/// file from being removed, once they were.
pub fn run(args: &ImportArgs, cx: &Context) -> Result<()> {
    if args.shred && !args.yes && !args.dry_run && !cx.ui.can_ask() {
        // Before, and not once half of it is done.
        return Err(Error::Unasked {
            question: "whether to remove the files".to_owned(),
            flag: "--yes",
        }
        .into());
    }
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let files = args.files.iter().map(|path| cx.read_plaintext(path));
    let files: Vec<Plaintext> = files.collect::<Result<_, _>>()?;
    if args.shred {
        files.iter().try_for_each(Plaintext::check_removable)?;
    }
    let found = cx.find_secrets(&files, &args.reading())?;
    if args.shred && found.left_out > 0 {
        return Err(Error::Usage {
            message: "values that are not imported would be lost with their file".to_owned(),
            hint: "nothing was imported; leave out `--shred`, and `--only` if it is there"
                .to_owned(),
        }
        .into());
    }
    let offered = found.offered;
    if offered.is_empty() {
        cx.ui.note("there is nothing to import");
        let nothing = Plan::default();
        return Ok(cx.ui.outcome(&Outcome::of(&environment, &nothing, 0))?);
    }
    let odd = odd_names(&offered);
    if !args.dry_run && !store.has(&environment)? {
        confirm_creation(args.create_env, cx, &store, &environment)?;
    }
    let plan = cx.plan_import(&store, &environment, &offered, &args.on_conflict())?;
    if args.dry_run {
        return Ok(cx.ui.answer(&Planned::of(&environment, &plan))?);
    }
    let on_conflict = settle(args, plan, &environment, cx)?;
    let imported = cx.import(&store, &environment, offered, &on_conflict)?;
    let read_back = imported.values.len();
    cx.ui
        .outcome(&Outcome::of(&environment, &imported.plan, read_back))?;
    odd.iter().for_each(|text| cx.ui.warn(text));
    put_away(args, &files, &environment, &imported.plan, cx)
}

impl ImportArgs {
    fn reading(&self) -> Reading<'_> {
        Reading {
            form: self.format,
            dialect: self.dialect,
            expand: self.expand,
            choice: Choice {
                prefix: &self.prefix,
                only: &self.only,
            },
            last_wins: self.last_wins,
        }
    }

    fn on_conflict(&self) -> OnConflict {
        ConflictArg::unasked(self.on_conflict)
    }

    /// Writes the command that removes what this one left.
    fn shredding(&self, files: &[&Path], environment: &EnvironmentName) -> String {
        let files: Vec<_> = files.iter().map(|path| shell_word(path)).collect();
        let mut command = format!("keyvault import {}", files.join(" "));
        let mut option = |text: String| {
            command.push(' ');
            command.push_str(&text);
        };
        option(format!("--env {environment}"));
        if let Some(form) = self
            .format
            .and_then(|form| clap::ValueEnum::to_possible_value(&form))
        {
            option(format!("--format {}", form.get_name()));
        }
        if let Some(dialect) = self.dialect {
            option(format!("--dialect {dialect}"));
        }
        if !self.prefix.is_empty() {
            option(format!("--prefix {}", self.prefix));
        }
        for (is_given, name) in [(self.expand, "--expand"), (self.last_wins, "--last-wins")] {
            if is_given {
                option(name.to_owned());
            }
        }
        option("--shred".to_owned());
        command
    }
}

/// Says what a person may not have meant.
fn odd_names(offered: &Offered) -> Vec<String> {
    let listed = |is_odd: &dyn Fn(&SecretName, &SecretValue) -> bool| {
        let names = offered.iter().filter(|(name, value)| is_odd(name, value));
        let names: Vec<_> = names.map(|(name, _)| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let empty = listed(&|_, value| value.is_empty());
    let dangerous = listed(&|name, _| is_dangerous(name.as_str()));
    let odd = [
        empty.map(|names| format!("empty: {names}")),
        dangerous.map(|names| {
            format!("can take a program over, and is passed on by `exec` only with `--allow-dangerous`: {names}")
        }),
    ];
    odd.into_iter().flatten().collect()
}

/// Decides what to do with conflicts, before the vault is locked.
fn settle(args: &ImportArgs, plan: Plan, to: &EnvironmentName, cx: &Context) -> Result<OnConflict> {
    if args.shred && !plan.skipped.is_empty() {
        return Err(Error::Usage {
            message: "values that `--on-conflict skip` leaves out would be lost with their file"
                .to_owned(),
            hint: "nothing was imported; pass `--on-conflict rotate`, or leave out `--shred`"
                .to_owned(),
        }
        .into());
    }
    let names = plan.conflicts;
    if names.is_empty() {
        return Ok(args.on_conflict());
    }
    Ok(ask_about(names, to, cx)?)
}

/// Asks whether secrets that are there may have other values.
///
/// # Errors
///
/// [`Error::ImportConflict`] where nobody can be asked; [`Error::Declined`].
pub fn ask_about(
    names: Vec<SecretName>,
    to: &EnvironmentName,
    cx: &Context,
) -> Result<OnConflict, Error> {
    if !cx.ui.can_ask() {
        let environment = to.clone();
        return Err(Error::ImportConflict { names, environment });
    }
    let (first, more) = names.split_at(names.len().min(NAMES_IN_QUESTION));
    let first: Vec<_> = first.iter().map(SecretName::as_str).collect();
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let first = first.join(", ");
    let question = format!("In {to} with other values: {first}{more}. Give them the new ones?");
    cx.ui.confirm(&question, "--on-conflict rotate")?;
    Ok(OnConflict::RotateThese(names))
}

/// Deals with the files whose values are in the vault.
fn put_away(
    args: &ImportArgs,
    files: &[Plaintext],
    environment: &EnvironmentName,
    plan: &Plan,
    cx: &Context,
) -> Result<()> {
    // Somebody else may have been quicker than we were to ask.
    let is_whole = args.only.is_empty() && plan.skipped.is_empty();
    let mut left = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        cx.keep_from_git(file.path());
        if !(args.shred && is_whole && cx.shred(file, args.yes)?) {
            left.push(file.path());
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = left
        .iter()
        .map(|path| format!("`{}`", shown(path)))
        .collect();
    let names = names.join(", ");
    cx.ui.note(&if args.shred || !is_whole {
        format!("the plaintext is still in {names}")
    } else {
        let command = args.shredding(&left, environment);
        format!("the plaintext is still in {names}; to overwrite and remove it, run `{command}`")
    });
    Ok(())
}

/// Secrets were imported.
#[derive(Serialize)]
struct Outcome<'a> {
    environment: &'a EnvironmentName,
    added: &'a [SecretName],
    rotated: &'a [SecretName],
    unchanged: &'a [SecretName],
    skipped: &'a [SecretName],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    destroyed: &'a [Surplus],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    retiring: &'a [Retiring],
    #[serde(skip)]
    counts: String,
    /// How many values were read back out of the vault and found to be those that were
    /// imported.
    read_back: usize,
}

impl<'a> Outcome<'a> {
    fn of(environment: &'a EnvironmentName, plan: &'a Plan, read_back: usize) -> Self {
        Self {
            environment,
            added: &plan.added,
            rotated: &plan.rotated,
            unchanged: &plan.unchanged,
            skipped: &plan.skipped,
            destroyed: &plan.destroyed,
            retiring: &plan.retiring,
            counts: plan.counts(),
            read_back,
        }
    }
}

impl Report for Outcome<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.counts.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "imported into `{}`: {}{}",
            self.environment,
            self.counts,
            match self.read_back {
                0 => String::new(),
                count => format!("; {count} read back and compared"),
            }
        )?;
        tell_destroyed(self.destroyed, out)?;
        tell_retiring(self.retiring, self.environment, out)
    }
}

/// What an import would do.
#[derive(Serialize)]
struct Planned<'a> {
    environment: &'a EnvironmentName,
    dry_run: bool,
    #[serde(flatten)]
    plan: &'a Plan,
}

impl<'a> Planned<'a> {
    fn of(environment: &'a EnvironmentName, plan: &'a Plan) -> Self {
        Self {
            environment,
            dry_run: true,
            plan,
        }
    }
}

impl Report for Planned<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Plan {
            added,
            rotated,
            unchanged,
            skipped,
            conflicts,
            destroyed: _,
            retiring: _,
        } = self.plan;
        let lists = [
            ("added", added),
            ("rotated", rotated),
            ("unchanged", unchanged),
            ("skipped", skipped),
            ("in conflict", conflicts),
        ];
        let mut rows: Vec<_> = lists
            .iter()
            .flat_map(|(what, names)| {
                names
                    .iter()
                    .map(|name| vec![name.to_string(), (*what).to_owned()])
            })
            .collect();
        rows.sort();
        table::write(out, &["NAME", "WOULD BE"], rows)
    }
}
