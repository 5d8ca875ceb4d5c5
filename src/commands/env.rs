//! `keyvault env`: the environments of a vault.

mod copy;
mod diff;

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::{Context, Founding};
use crate::name::EnvironmentName;
use crate::store::pin::Pin;
use crate::ui::{Report, table};
use crate::vault::VaultId;

/// Make, list, compare and remove environments, and copy secrets between them
#[derive(clap::Args)]
pub struct EnvArgs {
    #[command(subcommand)]
    command: EnvCommand,
}

#[derive(clap::Subcommand)]
enum EnvCommand {
    /// Make an environment, with you as its only member
    Create {
        /// Its name
        name: EnvironmentName,
    },
    /// List the environments
    #[command(visible_alias = "ls")]
    List,
    /// Copy secrets from one environment to another
    Copy(copy::CopyArgs),
    /// Show how two environments differ, by names and never by values
    ///
    /// The exit code is 0 whether they do or not.
    Diff {
        /// One environment
        #[arg(value_name = "A")]
        first: EnvironmentName,

        /// The other
        #[arg(value_name = "B")]
        second: EnvironmentName,
    },
    /// Remove an environment with all its secrets
    #[command(visible_alias = "rm")]
    Remove {
        /// Its name
        name: EnvironmentName,

        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

impl EnvArgs {
    /// Returns the name of what is to be done, as the audit log has it.
    pub fn name(&self) -> &'static str {
        match self.command {
            EnvCommand::Create { .. } => "env create",
            EnvCommand::List => "env list",
            EnvCommand::Copy(_) => "env copy",
            EnvCommand::Diff { .. } => "env diff",
            EnvCommand::Remove { .. } => "env remove",
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being done; then nothing was.
pub fn run(args: &EnvArgs, cx: &Context) -> Result<()> {
    match &args.command {
        EnvCommand::Create { name } => create(name, cx),
        EnvCommand::List => list(cx),
        EnvCommand::Copy(args) => copy::run(args, cx),
        EnvCommand::Diff { first, second } => diff::run(first, second, cx),
        EnvCommand::Remove { name, yes } => remove(name, *yes, cx),
    }
}

fn create(name: &EnvironmentName, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    if store.has(name)? {
        return Err(store.environment_exists(name).into());
    }
    cx.found(&store, name, Founding::Environment, None)?;
    Ok(cx.ui.outcome(&Created { environment: name })?)
}

fn list(cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let environments = store.environments()?;
    let mut pins = store.pins().load_usable();
    pins.retain(|pin| environments.contains(&pin.environment));
    let rows = environments.iter().map(|name| {
        let pin = pins.iter().find(|pin| pin.environment == *name);
        Row {
            name,
            revision: pin.map(|pin| pin.revision),
            members: pin.map_or_else(Vec::new, member_names),
            founder: pin.and_then(|pin| Some(format!("ed25519:{}", pin.founder?))),
        }
    });
    let vault = pins.first().map(|pin| pin.vault);
    Ok(cx.ui.answer(&Listing {
        vault,
        environments: rows.collect(),
    })?)
}

fn member_names(pin: &Pin) -> Vec<&str> {
    pin.members
        .iter()
        .map(|member| member.name.as_str())
        .collect()
}

fn remove(name: &EnvironmentName, yes: bool, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    store.require(name)?;
    if !yes {
        cx.ui.confirm(
            &format!("Remove environment {name} with all its secrets?"),
            "--yes",
        )?;
    }
    if cx.expected_vault()?.is_some() {
        // Only who opens it knows which vault it is of.
        cx.open(&store, name)?;
    }
    let lock = store.lock(&mut || cx.note_waiting())?;
    store.require(name)?;
    cx.log_use([name], Vec::new(), None)?;
    store.remove(&lock, name)?;
    Ok(cx.ui.outcome(&Removed { environment: name })?)
}

#[derive(Serialize)]
struct Created<'a> {
    environment: &'a EnvironmentName,
}

impl Report for Created<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "made environment `{}`", self.environment)
    }
}

#[derive(Serialize)]
struct Removed<'a> {
    environment: &'a EnvironmentName,
}

impl Report for Removed<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "removed environment `{}`", self.environment)
    }
}

/// The environments, with what this machine saw last of each: to know more, one
/// would have to open them.
#[derive(Serialize)]
struct Listing<'a> {
    vault: Option<VaultId>,
    environments: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a EnvironmentName,
    revision: Option<u64>,
    members: Vec<&'a str>,
    /// The signer of whoever began it, as `KEYVAULT_VAULT_ID` takes it.
    founder: Option<String>,
}

impl Report for Listing<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.environments.iter().map(|row| {
            let revision = row
                .revision
                .map_or_else(String::new, |revision| revision.to_string());
            vec![row.name.to_string(), revision, row.members.join(",")]
        });
        table::write(out, &["NAME", "REVISION", "MEMBERS"], rows.collect())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.environments
            .iter()
            .try_for_each(|row| writeln!(out, "{}", row.name))
    }
}
