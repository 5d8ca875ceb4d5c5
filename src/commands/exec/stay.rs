//! What `exec` prepares where it stays with the program: masks and files.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};

use crate::child::Variables;
use crate::child::environment;
use crate::child::mask::Masks;
use crate::child::masked::Streams;
use crate::child::secret_file::SecretFiles;
use crate::child::signals::Signals;
use crate::child::spawn::Program;
use crate::child::supervise::Running;
use crate::commands::exec::env_file::Setting;
use crate::context::Context;
use crate::error::Error;
use crate::name::SecretName;
use crate::vault::selection::Chosen;

/// Takes the values that are not to be seen, and says which of them will be.
///
/// Of settings these are the secrets that they refer to, and what became of them; a
/// setting without a reference is no secret.
pub fn masks(
    secrets: &[Chosen<'_>],
    settings: &BTreeMap<SecretName, Setting<'_>>,
    cx: &Context,
) -> Masks {
    let secrets = secrets.iter().filter(|secret| secret.env_file.is_none());
    let values = secrets.map(|secret| (secret.name, secret.value));
    let referring = settings
        .iter()
        .filter(|(_, setting)| !setting.secrets.is_empty());
    let composed = referring
        .clone()
        .map(|(name, setting)| (name, &setting.value));
    let referred = referring.flat_map(|(_, setting)| &setting.secrets);
    let referred = referred.map(|(name, served)| (name, served.value));
    let (masks, unmasked) = Masks::new(values.chain(referred).chain(composed));
    if !unmasked.is_empty() {
        let names = unmasked.iter().map(|name| format!("`{name}`"));
        let names = names.collect::<Vec<_>>().join(", ");
        cx.ui
            .note(&format!("too short or too common to be masked: {names}"));
    }
    masks
}

/// Starts the program to stay with it, and makes the files that it gets.
///
/// # Errors
///
/// Whatever keeps a file from being written or the program from being started.
pub fn start(
    (program, arguments): (&OsStr, &[OsString]),
    streams: Option<&Streams<'_>>,
    inherited: &Variables,
    secrets: &[Chosen<'_>],
    cx: &Context,
) -> Result<(Running, Option<SecretFiles>), Error> {
    let signals = Signals::hold().map_err(Error::Unattended)?;
    let is_file = |secret: &&Chosen<'_>| secret.is_file;
    let files = secrets.iter().find(is_file).map(|_| cx.make_secret_files());
    let files = files.transpose()?;
    let mut paths = BTreeMap::new();
    for secret in secrets.iter().filter(is_file) {
        if let (Some(files), Entry::Vacant(entry)) = (&files, paths.entry(secret.name)) {
            entry.insert(files.write(secret.name, secret.value)?);
        }
    }
    let values = secrets.iter().filter(|secret| !secret.is_file);
    let values = values.map(|secret| (secret.variable, secret.value));
    let paths = secrets
        .iter()
        .filter(|secret| secret.is_file)
        .map(|secret| {
            let variable = OsStr::new(secret.variable.as_str());
            (variable, paths[secret.name].as_os_str())
        });
    let variables = environment::overlay(inherited, values).chain(paths);
    let command = streams.map(|streams| streams.command(program, arguments));
    let (program, arguments) = match &command {
        Some((program, arguments)) => (program.as_os_str(), arguments.as_slice()),
        None => (program, arguments),
    };
    let mut program = Program::new(program, arguments, variables)?;
    if let Some(streams) = streams {
        streams.give_to(&mut program)?;
    }
    let running = cx.start_program(|| Running::start(&program, signals));
    let running = running.map_err(|error| environment::explain(error, secrets))?;
    Ok((running, files))
}
