//! keyvault keeps named secrets per environment in age-encrypted JSON files and
//! hands them to programs. This is its map; the program is [`run`].
//!
//! Floors, lowest first. A module imports only from lower floors, and neighbours
//! do not know each other: what one needs of another arrives as an argument.
//! `tests/cli/architecture.rs` holds this.
//!
//! | floor | modules | |
//! |---|---|---|
//! | 0 | `text` | how a type that is text goes into JSON |
//! | 1 | `name` `secret_value` `timestamp` `quote` `forms` | types that are valid by construction; how values are written for others, and found in what others wrote |
//! | 2 | `error` | what can go wrong, with words, hint and exit code |
//! | 3 | `seal` | age envelopes, identities, signatures, digests |
//! | 4 | `vault` `dotenv` `migration` `shell_code` `template` | environments, secrets, versions and their life, rosters, the file format; the `.env` grammar; what a project with `.env` files has; what a shell is told; references in texts |
//! | 5 | `store` `child` `hardening` `interchange` `scan` | files, locks, pins, accepted hooks, the session's cache, the audit log; programs that are started, hooks among them; other tools' forms; secrets where they should not be, and what they look like |
//! | 6 | `ui` | answers, news, prompts, last words |
//! | 7 | `context` | where everything comes from; the only reader of `std::env`; what takes more than one save, as a rotation |
//! | 8 | `commands` | one file for each subcommand |
//! | 9 | `cli` | the command line |
//!
//! Up to floor 4 nothing does I/O or reads a clock. Begin with `vault/mod.rs`,
//! then one command, then its test. A rotation goes from `commands/rotate.rs` through
//! `context/rotation.rs`, which saves each step, and `context/hooks.rs`, which runs hooks
//! between them, to the rules in `vault/rotation.rs`.

mod child;
mod cli;
mod commands;
mod context;
mod dotenv;
mod error;
mod forms;
mod hardening;
mod interchange;
mod migration;
mod name;
mod quote;
mod scan;
mod seal;
mod secret_value;
mod shell_code;
mod store;
mod template;
mod text;
mod timestamp;
mod ui;
mod vault;

use std::ffi::OsString;
use std::process::ExitCode;

pub use secret_value::SecretValue;

use cli::{Cli, Stop, Unfinished};
use context::Context;
use error::Error;
use ui::failure;

/// Runs the program on the arguments of this process, and returns its exit code.
pub fn run() -> ExitCode {
    let arguments: Vec<OsString> = context::arguments().collect();
    if let Some(code) = child::monitor::play(&arguments) {
        return code;
    }
    let core_limit = hardening::harden();
    if let Some(line) = Unfinished::read(&arguments) {
        let (options, ui) = line.options();
        line.complete(&Context::new(options, ui, core_limit));
        return ExitCode::SUCCESS;
    }
    let mut cli = match Cli::read(&arguments) {
        Ok(cli) => cli,
        Err(stop) => return ExitCode::from(help_or_complain(&stop)),
    };
    let (options, ui) = cli.options();
    let cx = Context::new(options, ui, core_limit);
    let code = match cli.run(&cx) {
        Ok(code) => code,
        Err(error) => {
            cx.log_failure(&error);
            failure::report(&cx.ui, &error)
        }
    };
    ExitCode::from(cx.end(code))
}

fn help_or_complain(stop: &Stop) -> u8 {
    let ui = stop.ui();
    let Some((text, to_stdout)) = stop.help() else {
        return failure::report(&ui, &stop.error().into());
    };
    match cli::write_help(&text, to_stdout) {
        Ok(()) if to_stdout => error::Code::Ok as u8,
        Ok(()) => error::Code::Usage as u8,
        Err(error) => failure::report(&ui, &Error::Output(error).into()),
    }
}
