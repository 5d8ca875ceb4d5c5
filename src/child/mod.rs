//! Programs that are started: the one that `exec` becomes or stays with, those that
//! `--verify` and `KEYVAULT_PASSPHRASE_COMMAND` name, hooks, and git, which is asked. The
//! only place where a process is made.

pub mod clipboard;
mod dangerous;
pub mod environment;
pub mod git;
pub mod hook;
pub mod mask;
pub mod masked;
pub mod monitor;
mod relay;
pub mod secret_file;
pub mod signals;
pub mod spawn;
pub mod supervise;
mod terminal;
mod witness;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Variables in the order they are handed over.
pub type Variables = Vec<(OsString, OsString)>;

/// The longest output that is taken from a command: a passphrase and its line's
/// end.
pub const OUTPUT_MAX: u64 = 4096;

/// Becomes a program. Returns only if that fails. Of two variables of one name the
/// later one counts.
///
/// The program is found along the `PATH` that it gets, and a script without an
/// interpreter is given to the shell, as `env` does both. What the caller of
/// keyvault ignores or blocks stays so, but for `SIGPIPE`, which Rust's start
/// sets, and which is set to its default here.
pub fn exec<'a>(
    program: &OsStr,
    arguments: &[OsString],
    variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
) -> Error {
    let source = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(variables)
        .exec();
    unstarted(program, source)
}

/// Says why a program was not started.
fn unstarted(program: &OsStr, source: io::Error) -> Error {
    let program = program.to_string_lossy().escape_debug().to_string();
    match source.kind() {
        ErrorKind::NotFound => Error::ProgramNotFound { program },
        _ => Error::CannotExecute { program, source },
    }
}

/// The shell that runs commands.
pub const SHELL: &str = "/bin/sh";

/// The program that prints its environment: where each system has it, since scripts begin
/// with it, and not by a `PATH` of a secret.
pub const PRINTER: &str = "/usr/bin/env";

/// Starts [`PRINTER`], and returns it as that program saw it:
/// each variable with a NUL behind it.
///
/// # Errors
///
/// As [`exec`].
pub fn read_environment<'a>(
    variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
) -> Result<Zeroizing<Vec<u8>>> {
    let variables: BTreeMap<&OsStr, &OsStr> = variables.collect();
    let lengths = variables
        .iter()
        .map(|(name, value)| name.len() + value.len() + "=\0".len());
    // What `_` and a shell may add of themselves; a buffer that grows leaves copies behind.
    const SPARE: usize = 4096;
    let mut seen = Zeroizing::new(Vec::with_capacity(lengths.sum::<usize>() + SPARE));
    let mut command = Command::new(PRINTER);
    command.arg("-0").env_clear().envs(variables);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let failed = |source| unstarted(PRINTER.as_ref(), source);
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_end(&mut seen).map_err(failed)?;
    }
    child.wait().map_err(failed)?;
    Ok(seen)
}

/// Runs a command of the shell to its end. It reads nothing, and what it prints
/// goes to stderr, because stdout is for our answer.
///
/// # Errors
///
/// Where the shell cannot be started.
pub fn run_shell<'a>(
    command: &str,
    variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
) -> io::Result<ExitStatus> {
    let stderr = io::stderr().as_fd().try_clone_to_owned()?;
    shell(command, variables).stdout(stderr).status()
}

/// Runs a command of the shell and returns what it prints: the first 4 KiB, and
/// one byte more if there is more.
///
/// # Errors
///
/// Where the shell cannot be started or its output not be read.
pub fn read_shell(
    command: &str,
    variables: Variables,
) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let mut child = shell(command, variables).stdout(Stdio::piped()).spawn()?;
    let mut output = Zeroizing::new(Vec::with_capacity(OUTPUT_MAX as usize + 2));
    if let Some(pipe) = child.stdout.take() {
        pipe.take(OUTPUT_MAX + 1).read_to_end(&mut output)?;
    }
    Ok((child.wait()?, output))
}

fn shell(
    command: &str,
    variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
) -> Command {
    let mut shell = Command::new(SHELL);
    shell
        .arg("-c")
        .arg(command)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null());
    shell
}

/// Says how a command ended, for `the command …`.
pub fn outcome(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "did not end".to_owned(),
    }
}
