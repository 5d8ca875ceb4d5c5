//! The command line: the subcommands, the options that they share, and the words
//! for a line that does not parse.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::commands::completions::Shell;
use crate::commands::{
    add, audit, clipboard_guard, completions, doctor, env, exec, expire, export, get, history,
    hook, identity, import, init, list, lock, man, migrate, policy, remove, render, revoke,
    rollback, rotate, scan, shell, snooze, status, trust, unlock,
};
use crate::context::{Context, Options, shell_to_complete};
use crate::error::{Code, Error, shell_word};
use crate::name::{EnvironmentName, NameRule, Remark, closest};
use crate::store::audit_log::OWN_COMMAND;
use crate::ui::{Color, Format, Ui};

/// Keep API keys out of plaintext files: named secrets per environment, in
/// age-encrypted files, handed to the programs that need them
#[derive(Parser)]
#[command(name = "keyvault", version, max_term_width = 100, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,

    #[command(subcommand)]
    command: Command,
}

/// What the help of the program has, and that of no subcommand.
const USAGE_OF_ALL: &str = "Usage: keyvault [OPTIONS] <COMMAND>";

const AFTER_HELP: &str = "\
Variables:
  KEYVAULT_ENV                 environments, as --env
  KEYVAULT_VAULT               the vault's folder, as --vault
  KEYVAULT_VAULT_ID            the only vault to accept, for CI
  KEYVAULT_IDENTITY_FILE       the identity file, as --identity
  KEYVAULT_IDENTITY            the identity itself, for CI
  KEYVAULT_PASSPHRASE_FILE     a file with the identity's passphrase
  KEYVAULT_PASSPHRASE_COMMAND  a command that prints it
  KEYVAULT_NO_INPUT            never ask, as --no-input
  KEYVAULT_REASON              why, as --reason
  KEYVAULT_AUDIT               `required`: nothing is given out or changed that cannot be
                               written to the audit log

Exit codes:
  0 ok · 1 other · 2 usage · 3 no such secret, environment or vault
  4 cannot unlock, or not a member · 5 refused: revoked or expired
  6 damaged, forged or rolled back · 7 in use or conflict
  8 attention (status, doctor, scan, rotate --due, revoke --all-envs)
  130 interrupted at a prompt or in a hook
  exec: the program's own (128+n by signal), 125 keyvault failed,
        126 cannot execute, 127 not found";

// The options of every subcommand, which may stand before or after it. (Not a
// doc comment: clap would take it for the subcommand's own.)
//
// They are given to the program and again to each subcommand. Global ones of the
// program alone would be copied into all of its subcommands at every start.
#[derive(Default, clap::Args)]
#[command(next_help_heading = "Options of every command")]
struct GlobalArgs {
    /// The environment; several are layers, of which the right one wins
    /// [default: dev, or the only one there is]
    #[arg(short, long, global = true, value_name = "NAME,…", value_delimiter = ',', value_parser = environment, aliases = ["environment", "profile"])]
    env: Vec<EnvironmentName>,

    /// The vault's folder [default: the nearest .keyvault, or the personal vault]
    #[arg(long, global = true, value_name = "DIR")]
    vault: Option<PathBuf>,

    /// The identity file
    #[arg(short, long, global = true, value_name = "FILE")]
    identity: Option<PathBuf>,

    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,

    /// The bare answer: no news, and in a list only names
    #[arg(short, long, global = true)]
    quiet: bool,

    /// Never ask anything: fail instead
    #[arg(long, global = true)]
    no_input: bool,

    /// Say why, for the audit log
    #[arg(long, global = true, value_name = "TEXT")]
    reason: Option<Remark>,

    /// When to use colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", hide_possible_values = true)]
    color: Option<Color>,
}

impl GlobalArgs {
    /// Adds what stood before the subcommand to what stands behind it, which wins.
    fn after(mut self, before: Self) -> Self {
        if self.env.is_empty() {
            self.env = before.env;
        }
        Self {
            env: self.env,
            vault: self.vault.or(before.vault),
            identity: self.identity.or(before.identity),
            json: self.json || before.json,
            quiet: self.quiet || before.quiet,
            no_input: self.no_input || before.no_input,
            reason: self.reason.or(before.reason),
            color: self.color.or(before.color),
        }
    }

