//! `keyvault init`.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use serde::{Serialize, Serializer};

use crate::context::identity::{IdentitySource, NewIdentity};
use crate::context::{Context, Founded, Founding, canonical};
use crate::error::{Error, shown};
use crate::name::{EnvironmentName, MemberName};
use crate::store::{PROJECT_FOLDER, VaultStore, in_git_work_tree};
use crate::ui::Report;
use crate::vault::VaultId;

/// Make a vault here, and your identity if you have none
///
/// The vault is the folder `.keyvault`, which may be committed: its files are
/// encrypted. The identity is the private key that opens them; it stays with you.
#[derive(clap::Args)]
pub struct InitArgs {
    /// Make the personal vault, which is used where no project's is found
    #[arg(long)]
    personal: bool,

    /// Leave a new identity without a passphrase, so that whoever reads its file
    /// opens your vaults
    #[arg(long)]
    no_passphrase: bool,

    /// Your name among the members (default: your login name)
    #[arg(long, value_name = "NAME")]
    name: Option<MemberName>,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the vault from being made.
pub fn run(args: &InitArgs, cx: &Context) -> Result<()> {
    match make(args, cx, cx.environment_to_create()?)? {
        Some(made) => Ok(cx.ui.outcome(&made)?),
        None => join(args, cx, vault_path(args, cx)?),
    }
}

impl InitArgs {
    /// Those of a project's vault.
    pub fn of_project(no_passphrase: bool) -> Self {
        Self {
            personal: false,
            no_passphrase,
            name: None,
        }
    }
}

/// Makes a vault, and an identity if there is none; `None` where there is a vault.
///
/// # Errors
///
/// Whatever kept the vault from being made.
pub fn make(args: &InitArgs, cx: &Context, environment: EnvironmentName) -> Result<Option<Made>> {
    let path = vault_path(args, cx)?;
    let state = cx.state_folder();
    let state = state.as_deref();
    // Before anything is made.
    cx.expected_vault()?;
    let found = VaultStore::open(&path, false, state)?;
    let is_new = found.is_none();
    if let Some(store) = found
        && !store.environments()?.is_empty()
    {
        return Ok(None);
    }
    // What can be refused comes before what leaves something behind: the person,
    // the folder, the identity.
    let new_identity = new_identity(args, cx)?;
    let store = VaultStore::create(&path, state)?;
    let result = fill(args, cx, &store, &environment, new_identity);
    if result.is_err() && is_new {
        // An empty vault would hide the one above.
        store.discard_if_empty();
    }
    let (made_identity, founded) = result?;
    Ok(Some(Made {
        vault: founded.vault,
        in_git: in_git_work_tree(&path) && !args.personal,
        path_brief: cx.brief(&path),
        path: shown(&path),
        environment,
        member: founded.member,
        identity: made_identity,
    }))
}

/// Makes an identity for somebody who has none and finds a vault, such as a
/// colleague's; whoever has one is told that there is a vault.
fn join(args: &InitArgs, cx: &Context, path: PathBuf) -> Result<()> {
    if let Some(place) = missing_identity(cx)?
        && let Some(identity) = keep(args, cx, cx.new_identity(place, !args.no_passphrase)?)?
    {
        return Ok(cx.ui.outcome(&Joining { identity })?);
    }
    Err(Error::VaultExists { path }.into())
}

fn fill(
    args: &InitArgs,
    cx: &Context,
    store: &VaultStore,
    environment: &EnvironmentName,
    new_identity: Option<NewIdentity>,
) -> Result<(Option<MadeIdentity>, Founded)> {
    let made_identity = match new_identity {
        Some(new) => keep(args, cx, new)?,
        None => None,
    };
    // Opened now: another keyvault may have made it, and another person.
    let founded = cx.identity().and_then(|_| {
        let name = args.name.clone();
        cx.found(store, environment, Founding::Vault, name)
    });
    let founded = founded.inspect_err(|_| {
        // Made all the same, and to be known about.
        if let Some(identity) = &made_identity {
            cx.ui.note(&identity.to_string());
        }
    })?;
    Ok((made_identity, founded))
}

/// Writes a new identity, unless another keyvault came first.
fn keep(args: &InitArgs, cx: &Context, new: NewIdentity) -> Result<Option<MadeIdentity>> {
    let kept = cx.keep_identity(new)?;
    Ok(kept.map(|path| MadeIdentity {
        brief: cx.brief(&path),
        path,
        plain: args.no_passphrase,
    }))
}

fn vault_path(args: &InitArgs, cx: &Context) -> Result<PathBuf> {
    let named = match cx.named_vault() {
        Some(_) if args.personal => {
            return Err(Error::Usage {
                message: "`--personal` and `--vault` name two places".to_owned(),
                hint: "pass one of them; `KEYVAULT_VAULT` counts as `--vault`".to_owned(),
            }
            .into());
        }
        _ if args.personal => cx.personal_vault()?,
        Some(path) => path,
        None => return Ok(cx.working_folder()?.join(PROJECT_FOLDER)),
    };
    match canonical(&named)? {
        Some(path) => Ok(path),
        None if named.is_absolute() => Ok(named),
        None => Ok(cx.working_folder()?.join(named)),
    }
}

/// Prepares an identity if there is none.
fn new_identity(args: &InitArgs, cx: &Context) -> Result<Option<NewIdentity>> {
    if let Some(path) = missing_identity(cx)? {
        return Ok(Some(cx.new_identity(path, !args.no_passphrase)?));
    }
    // Opened now, so that nothing is made for someone who cannot use it.
    cx.identity()?;
    Ok(None)
}

/// Returns where the identity should be, if it is not there.
fn missing_identity(cx: &Context) -> Result<Option<PathBuf>> {
    match cx.identity_source()? {
        IdentitySource::File(path) if canonical(&path)?.is_none() => Ok(Some(path)),
        IdentitySource::File(_) | IdentitySource::Variable(_) => Ok(None),
    }
}

/// An identity that was made.
struct MadeIdentity {
    path: PathBuf,
    brief: String,
    plain: bool,
}

impl fmt::Display for MadeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.plain {
            ", WITHOUT a passphrase: whoever reads this file opens your vaults"
        } else {
            "; keep a copy of it in a safe place"
        };
        write!(f, "made your identity `{}`{how}", self.brief)
    }
}

