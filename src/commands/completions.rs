//! `keyvault completions`, and the answers to the shells that have its script.
//!
//! The script of a shell calls keyvault at each press of the tab key, as
//! `KEYVAULT_COMPLETE=SHELL keyvault -- WORD…` with the words up to the cursor. The
//! answer is a line for each word that fits, with its description behind a tab; or
//! one line with a tab in front: `files` behind it, where the shell itself knows best,
//! or a number, where the word at that place, counted from 0, begins the line of
//! another program.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command, ValueEnum};
use clap_complete::engine::{self, ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Elvish;
use clap_complete::env::EnvCompleter;
use clap_complete::env::Powershell;

use crate::commands::exec::Mapping;
use crate::context::{Context, SHELL_TO_COMPLETE};
use crate::error::Error;
use crate::name::{EnvironmentName, SecretName};
use crate::store::audit_log::line::Outcome;
use crate::vault::attention::Kind;
use crate::vault::rotation::Step;
use crate::vault::secret::SecretReference;
use crate::vault::selection::NamePattern;

const NAME: &str = "keyvault";

/// Stands for whatever files there are; no name begins so.
const FILES: &str = "\tfiles";

const INSTALL: &str = "\
Install it:
  bash        add to ~/.bashrc:                  source <(keyvault completions bash)
  zsh         add to ~/.zshrc, behind compinit:  source <(keyvault completions zsh)
  fish        run once:    keyvault completions fish >~/.config/fish/completions/keyvault.fish
  elvish      add to ~/.config/elvish/rc.elv:    eval (keyvault completions elvish | slurp)
  powershell  add to $PROFILE:   keyvault completions powershell | Out-String | Invoke-Expression";

/// Print the script by which a shell completes keyvault's lines
///
/// Beside commands and options it completes environments, and the names of secrets as
/// long as the vault opens without a question: with an identity that has no
/// passphrase or is unlocked. It never asks, and says nothing. Behind `exec`, and behind
/// `--` of `hook set`, the program's own line is completed.
#[derive(clap::Args)]
#[command(after_help = INSTALL)]
pub struct CompletionsArgs {
    /// The shell: bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

/// A shell that completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

impl ValueEnum for Shell {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Bash,
            Self::Zsh,
            Self::Fish,
            Self::Elvish,
            Self::Powershell,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Bash => PossibleValue::new("bash"),
            Self::Zsh => PossibleValue::new("zsh"),
            Self::Fish => PossibleValue::new("fish"),
            Self::Elvish => PossibleValue::new("elvish"),
            Self::Powershell => PossibleValue::new("powershell").alias("pwsh"),
        })
    }
}

/// Runs the command.
///
/// # Errors
///
/// [`Error::Output`].
pub fn run(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    let by_clap = |shell: &dyn EnvCompleter, script: &mut Vec<u8>| {
        shell.write_registration(SHELL_TO_COMPLETE, NAME, NAME, NAME, script)
    };
    match args.shell {
        Shell::Bash => script.extend(include_bytes!("completions/keyvault.bash")),
        Shell::Zsh => script.extend(include_bytes!("completions/keyvault.zsh")),
        Shell::Fish => script.extend(include_bytes!("completions/keyvault.fish")),
        Shell::Elvish => by_clap(&Elvish, &mut script).map_err(Error::Output)?,
        Shell::Powershell => by_clap(&Powershell, &mut script).map_err(Error::Output)?,
    }
    let mut out = io::stdout().lock();
    let written = out.write_all(&script).and_then(|()| out.flush());
    Ok(written.map_err(Error::Output)?)
}