    /// Parts them into where to look, and how to speak.
    fn split(self, command: &'static str) -> (Options, Ui) {
        let format = if self.json {
            Format::Json
        } else {
            Format::Human
        };
        let color = self.color.unwrap_or_default();
        let place = [("--vault", &self.vault), ("--identity", &self.identity)];
        let place = place.into_iter().filter_map(|(option, path)| {
            let path = path.as_ref()?;
            Some(format!("{option} {}", shell_word(path)))
        });
        let ui = Ui {
            format,
            quiet: self.quiet,
            color,
            input: !self.no_input,
            place: place.collect::<Vec<_>>().join(" "),
        };
        let options = Options {
            environments: self.env,
            vault: self.vault,
            identity: self.identity,
            reason: self.reason,
            command,
        };
        (options, ui)
    }
}

// A subcommand's own arguments and the options of every one.
#[derive(clap::Args)]
struct With<T: clap::Args> {
    #[command(flatten)]
    args: T,

    #[command(flatten)]
    global: GlobalArgs,
}

impl<T: clap::Args> With<T> {
    fn only(args: T) -> Self {
        Self {
            args,
            global: GlobalArgs::default(),
        }
    }
}

#[derive(clap::Subcommand)]
#[command(defer = true)]
enum Command {
    Init(With<init::InitArgs>),
    Migrate(With<migrate::MigrateArgs>),
    Import(With<import::ImportArgs>),
    #[command(visible_alias = "set")]
    Add(With<add::AddArgs>),
    Get(With<get::GetArgs>),
    #[command(visible_alias = "ls")]
    List(With<list::ListArgs>),
    #[command(visible_aliases = ["run", "x"])]
    Exec(With<exec::ExecArgs>),
    Export(With<export::ExportArgs>),
    Render(With<render::RenderArgs>),
    Rotate(With<rotate::RotateArgs>),
    History(With<history::HistoryArgs>),
    Rollback(With<rollback::RollbackArgs>),
    Expire(With<expire::ExpireArgs>),
    Policy(With<policy::PolicyArgs>),
    Revoke(With<revoke::RevokeArgs>),
    Hook(With<hook::HookArgs>),
    #[command(visible_alias = "rm", aliases = ["unset", "delete"])]
    Remove(With<remove::RemoveArgs>),
    Env(With<env::EnvArgs>),
    Identity(With<identity::IdentityArgs>),
    Unlock(With<unlock::UnlockArgs>),
    Lock(With<lock::LockArgs>),
    Trust(With<trust::TrustArgs>),
    Status(With<status::StatusArgs>),
    Snooze(With<snooze::SnoozeArgs>),
    Audit(With<audit::AuditArgs>),
    Scan(With<scan::ScanArgs>),
    Doctor(With<doctor::DoctorArgs>),
    Completions(With<completions::CompletionsArgs>),
    Man(With<man::ManArgs>),
    Shell(With<shell::ShellArgs>),
    #[command(hide = true)]
    ClipboardGuard(With<clipboard_guard::ClipboardGuardArgs>),
}

fn is_option(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"-")
}

/// Reads an environment's name, and answers what other tools mean by `-e`.
fn environment(text: &str) -> Result<EnvironmentName, String> {
    if text.contains('=') {
        return Err("`-e` names an environment; to set a variable, write `keyvault exec -- env A=b PROGRAM`".to_owned());
    }
    text.parse().map_err(|rule: NameRule| rule.to_string())
}

impl Cli {
    /// Parses a command line.
    ///
    /// # Errors
    ///
    /// [`Stop`], also where only help was asked for.
    pub fn read(arguments: &[OsString]) -> Result<Self, Stop> {
        if let Some(cli) = Self::read_alone(arguments) {
            return Ok(cli);
        }
        let matches = command().try_get_matches_from(arguments);
        let read = matches.and_then(|matches| Self::from_arg_matches(&matches));
        read.map_err(|error| Stop {
            error,
            arguments: arguments.to_vec(),
        })
    }

