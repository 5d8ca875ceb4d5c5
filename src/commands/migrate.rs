//! `keyvault migrate`.

mod answer;

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::Result;

use crate::commands::init::{self, InitArgs};
use crate::commands::migrate::answer::{Done, Fate, Files, Line, Migrated};
use crate::context::Context;
use crate::context::import::Reading;
use crate::context::migration::Project;
use crate::dotenv::Dialect;
use crate::error::{Error, shell_word, shown};
use crate::interchange::read::{Choice, Form};
use crate::migration::files::{Role, role};
use crate::name::{EnvironmentName, SecretName};
use crate::seal::digest::Fingerprint;
use crate::store::VaultStore;
use crate::store::plaintext::Plaintext;
use crate::ui::Format;
use crate::vault::import::{Offered, OnConflict};

/// Move a project from .env files to a vault
///
/// Finds the `.env*` files of this folder, shows which environment each is for,
/// imports them, and shows the lines that start the project's programs as they should
/// read from here on. A vault is made if there is none. Before a file is removed, a
/// program was started with the secrets and saw each of its variables.
#[derive(clap::Args)]
pub struct MigrateArgs {
    /// Import a file into this environment, instead of the one that its name says
    #[arg(long = "map", value_name = "FILE=ENV", value_delimiter = ',')]
    maps: Vec<FileMapping>,

    /// Leave files alone
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    except: Vec<String>,

    /// Whose rules the files follow: node, python, docker, compose, ruby or shell
    /// [default: node]
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<Dialect>,

    /// Resolve references to other variables, as the dialect does
    #[arg(long)]
    expand: bool,

    /// Where a name stands twice in a file, take the last one
    #[arg(long)]
    last_wins: bool,

    /// What to do with secrets that are there with another value: skip or rotate
    #[arg(long, value_name = "WHAT", hide_possible_values = true)]
    on_conflict: Option<Conflict>,

    /// Overwrite and remove the files at the end
    #[arg(long)]
    shred: bool,

    /// Do not ask before the secrets are imported
    #[arg(short, long)]
    yes: bool,

    /// Leave a new identity without a passphrase, see `init`
    #[arg(long)]
    no_passphrase: bool,

    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Conflict {
    Skip,
    Rotate,
}

/// A file and the environment that it is for.
#[derive(Clone)]
struct FileMapping {
    file: String,
    environment: EnvironmentName,
}

impl FromStr for FileMapping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str =
            "a mapping is a file of this folder and an environment, as in `.env.live=prod`";
        let (file, environment) = text.split_once('=').ok_or(RULE)?;
        Ok(Self {
            file: file.to_owned(),
            environment: environment.parse().map_err(|_| RULE)?,
        })
    }
}

/// What an environment gets, and from where.
struct Move {
    environment: EnvironmentName,
    files: Vec<Plaintext>,
    offered: Offered,
    /// In which of the files each value stands.
    from: BTreeMap<SecretName, usize>,
    /// The files whose value of a name another one hides, with the name.
    hidden: BTreeMap<usize, SecretName>,
}

