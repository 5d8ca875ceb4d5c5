//! `keyvault exec`.

mod env_file;
mod plan;
mod stay;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use clap::Args as _;

use crate::child::environment::{self, KeepExisting, Rules};
use crate::child::masked::Streams;
use crate::child::secret_file::SecretFiles;
use crate::child::supervise::{self, Waiting};
use crate::commands::exec::env_file::Setting;
use crate::commands::exec::plan::Plan;
use crate::commands::options::selection::SelectionArgs;
use crate::context::dates::Given;
use crate::context::{Context, arguments};
use crate::error::{Error, lacking};
use crate::name::{EnvironmentName, SecretName, closest};
use crate::store::manifest::Manifest;
use crate::vault::layers::Layers;
use crate::vault::selection::{Chosen, Selection};

/// Run a program with the secrets in its environment
///
/// keyvault becomes the program: signals, job control, exit code and terminal are
/// the program's own. What a secret is named, the program finds as a variable, in
/// the place of one it would have inherited.
///
/// With --file it stays, to remove the files when the program has ended, and is not
/// to be noticed: the program gets the signals that are sent to keyvault, and
/// keyvault stops and ends as the program does. So it does with --mask.
///
/// The exit code is the program's, or 125 if keyvault failed, 126 if the program
/// cannot be executed, 127 if there is none.
#[derive(Default, clap::Args)]
#[command(override_usage = "keyvault exec [OPTIONS] [--] PROGRAM [ARGUMENT]...")]
pub struct ExecArgs {
    #[command(flatten)]
    selection: SelectionArgs,

    /// Pass a secret on under another name
    #[arg(long = "map", value_name = "VAR=NAME", value_delimiter = ',')]
    maps: Vec<Mapping>,

    /// Set the variables of a `.env` file, whose values may refer to secrets, as in
    /// `A=keyvault://NAME` and `B=https://x:{{ NAME | url }}@y` (may be repeated). Of the
    /// vault it then gets what the file refers to and what options choose
    #[arg(long = "env-file", value_name = "FILE")]
    env_files: Vec<PathBuf>,

    /// Pass a secret on in a file, and its path in NAME_FILE or VAR; NAME is not set
    #[arg(long = "file", value_name = "NAME[=VAR]", value_delimiter = ',')]
    files: Vec<FileMapping>,

    /// Inherit nothing but PATH, HOME, USER, LOGNAME, SHELL, TERM, COLORTERM,
    /// NO_COLOR, LANG, LANGUAGE, LC_*, TZ, TMPDIR, PWD, XDG_RUNTIME_DIR
    #[arg(long, aliases = ["pristine", "no-inherit"])]
    clean_env: bool,

    /// Let inherited variables go before secrets: all, or these
    #[arg(long, value_name = "NAME,…", num_args = 0..=1, require_equals = true, value_delimiter = ',', alias = "preserve-env")]
    keep_existing: Option<Vec<SecretName>>,

    /// Pass on a secret though its name takes programs over, as PATH does
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    allow_dangerous: Vec<SecretName>,

    /// Pass on what has expired, too, with a warning
    #[arg(long)]
    allow_expired: bool,

    /// Run nothing if `.env.example` lists a name that the program would not find
    #[arg(long)]
    require: bool,

    /// Replace values in what the program prints by [NAME], also where they are encoded
    /// in base64, hexadecimal, URLs or JSON
    #[arg(long)]
    mask: bool,

    /// Say what would be passed on, without values, and run nothing
    #[arg(long)]
    dry_run: bool,

    /// The program and its arguments; `--` before them is optional
    #[arg(
        value_name = "PROGRAM",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    program: Vec<OsString>,
}

impl ExecArgs {
    /// Takes a program with its arguments and no option.
    pub fn of(program: &[OsString]) -> Self {
        Self {
            program: program.to_vec(),
            ..Self::default()
        }
    }
}

/// A variable and the secret that it gets.
#[derive(Clone)]
pub struct Mapping {
    variable: SecretName,
    secret: SecretName,
}

impl FromStr for Mapping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str =
            "a mapping is a variable and a secret's name, as in `DATABASE_URL=PROD_DB_URL`";
        let (variable, secret) = text.split_once('=').ok_or(RULE)?;
        let (variable, secret) = (
            variable.parse().map_err(|_| RULE)?,
            secret.parse().map_err(|_| RULE)?,
        );
        Ok(Self { variable, secret })
    }
}

/// A secret and the variable that gets the path of its file.
#[derive(Clone)]
pub struct FileMapping {
    variable: SecretName,
    secret: SecretName,
}