    /// Parses the line of a command that stands at the start of other programs,
    /// without building the parser of all, and without any where there is no option
    /// to parse: a parser takes 50 µs. Where that fails, the parser of all has the
    /// right words for it.
    fn read_alone(arguments: &[OsString]) -> Option<Self> {
        fn alone<T: clap::Args>(name: &'static str, rest: &[OsString]) -> Option<With<T>> {
            let command = With::<T>::augment_args(clap::Command::new(name));
            let matches = command
                .no_binary_name(true)
                .try_get_matches_from(rest)
                .ok()?;
            With::from_arg_matches(&matches).ok()
        }
        let (name, rest) = arguments.get(1..)?.split_first()?;
        let command = match (name.to_str()?, rest) {
            ("get", [secret]) if !is_option(secret) => {
                Command::Get(With::only(get::GetArgs::of(secret)?))
            }
            ("get", _) => Command::Get(alone("get", rest)?),
            ("exec" | "run" | "x", [first, program @ ..])
                if first == "--" && !program.is_empty() =>
            {
                Command::Exec(With::only(exec::ExecArgs::of(program)))
            }
            ("exec" | "run" | "x", [first, ..]) if !is_option(first) => {
                Command::Exec(With::only(exec::ExecArgs::of(rest)))
            }
            ("exec" | "run" | "x", _) => Command::Exec(alone("exec", rest)?),
            _ => return None,
        };
        Some(Self {
            global: GlobalArgs::default(),
            command,
        })
    }

    /// Takes the global options, and how to speak.
    pub fn options(&mut self) -> (Options, Ui) {
        let before = std::mem::take(&mut self.global);
        let global = std::mem::take(self.command.global()).after(before);
        global.split(self.command.name())
    }

    /// Runs the subcommand.
    ///
    /// # Errors
    ///
    /// Those of the subcommand.
    pub fn run(&self, cx: &Context) -> anyhow::Result<u8> {
        match &self.command {
            Command::Init(with) => init::run(&with.args, cx),
            Command::Migrate(with) => migrate::run(&with.args, cx),
            Command::Import(with) => import::run(&with.args, cx),
            Command::Add(with) => add::run(&with.args, cx),
            Command::Get(with) => get::run(&with.args, cx),
            Command::List(with) => list::run(&with.args, cx),
            Command::Exec(with) => return exec::run(&with.args, cx),
            Command::Export(with) => export::run(&with.args, cx),
            Command::Render(with) => render::run(&with.args, cx),
            Command::Rotate(with) => return rotate::run(&with.args, cx).map(|code| code as u8),
            Command::History(with) => history::run(&with.args, cx),
            Command::Rollback(with) => rollback::run(&with.args, cx),
            Command::Expire(with) => expire::run(&with.args, cx),
            Command::Policy(with) => policy::run(&with.args, cx),
            Command::Revoke(with) => return revoke::run(&with.args, cx).map(|code| code as u8),
            Command::Hook(with) => hook::run(&with.args, cx),
            Command::Remove(with) => remove::run(&with.args, cx),
            Command::Env(with) => env::run(&with.args, cx),
            Command::Identity(with) => identity::run(&with.args, cx),
            Command::Unlock(with) => unlock::run(&with.args, cx),
            Command::Lock(with) => lock::run(&with.args, cx),
            Command::Trust(with) => trust::run(&with.args, cx),
            Command::Status(with) => return status::run(&with.args, cx).map(|code| code as u8),
            Command::Snooze(with) => snooze::run(&with.args, cx),
            Command::Audit(with) => audit::run(&with.args, cx),
            Command::Scan(with) => return scan::run(&with.args, cx).map(|code| code as u8),
            Command::Completions(with) => completions::run(&with.args),
            Command::ClipboardGuard(with) => clipboard_guard::run(&with.args, cx),
            Command::Shell(with) => shell::run(&with.args, cx),
            Command::Man(with) => man::run(&with.args, cx, command()),
            Command::Doctor(with) => return doctor::run(&with.args, cx).map(|code| code as u8),
        }
        .map(|()| Code::Ok as u8)
    }
}