/// Answers a shell: writes what may stand in the place of the last word. What goes
/// wrong is not said, because a person is in the middle of a line.
pub fn answer(shell: Shell, words: Vec<OsString>, root: Command, cx: &Context) {
    let mut out = Vec::new();
    let written = match program_at(&words, &root) {
        Some(start) if matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish) => {
            writeln!(out, "\t{start}")
        }
        Some(_) => Ok(()),
        None => {
            let knows_files = matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish);
            let mut root = with_candidates(root, &words, knows_files, cx);
            let folder = cx.working_folder().ok();
            let folder = folder.as_deref();
            match shell {
                Shell::Elvish => Elvish.write_complete(&mut root, words, folder, &mut out),
                Shell::Powershell => Powershell.write_complete(&mut root, words, folder, &mut out),
                Shell::Bash | Shell::Zsh | Shell::Fish => {
                    let last = words.len().saturating_sub(1);
                    let is_begun = words.last().is_some_and(|word| !word.is_empty());
                    let found = engine::complete(&mut root, words, last, folder);
                    found.and_then(|found| write(&found, is_begun, &mut out))
                }
            }
        }
    };
    if written.is_ok() {
        let _ = io::stdout().lock().write_all(&out);
    }
}

/// Writes the candidates; of a word that is not begun yet, options only where there
/// is nothing else.
fn write(candidates: &[CompletionCandidate], is_begun: bool, out: &mut Vec<u8>) -> io::Result<()> {
    let is_files = |one: &CompletionCandidate| {
        let value = one.get_value().as_encoded_bytes();
        value.ends_with(FILES.as_bytes())
    };
    if candidates.iter().any(is_files) {
        return writeln!(out, "{FILES}");
    }
    let is_option =
        |one: &CompletionCandidate| one.get_value().as_encoded_bytes().starts_with(b"-");
    let all = is_begun || candidates.iter().all(is_option);
    for candidate in candidates.iter().filter(|one| all || !is_option(one)) {
        write!(out, "{}", candidate.get_value().to_string_lossy())?;
        if let Some(help) = candidate.get_help() {
            let help = help.to_string();
            write!(out, "\t{}", help.lines().next().unwrap_or_default())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Finds the word at which another program's line begins, if the last word belongs
/// to that line.
fn program_at(words: &[OsString], root: &Command) -> Option<usize> {
    let last = words.len().checked_sub(1)?;
    let mut command = root;
    let mut at = 1;
    while at <= last {
        let word = words[at].to_str().unwrap_or_default();
        if word == "--" && at < last {
            let is_program =
                runs_program(command) || command.get_positionals().any(Arg::is_last_set);
            return is_program.then_some(at + 1);
        }
        if word.starts_with('-') {
            at += if takes_next(command, word) { 2 } else { 1 };
            continue;
        }
        if runs_program(command) {
            return Some(at);
        }
        if command.has_subcommands() {
            command = command.find_subcommand(word)?;
        }
        at += 1;
    }
    None
}

/// Tells whether what stands behind a command's options is a program's line.
fn runs_program(command: &Command) -> bool {
    let first = command.get_positionals().next();
    first.is_some_and(Arg::is_trailing_var_arg_set)
}

/// Tells whether an option takes the word behind it.
fn takes_next(command: &Command, word: &str) -> bool {
    let takes = |arg: &Arg| {
        let range = arg.get_num_args();
        matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
            && range.is_none_or(|range| range.min_values() > 0)
    };
    if let Some(name) = word.strip_prefix("--") {
        let is_it = |arg: &&Arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        };
        return command.get_arguments().find(is_it).is_some_and(takes);
    }
    // Of several letters, the first that takes a value takes the rest for it.
    let mut letters = word.chars().skip(1);
    let find = |letter| {
        command
            .get_arguments()
            .find(|arg| arg.get_short() == Some(letter))
    };
    let taker = letters.find(|letter| find(*letter).is_some_and(takes));
    taker.is_some() && letters.next().is_none()
}

/// Adds what values fit to every argument that takes the name of an environment or
/// a secret, except where a new one is to be named.
fn with_candidates(root: Command, words: &[OsString], knows_files: bool, cx: &Context) -> Command {
    let store = cx.store().ok();
    let environments = store.as_ref().and_then(|store| store.environments().ok());
    let secrets = match &store {
        Some(store) if takes_secrets(&root, words) => cx.names_at_hand(store),
        _ => Vec::new(),
    };
    let names = Names {
        environments: texts(environments.unwrap_or_default()),
        secrets: texts(secrets),
        knows_files,
    };
    names.add_to(root)
}

fn texts(names: Vec<impl ToString>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Tells whether any command that stands in the line takes a secret's name, so that
/// the vault is not opened for others.
fn takes_secrets(root: &Command, words: &[OsString]) -> bool {
    let named = words
        .iter()
        .skip(1)
        .filter_map(|word| root.find_subcommand(word));
    let mut commands: Vec<&Command> = named.collect();
    while let Some(command) = commands.pop() {
        let is_secret = |arg: &Arg| matches!(Meant::by(arg), Meant::Secret | Meant::Mapping);
        if command.get_arguments().any(is_secret) {
            return true;
        }
        commands.extend(command.get_subcommands());
    }
    false
}

/// What an argument takes.
enum Meant {
    Environment,
    Secret,
    Mapping,
    File,
    /// One of a few words.
    Word(Vec<&'static str>),
    Other,
}

impl Meant {
    /// Tells it by the type of the value: so every command has it, also later ones.
    fn by(arg: &Arg) -> Self {
        let id = arg.get_value_parser().type_id();
        let is = |known: &[TypeId]| known.iter().any(|known| id == *known);
        if is(&[TypeId::of::<EnvironmentName>()]) {
            Self::Environment
        } else if is(&[
            TypeId::of::<SecretName>(),
            TypeId::of::<SecretReference>(),
            TypeId::of::<NamePattern>(),
        ]) {
            Self::Secret
        } else if is(&[TypeId::of::<Mapping>()]) {
            Self::Mapping
        } else if is(&[TypeId::of::<PathBuf>()]) {
            Self::File
        } else if is(&[TypeId::of::<Kind>()]) {
            Self::Word(Kind::ALL.iter().map(|kind| kind.as_str()).collect())
        } else if is(&[TypeId::of::<Step>()]) {
            Self::Word(Step::ALL.iter().map(|step| step.as_str()).collect())
        } else if is(&[TypeId::of::<Outcome>()]) {
            Self::Word(
                Outcome::ALL
                    .iter()
                    .map(|outcome| outcome.as_str())
                    .collect(),
            )
        } else {
            Self::Other
        }
    }
}

/// Commands whose argument of a kind is the name of something new.
const NEW: [&str; 2] = ["add", "create"];

struct Names {
    environments: Vec<String>,
    secrets: Vec<String>,
    /// Whether the shell completes files itself.
    knows_files: bool,
}

impl Names {
    fn add_to(&self, command: Command) -> Command {
        let is_new = NEW.contains(&command.get_name());
        let command = command.mut_args(|arg| match Meant::by(&arg) {
            _ if is_new && arg.is_positional() => arg,
            Meant::Environment => arg.add(candidates(self.environments.clone())),
            Meant::Secret => arg.add(candidates(self.secrets.clone())),
            Meant::Mapping => arg.add(mappings(self.secrets.clone())),
            Meant::File if self.knows_files => arg.add(ArgValueCompleter::new(files)),
            Meant::Word(words) => arg.add(candidates(texts(words))),
            Meant::File | Meant::Other => arg,
        });
        command.mut_subcommands(|command| self.add_to(command))
    }
}

fn candidates(names: Vec<String>) -> ArgValueCandidates {
    ArgValueCandidates::new(move || names.iter().map(CompletionCandidate::new).collect())
}

fn files(typed: &OsStr) -> Vec<CompletionCandidate> {
    if typed.as_encoded_bytes().starts_with(b"-") {
        return Vec::new();
    }
    vec![CompletionCandidate::new(FILES)]
}

/// Completes the secret behind `VAR=`.
fn mappings(names: Vec<String>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let Some((variable, start)) = typed.to_str().and_then(|typed| typed.split_once('=')) else {
            return Vec::new();
        };
        let fitting = names.iter().filter(|name| name.starts_with(start));
        fitting
            .map(|name| CompletionCandidate::new(format!("{variable}={name}")))
            .collect()
    })
}