impl FromStr for FileMapping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "it takes a secret's name, and a variable if that is not to be `NAME_FILE`, as in `TLS_KEY=KEY_PATH`";
        let (secret, variable) = match text.split_once('=') {
            Some((secret, variable)) => (secret, variable.to_owned()),
            // As Docker's official images have it.
            None => (text, format!("{text}_FILE")),
        };
        Ok(Self {
            variable: variable.parse().map_err(|_| RULE)?,
            secret: secret.parse().map_err(|_| RULE)?,
        })
    }
}

/// Runs the command. Returns only where keyvault does not become the program: with
/// the exit code of one that it stayed with.
///
/// # Errors
///
/// Whatever kept the program from being started, as [`Error::Exec`].
pub fn run(args: &ExecArgs, cx: &Context) -> Result<u8> {
    execute(args, cx).map_err(|error| Error::Exec(Box::new(error)).into())
}

fn execute(args: &ExecArgs, cx: &Context) -> Result<u8, Error> {
    let program = program(args)?;
    let store = cx.store()?;
    let layers = cx.open_layers(&store)?;
    let mut inherited = environment::inherited(cx.inherited(), args.clean_env);
    let serving = cx.serving(args.allow_expired);
    let settings = env_file::read(&args.env_files, &args.allow_dangerous, serving, cx, &layers)?;
    let mut secrets = choose(args, cx, &layers)?;
    lay_over(&mut secrets, &settings, args, &layers);
    let has = |name: &SecretName| {
        let inherits = |(inherited, _): &(OsString, OsString)| inherited == name.as_str();
        layers.has(name)
            || secrets.iter().any(|secret| secret.variable == name)
            || inherited.iter().any(inherits)
    };
    check_manifest(args, cx, store.path(), has, &layers.top().name)?;
    let rules = Rules {
        keep_existing: match &args.keep_existing {
            None => KeepExisting::None,
            Some(names) if names.is_empty() => KeepExisting::All,
            Some(names) => KeepExisting::Only(names.clone()),
        },
        allow_dangerous: &args.allow_dangerous,
    };
    let kept = environment::admit(&inherited, &mut secrets, &rules)?;
    let given = given(&secrets, &settings);
    cx.warn_of_expired(given.iter().copied());
    if args.dry_run {
        return cx.ui.answer(&Plan::of(&secrets, kept)).map(|()| 0);
    }
    let Some((program, arguments)) = program else {
        return Ok(0);
    };
    cx.warn_of_expiring(layers.top().vault, &given);
    cx.log_use(layers.names(), uses(&secrets, &settings), Some(program))?;
    if args.mask || secrets.iter().any(|secret| secret.is_file) {
        environment::make_way_for_files(&mut inherited, &secrets);
        let masks = args.mask.then(|| stay::masks(&secrets, &settings, cx));
        let streams = masks.as_ref().map(Streams::open).transpose()?;
        let command = (program.as_os_str(), arguments);
        let (running, files) = stay::start(command, streams.as_ref(), &inherited, &secrets, cx)?;
        // It may run for long.
        drop((secrets, inherited));
        drop(settings);
        drop(layers);
        let status = match streams {
            Some(streams) => streams.stay(running, program),
            None => running.stay(&mut Waiting),
        };
        if let Some(Err(error)) = files.map(SecretFiles::remove) {
            cx.ui.warn(&error.to_string());
        }
        return Ok(supervise::end_as(status?));
    }
    let variables = secrets.iter().map(|secret| (secret.variable, secret.value));
    let variables = environment::overlay(&inherited, variables);
    let error = cx.become_program(program, arguments, variables);
    Err(environment::explain(error, &secrets))
}