impl Command {
    /// Returns its name, with that of a subcommand of its own, as the audit log has it.
    fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Migrate(_) => "migrate",
            Self::Import(_) => "import",
            Self::Add(_) => "add",
            Self::Get(_) => "get",
            Self::List(_) => "list",
            Self::Exec(_) => "exec",
            Self::Export(_) => "export",
            Self::Render(_) => "render",
            Self::Rotate(_) => "rotate",
            Self::Revoke(_) => "revoke",
            Self::Hook(_) => "hook",
            Self::History(_) => "history",
            Self::Rollback(_) => "rollback",
            Self::Expire(_) => "expire",
            Self::Policy(_) => "policy",
            Self::Remove(_) => "remove",
            Self::Env(with) => with.args.name(),
            Self::Identity(_) => "identity",
            Self::Unlock(_) => "unlock",
            Self::Lock(_) => "lock",
            Self::Trust(_) => "trust",
            Self::Status(_) => "status",
            Self::Snooze(_) => "snooze",
            Self::Audit(_) => OWN_COMMAND,
            Self::Scan(_) => "scan",
            Self::Doctor(_) => "doctor",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
            Self::Shell(_) => "shell",
            Self::ClipboardGuard(_) => "clipboard-guard",
        }
    }

    fn global(&mut self) -> &mut GlobalArgs {
        match self {
            Self::Init(with) => &mut with.global,
            Self::Migrate(with) => &mut with.global,
            Self::Import(with) => &mut with.global,
            Self::Add(with) => &mut with.global,
            Self::Get(with) => &mut with.global,
            Self::List(with) => &mut with.global,
            Self::Exec(with) => &mut with.global,
            Self::Export(with) => &mut with.global,
            Self::Render(with) => &mut with.global,
            Self::Rotate(with) => &mut with.global,
            Self::History(with) => &mut with.global,
            Self::Rollback(with) => &mut with.global,
            Self::Expire(with) => &mut with.global,
            Self::Policy(with) => &mut with.global,
            Self::Revoke(with) => &mut with.global,
            Self::Hook(with) => &mut with.global,
            Self::Remove(with) => &mut with.global,
            Self::Env(with) => &mut with.global,
            Self::Identity(with) => &mut with.global,
            Self::Unlock(with) => &mut with.global,
            Self::Lock(with) => &mut with.global,
            Self::Trust(with) => &mut with.global,
            Self::Status(with) => &mut with.global,
            Self::Snooze(with) => &mut with.global,
            Self::Audit(with) => &mut with.global,
            Self::Scan(with) => &mut with.global,
            Self::Doctor(with) => &mut with.global,
            Self::Completions(with) => &mut with.global,
            Self::Man(with) => &mut with.global,
            Self::Shell(with) => &mut with.global,
            Self::ClipboardGuard(with) => &mut with.global,
        }
    }
}

/// Builds the parser: of the subcommands only the one that is named (`defer`).
fn command() -> clap::Command {
    Cli::command().mut_args(|argument| argument.global(false))
}

/// A line that a shell wants completed.
pub struct Unfinished {
    shell: Shell,
    /// The words up to the cursor, the program's name included; the last one is
    /// under way.
    words: Vec<OsString>,
}

impl Unfinished {
    /// Finds out whether that is what this process was started for.
    pub fn read(arguments: &[OsString]) -> Option<Self> {
        // No command begins so: what completes costs others nothing.
        let (_, words) = arguments
            .get(1..)?
            .split_first()
            .filter(|(first, _)| *first == "--")?;
        let shell = shell_to_complete()?;
        Some(Self {
            shell: Shell::from_str(shell.to_str()?, false).ok()?,
            words: words.to_vec(),
        })
    }