impl Move {
    /// Puts the values of a file over those before it.
    fn lay_over(&mut self, file: Plaintext, offered: Offered) {
        for (name, value) in offered {
            let before = self.from.insert(name.clone(), self.files.len());
            let print = Fingerprint::of(&value, &[]);
            let hidden = self.offered.insert(name.clone(), value);
            if let (Some(file), Some(hidden)) = (before, hidden)
                && Fingerprint::of(&hidden, &[]) != print
            {
                self.hidden.entry(file).or_insert(name);
            }
        }
        self.files.push(file);
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept a file from being read, its secrets from being imported, or a
/// program from seeing them.
pub fn run(args: &MigrateArgs, cx: &Context) -> Result<()> {
    let project = cx.look_for_dotenv()?;
    let lines = lines(args, cx, &project)?;
    let moves = read(args, cx, &lines)?;
    if args.shred {
        let mut files = moves.iter().flat_map(|step| &step.files);
        files.try_for_each(Plaintext::check_removable)?;
    }
    let found = Files {
        files: lines,
        below: project.below.iter().map(|path| shown(path)).collect(),
        above: vault_above(cx)?,
    };
    if args.dry_run {
        return Ok(cx.ui.answer(&found)?);
    }
    if cx.ui.format == Format::Human && !cx.ui.quiet {
        cx.ui.show(&found);
    }
    if moves.iter().all(|step| step.offered.is_empty()) {
        cx.ui
            .note("there is no `.env` file with values in this folder");
        return Ok(());
    }
    if !args.yes {
        cx.ui.confirm("Import them?", "--yes")?;
    }
    let store = store(args, cx, &moves)?;
    let on_conflict = match args.on_conflict {
        None => OnConflict::Refuse,
        Some(Conflict::Skip) => OnConflict::Skip,
        Some(Conflict::Rotate) => OnConflict::Rotate,
    };
    // All of them, before the first is saved.
    for step in &moves {
        check(cx, &store, step, &on_conflict)?;
    }
    let mut done = Vec::with_capacity(moves.len());
    for step in moves {
        let imported = cx.import(&store, &step.environment, step.offered, &on_conflict)?;
        let seen = cx.prove(&store, &step.environment, &imported);
        let seen = seen.inspect_err(|_| {
            cx.ui.warn(&format!(
                "imported into `{}`, and no program was shown to see it: the files are kept",
                step.environment
            ));
        });
        done.push(Done {
            seen: seen?,
            environment: step.environment,
            plan: imported.plan,
            files: step.files,
            hidden: step.hidden,
        });
    }
    let migrated = Migrated {
        environments: done,
        launchers: project.launchers,
    };
    migrated.tell(cx);
    put_away(args, cx, &migrated.environments)?;
    Ok(cx.ui.answer(&migrated)?)
}

/// Decides what each file is for: by what was said, or else by its name.
fn lines(args: &MigrateArgs, cx: &Context, project: &Project) -> Result<Vec<Line>, Error> {
    let mut named = args.maps.iter().map(|map| &map.file).chain(&args.except);
    if named.any(|file| !project.files.iter().any(|found| found.name == *file)) {
        return Err(Error::Usage {
            message: "`--map` and `--except` take `.env` files of this folder, and one that they name is none".to_owned(),
            hint: "run `keyvault migrate --dry-run` to see them".to_owned(),
        });
    }
    let default = cx.environment_to_create()?;
    let lines = project.files.iter().filter_map(|found| {
        let file = &found.name;
        let (role, place) = role(file)?;
        let mapped = args.maps.iter().find(|map| map.file == *file);
        let (fate, environment) = match (role, mapped) {
            _ if args.except.contains(file) => (Fate::Left, None),
            (_, Some(map)) => (Fate::Import, Some(map.environment.clone())),
            _ if !found.is_file => (Fate::NoFile, None),
            (Role::Default, None) => (Fate::Import, Some(default.clone())),
            (Role::Of(environment), None) => (Fate::Import, Some(environment)),
            (Role::Sample, None) => (Fate::Sample, None),
            (Role::Unknown, None) => (Fate::Unknown, None),
        };
        Some(Line {
            file: file.clone(),
            fate,
            environment,
            place,
        })
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.sort_by(|a, b| (&a.environment, a.place).cmp(&(&b.environment, b.place)));
    Ok(lines)
}

/// Reads the files, in the order in which they win.
fn read(args: &MigrateArgs, cx: &Context, lines: &[Line]) -> Result<Vec<Move>, Error> {
    let reading = Reading {
        form: Some(Form::Dotenv),
        dialect: args.dialect,
        expand: args.expand,
        choice: Choice {
            prefix: "",
            only: &[],
        },
        last_wins: args.last_wins,
    };
    let mut moves: Vec<Move> = Vec::new();
    for line in lines {
        let Some(environment) = &line.environment else {
            continue;
        };
        let file = cx.read_plaintext(line.file.as_ref())?;
        let found = cx.find_secrets(std::slice::from_ref(&file), &reading)?;
        match moves.last_mut() {
            Some(last) if last.environment == *environment => {
                let is_in_both = |name: &&SecretName| last.offered.contains_key(*name);
                let twice: Vec<_> = found.offered.keys().filter(is_in_both).collect();
                let before = last.files.last().map(|file| shown(file.path()));
                tell_twice(cx, &twice, &before.unwrap_or_default(), line, lines)?;
                last.lay_over(file, found.offered);
            }
            _ => {
                let mut first = Move {
                    environment: environment.clone(),
                    files: Vec::new(),
                    offered: Offered::new(),
                    from: BTreeMap::new(),
                    hidden: BTreeMap::new(),
                };
                first.lay_over(file, found.offered);
                moves.push(first);
            }
        }
    }
    Ok(moves)
}

/// Tells which values of a file are hidden by those of a later one. Where nothing says
/// which of the two is the later, nothing is imported.
fn tell_twice(
    cx: &Context,
    twice: &[&SecretName],
    before: &str,
    line: &Line,
    lines: &[Line],
) -> Result<(), Error> {
    let (Some(first), Some(environment)) = (twice.first(), &line.environment) else {
        return Ok(());
    };
    let is_same =
        |other: &Line| (&other.environment, other.place) == (&line.environment, line.place);
    if lines.iter().filter(|other| is_same(other)).count() > 1 {
        return Err(Error::Usage {
            message: format!(
                "`{before}` and `{}` are both for `{environment}`, and both have `{first}`",
                shown(line.file.as_ref())
            ),
            hint: format!(
                "say which is for another environment, as in `--map {}=NAME`, or leave one out with `--except {}`",
                shell_word(line.file.as_ref()),
                shell_word(line.file.as_ref())
            ),
        });
    }
    let names: Vec<_> = twice.iter().map(|name| format!("`{name}`")).collect();
    cx.ui.note(&format!(
        "`{}` wins over the files before it for {}",
        shown(line.file.as_ref()),
        names.join(", ")
    ));
    Ok(())
}

/// Returns the vault of a folder above, where there is none here and none was named.
fn vault_above(cx: &Context) -> Result<Option<String>> {
    if cx.named_vault().is_some() {
        return Ok(None);
    }
    let here = cx.working_folder()?;
    let found = VaultStore::find(&here)?;
    let path = found.filter(|path| path.parent() != Some(&*here));
    Ok(path.map(|path| shown(&path)))
}

/// Opens the project's vault, or makes it. The personal one is not meant.
fn store(args: &MigrateArgs, cx: &Context, moves: &[Move]) -> Result<VaultStore> {
    let is_named = cx.named_vault().is_some();
    if is_named || VaultStore::find(&cx.working_folder()?)?.is_some() {
        return Ok(cx.store()?);
    }
    let first = moves.first().map(|step| step.environment.clone());
    let first = first.expect("there is something to import");
    if let Some(made) = init::make(&InitArgs::of_project(args.no_passphrase), cx, first)? {
        let mut text = Vec::new();
        let written = made.write(&mut text);
        let text = String::from_utf8_lossy(&text);
        if written.is_ok() {
            text.lines().for_each(|line| cx.ui.note(line));
        }
    }
    Ok(cx.store()?)
}

/// Makes sure that an environment will take what it is to get.
fn check(
    cx: &Context,
    store: &VaultStore,
    step: &Move,
    on_conflict: &OnConflict,
) -> Result<(), Error> {
    if !store.has(&step.environment)? {
        return Ok(());
    }
    let environment = cx.open(store, &step.environment)?.environment()?;
    cx.check_writer(&environment)?;
    let plan = environment.plan_import(&step.offered, on_conflict)?;
    if plan.conflicts.is_empty() {
        return Ok(());
    }
    Err(Error::ImportConflict {
        names: plan.conflicts,
        environment: step.environment.clone(),
    })
}

/// Deals with the files whose values programs see from the vault.
fn put_away(args: &MigrateArgs, cx: &Context, done: &[Done]) -> Result<()> {
    let files = || {
        done.iter().flat_map(|step| {
            step.files
                .iter()
                .zip(0..)
                .map(move |(file, at)| (step, file, step.hidden.get(&at)))
        })
    };
    files().for_each(|(_, file, _)| cx.keep_from_git(file.path()));
    // What was skipped, or hidden by another file, is in its file alone.
    let is_whole =
        |step: &Done, hidden: Option<&SecretName>| step.plan.skipped.is_empty() && hidden.is_none();
    let removable = files()
        .filter(|(step, file, hidden)| is_whole(step, *hidden) && file.check_removable().is_ok());
    let names: Vec<String> = removable.map(|(_, file, _)| shown(file.path())).collect();
    let is_agreed = args.shred
        || (!args.yes && !names.is_empty() && cx.ui.can_ask() && {
            let question = format!("Overwrite and remove {}?", names.join(", "));
            match cx.ui.confirm(&question, "--shred") {
                Err(Error::Declined) => false,
                answer => answer.map(|()| true)?,
            }
        });
    for (step, file, hidden) in files() {
        let name = shown(file.path());
        if is_agreed && names.contains(&name) {
            cx.shred(file, true)?;
            continue;
        }
        let again = format!(
            "; to overwrite and remove it, run `keyvault import {} --env {} --dialect {} --shred`",
            shell_word(file.path()),
            step.environment,
            args.dialect.unwrap_or_default()
        );
        let again = match hidden {
            Some(name) => format!(", whose value of `{name}` is in no vault"),
            None if is_whole(step, None) => again,
            None => String::new(),
        };
        cx.ui
            .note(&format!("the plaintext is still in `{name}`{again}"));
    }
    Ok(())
}