impl Serialize for MadeIdentity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&shown(&self.path))
    }
}

/// Somebody has an identity by now, and is to be added to the vault.
#[derive(Serialize)]
struct Joining {
    identity: MadeIdentity,
}

impl Report for Joining {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.identity)?;
        writeln!(
            out,
            "next: run `keyvault identity` and send its line to a member of the vault that is here"
        )
    }
}

/// A vault was made.
#[derive(Serialize)]
pub struct Made {
    vault: VaultId,
    path: String,
    environment: EnvironmentName,
    member: MemberName,
    /// Where an identity was made, if one was.
    identity: Option<MadeIdentity>,
    #[serde(skip)]
    path_brief: String,
    #[serde(skip)]
    in_git: bool,
}

impl Made {
    /// Says what was made.
    ///
    /// # Errors
    ///
    /// As `out` does.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(identity) = &self.identity {
            writeln!(out, "{identity}")?;
        }
        writeln!(
            out,
            "made vault `{}` with environment `{}`, member `{}`",
            self.path_brief, self.environment, self.member
        )?;
        if self.in_git {
            writeln!(out, "it may be committed: its files are encrypted")?;
        }
        Ok(())
    }
}

impl Report for Made {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write(out)?;
        let default = if self.environment.as_str() == "dev" {
            ""
        } else {
            &*format!(" --env {}", self.environment)
        };
        writeln!(
            out,
            "next: `keyvault add NAME{default}`, then `keyvault exec{default} -- PROGRAM`"
        )
    }
}