    /// Returns the global options as far as they were typed, and a way to speak that
    /// neither asks nor says anything.
    pub fn options(&self) -> (Options, Ui) {
        let typed = &self.words[..self.words.len().saturating_sub(1)];
        let matches = command().ignore_errors(true).try_get_matches_from(typed);
        let global = matches.map_or_else(|_| GlobalArgs::default(), |matches| globals(&matches));
        let (options, ui) = global.split("complete");
        let silent = Ui {
            quiet: true,
            input: false,
            ..ui
        };
        (options, silent)
    }

    /// Writes what may stand in the last word's place.
    pub fn complete(self, cx: &Context) {
        let mut all = command();
        all.build();
        completions::answer(self.shell, self.words, all, cx);
    }
}

/// Collects the global options of a command and of those that were named behind it.
fn globals(matches: &ArgMatches) -> GlobalArgs {
    let here = GlobalArgs::from_arg_matches(matches).unwrap_or_default();
    match matches.subcommand() {
        Some((_, below)) => globals(below).after(here),
        None => here,
    }
}

/// A command line that is not to be run.
pub struct Stop {
    error: clap::Error,
    arguments: Vec<OsString>,
}

impl Stop {
    /// Returns what was asked for, where it was help: the text, and whether it
    /// belongs on stdout.
    pub fn help(&self) -> Option<(String, bool)> {
        let to_stdout = match self.error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => false,
            _ => return None,
        };
        let text = self.error.to_string();
        if !text.contains(USAGE_OF_ALL) {
            return Some((text, to_stdout));
        }
        // The subcommands were not built, and have nothing to say for themselves.
        let mut all = command();
        all.build();
        Some((all.render_help().to_string(), to_stdout))
    }

    /// Returns how to speak, as far as it can be told from such a line.
    pub fn ui(&self) -> Ui {
        let json = self
            .arguments
            .iter()
            .take_while(|argument| *argument != "--")
            .any(|argument| argument == "--json");
        let format = if json { Format::Json } else { Format::Human };
        Ui {
            format,
            quiet: false,
            color: Color::Auto,
            input: false,
            place: String::new(),
        }
    }

    /// Finds our words for what clap found. Of the line itself only the names of
    /// options and subcommands are repeated: the rest may be a secret.
    pub fn error(&self) -> Error {
        let context = |kind| match self.error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            Some(ContextValue::Strings(texts)) => texts.first().cloned(),
            _ => None,
        };
        let path = self.subcommand_path();
        let subcommand = path.first().cloned();
        let help = match path.as_slice() {
            [] => "run `keyvault --help`".to_owned(),
            names => format!("run `keyvault {} --help`", names.join(" ")),
        };
        let argument = context(ContextKind::InvalidArg);
        // An option of ours, or what stands for a name in our help.
        let shown = |argument: Option<&str>| {
            let shown = argument.and_then(|argument| placeholder(argument).or(typed(argument)));
            shown.map_or("an argument".to_owned(), |shown| format!("`{shown}`"))
        };
        let option = shown(argument.as_deref());
        let suggested = context(ContextKind::SuggestedArg)
            .or_else(|| closest_subcommand(&path, &context(ContextKind::InvalidSubcommand)?));
        let mut hint = suggested.map_or(help.clone(), |suggested| {
            format!("did you mean `{suggested}`?")
        });
        let message = match self.error.kind() {
            ErrorKind::UnknownArgument => {
                if ["-o", "--output", "-f", "--format"]
                    .contains(&argument.as_deref().unwrap_or_default())
                {
                    hint = "for JSON, pass `--json`".to_owned();
                }
                let typed = argument.as_deref().and_then(typed);
                if typed.is_none() && path == ["hook", "set"] {
                    hint = "write the command behind `--`, as in `keyvault hook set NAME create -- CMD`".to_owned();
                }
                match typed {
                    Some(option) => format!("`{option}` is not known here"),
                    None => "an argument is not known here".to_owned(),
                }
            }
            ErrorKind::InvalidSubcommand => "there is no such command".to_owned(),
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                let reason =
                    std::error::Error::source(&self.error).map(|source| format!(": {source}"));
                format!(
                    "{option} has a value that does not fit{}",
                    reason.unwrap_or_default()
                )
            }
            ErrorKind::MissingRequiredArgument => format!("{option} is missing"),
            ErrorKind::ArgumentConflict => {
                let other = context(ContextKind::PriorArg);
                format!("{option} does not go with {}", shown(other.as_deref()))
            }
            ErrorKind::NoEquals => format!("{option} takes its value behind `=`"),
            ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
                format!("{option} has the wrong number of values")
            }
            ErrorKind::MissingSubcommand => "a command is missing".to_owned(),
            ErrorKind::InvalidUtf8 => "an argument is not text".to_owned(),
            _ => "the command line does not parse".to_owned(),
        };
        if self.error.kind() == ErrorKind::ValueValidation
            && let Some(error) = self.value_behind_name(subcommand.as_deref())
        {
            return error;
        }
        let usage = Error::Usage { message, hint };
        match subcommand.as_deref() {
            Some("exec") => Error::Exec(Box::new(usage)),
            _ => usage,
        }
    }

    /// Finds `NAME=VALUE`, which many a tool takes, where a name should stand.
    fn value_behind_name(&self, subcommand: Option<&str>) -> Option<Error> {
        let verb = *["add", "rotate"]
            .iter()
            .find(|verb| Some(**verb) == subcommand)?;
        let mut words = self.arguments.iter().filter(|word| !is_option(word));
        let name = words.find_map(|word| word.to_str()?.split_once('=')?.0.parse().ok())?;
        Some(Error::ValueOnCommandLine { verb, name })
    }

    /// Returns the subcommand that the line names and the one below it, as far as that
    /// can be told.
    fn subcommand_path(&self) -> Vec<String> {
        let command = command().ignore_errors(true);
        let matches = command.try_get_matches_from(&self.arguments).ok();
        let mut path = Vec::new();
        let mut matches = matches.as_ref();
        while let Some((name, below)) = matches.and_then(ArgMatches::subcommand) {
            path.push(name.to_owned());
            matches = Some(below);
        }
        if path.is_empty() {
            // Behind an option that is not known, clap does not look.
            let mut words = self
                .arguments
                .iter()
                .skip(1)
                .filter(|word| !is_option(word));
            let all = Cli::command();
            let word = words.next().and_then(|word| word.to_str());
            let named = word.and_then(|word| all.find_subcommand(word));
            path.extend(named.map(|command| command.get_name().to_owned()));
        }
        path
    }
}