/// Returns the versions of secrets that the program gets, also within settings.
fn uses(secrets: &[Chosen<'_>], settings: &BTreeMap<SecretName, Setting<'_>>) -> Vec<String> {
    let secrets = secrets.iter().filter(|secret| secret.env_file.is_none());
    let referred = settings.values().flat_map(|setting| &setting.secrets);
    let referred = referred.map(|(name, served)| served.reference(name));
    secrets.map(Chosen::reference).chain(referred).collect()
}

/// Splits the program from its arguments.
fn program(args: &ExecArgs) -> Result<Option<(&OsString, &[OsString])>, Error> {
    let usage = |message: String, hint: Option<String>| {
        let hint = hint.unwrap_or_else(|| {
            "run `keyvault exec -- PROGRAM`; `keyvault exec --help` shows its options".to_owned()
        });
        Err(Error::Usage { message, hint })
    };
    match args.program.split_first() {
        None if args.dry_run => Ok(None),
        None => usage("no program was named".to_owned(), None),
        // Not behind `--`, and so an option that clap did not know.
        Some((first, _))
            if first.as_encoded_bytes().starts_with(b"-") && !is_behind_dashes(args) =>
        {
            let meant = first.to_str().and_then(closest_option);
            let hint = meant.map(|option| format!("did you mean `{option}`?"));
            usage(
                "an option of `exec` is not known, or `--` is missing before the program"
                    .to_owned(),
                hint,
            )
        }
        Some(split) => Ok(Some(split)),
    }
}

/// Tells whether `--` stands before the program, where clap does not tell.
fn is_behind_dashes(args: &ExecArgs) -> bool {
    let all: Vec<OsString> = arguments().collect();
    let before = all.len().checked_sub(args.program.len() + 1);
    before.is_some_and(|at| all[at] == "--")
}

fn closest_option(text: &str) -> Option<String> {
    let command = ExecArgs::augment_args(clap::Command::default());
    let options = command
        .get_arguments()
        .filter_map(|argument| argument.get_long());
    let options: Vec<String> = options.map(|name| format!("--{name}")).collect();
    closest(text.split('=').next()?, &options).cloned()
}

fn choose<'a>(
    args: &'a ExecArgs,
    cx: &Context,
    layers: &'a Layers,
) -> Result<Vec<Chosen<'a>>, Error> {
    let maps = args
        .maps
        .iter()
        .map(|map| (&map.variable, &map.secret))
        .collect();
    let serving = cx.serving(args.allow_expired);
    let selection = Selection {
        maps,
        files: args
            .files
            .iter()
            .map(|file| (&file.variable, &file.secret))
            .collect(),
        ..args.selection.selection()
    };
    // A file says what the program gets, unless options do.
    let selected = if args.env_files.is_empty() || args.selection.narrows() {
        selection.of(layers, serving)?
    } else {
        selection.of_maps(layers, serving)?
    };
    for name in &selected.revoked {
        cx.ui.warn(&format!("`{name}` is revoked and was left out"));
    }
    Ok(selected.chosen)
}

/// Tells which names the project's manifest lists and the program would not find.
///
/// # Errors
///
/// The same, with `--require`: [`Error::Lacking`], [`Error::BadManifest`], or
/// [`Error::Usage`] where there is no manifest.
fn check_manifest(
    args: &ExecArgs,
    cx: &Context,
    vault: &Path,
    has: impl Fn(&SecretName) -> bool,
    environment: &EnvironmentName,
) -> Result<(), Error> {
    let names = match Manifest::beside(vault) {
        Ok(Some(manifest)) => manifest.lacking(has),
        Ok(None) if args.require => {
            return Err(Error::Usage {
                message: "`--require` needs a `.env.example` beside `.keyvault`, and there is none"
                    .to_owned(),
                hint: "run `keyvault export --example -o .env.example` to write it".to_owned(),
            });
        }
        Ok(None) => return Ok(()),
        Err(error) if args.require => return Err(error),
        Err(error) => {
            cx.ui.warn(&error.to_string());
            return Ok(());
        }
    };
    match names.as_slice() {
        [] => {}
        _ if args.require => {
            return Err(Error::Lacking {
                names,
                environment: environment.clone(),
            });
        }
        names => cx.ui.note(&lacking(names, environment)),
    }
    Ok(())
}

/// Returns what the program gets of the vault, also within settings, with its dates.
fn given<'a>(
    secrets: &[Chosen<'a>],
    settings: &'a BTreeMap<SecretName, Setting<'a>>,
) -> Vec<Given<'a>> {
    let referred = settings.values().flat_map(|setting| &setting.secrets);
    let referred = referred.map(|(name, served)| Given::served(name, served));
    let chosen = secrets.iter().filter_map(Given::chosen);
    chosen.chain(referred).collect()
}

/// Puts settings in the place of secrets that were chosen under the same name, unless
/// the command line itself maps one to it.
fn lay_over<'a>(
    secrets: &mut Vec<Chosen<'a>>,
    settings: &'a BTreeMap<SecretName, Setting<'_>>,
    args: &ExecArgs,
    layers: &'a Layers,
) {
    // What is passed on in a file is not to be found as a value, too.
    let is_mapped = |name: &SecretName| {
        let mut files = args.files.iter();
        files.any(|file| file.variable == *name || file.secret == *name)
            || args.maps.iter().any(|map| map.variable == *name)
    };
    secrets.retain(|secret| !settings.contains_key(secret.variable) || is_mapped(secret.variable));
    let settings = settings.iter().filter(|(name, _)| !is_mapped(name));
    secrets.extend(settings.map(|(variable, setting)| Chosen {
        variable,
        name: variable,
        environment: &layers.top().name,
        version: 0,
        expires_at: setting.expires_at(),
        value: &setting.value,
        env_file: Some(&setting.file),
        is_file: false,
    }));
}