/// Finds the subcommand that was meant, below the one that was named.
fn closest_subcommand(path: &[String], text: &str) -> Option<String> {
    let mut command = command();
    if !path.is_empty() {
        command.build();
    }
    let mut below = &command;
    for name in path {
        below = below.find_subcommand(name)?;
    }
    let names = below
        .get_subcommands()
        .flat_map(clap::Command::get_name_and_visible_aliases);
    let names: Vec<&str> = names.collect();
    closest(text, &names).map(|name| (*name).to_owned())
}

/// Returns the name of an option as it was typed; of whatever does not look like one,
/// nothing.
fn typed(argument: &str) -> Option<&str> {
    let name = argument.split(['=', ' ']).next().unwrap_or_default();
    let rest = name.strip_prefix('-')?;
    let looks_like_one = rest.len() <= 24
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    looks_like_one.then_some(name)
}

/// Returns the name of a positional argument, which clap has as `<NAME>`, `[NAME]` or
/// `<CMD>...`. Only for what clap itself says: what was typed may look so too.
fn placeholder(argument: &str) -> Option<&str> {
    let one = argument.trim_end_matches('.');
    let inside = |from, to| one.strip_prefix(from)?.strip_suffix(to);
    inside('<', '>').or_else(|| inside('[', ']'))
}

/// Writes help where it belongs.
///
/// # Errors
///
/// As the stream does.
pub fn write_help(text: &str, to_stdout: bool) -> io::Result<()> {
    if to_stdout {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        return out.flush();
    }
    io::stderr().lock().write_all(text.as_bytes())
}
