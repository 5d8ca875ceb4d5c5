//! `keyvault init`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::context::identity::IdentitySource;
use crate::context::{Context, canonical};
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
    let environment = cx.environment_to_create()?;
    let path = vault_path(args, cx)?;
    let state = cx.state_folder();
    let state = state.as_deref();
    if let Some(store) = VaultStore::open(&path, false, state)?
        && !store.environments()?.is_empty()
    {
        return Err(Error::VaultExists { path }.into());
    }
    let made_identity = make_identity(args, cx)?;
    let store = VaultStore::create(&path, state)?;
    let vault = cx.vault_id(&store)?;
    let member = match &args.name {
        Some(name) => name.clone(),
        None => cx.member_name(&store)?,
    };
    cx.found(&store, vault, environment.clone(), member.clone())?;
    cx.ui.outcome(&Made {
        vault,
        in_git: in_git_work_tree(&path) && !args.personal,
        path_brief: cx.brief(&path),
        path: shown(&path),
        environment,
        member,
        identity_brief: made_identity.as_deref().map(|path| cx.brief(path)),
        identity: made_identity.as_deref().map(shown),
        plain: args.no_passphrase,
    })?;
    Ok(())
}

fn vault_path(args: &InitArgs, cx: &Context) -> Result<PathBuf> {
    let here = cx.working_folder()?;
    let named = match cx.named_vault() {
        _ if args.personal => cx.personal_vault()?,
        Some(path) => path,
        None => return Ok(here.join(PROJECT_FOLDER)),
    };
    Ok(canonical(&named)?.unwrap_or_else(|| here.join(named)))
}

/// Makes the identity if there is none, and returns where.
fn make_identity(args: &InitArgs, cx: &Context) -> Result<Option<PathBuf>> {
    if let IdentitySource::File(path) = cx.identity_source()?
        && canonical(&path)?.is_none()
        && cx.make_identity(&path, !args.no_passphrase)?
    {
        return Ok(Some(path));
    }
    // Opened now, so that nothing is made for someone who cannot use it.
    cx.identity()?;
    Ok(None)
}

#[derive(Serialize)]
struct Made {
    vault: VaultId,
    path: String,
    environment: EnvironmentName,
    member: MemberName,
    /// Where an identity was made, if one was.
    identity: Option<String>,
    #[serde(skip)]
    identity_brief: Option<String>,
    #[serde(skip)]
    path_brief: String,
    #[serde(skip)]
    plain: bool,
    #[serde(skip)]
    in_git: bool,
}

impl Report for Made {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.identity_brief {
            Some(path) if self.plain => writeln!(
                out,
                "made your identity `{path}`, WITHOUT a passphrase: whoever reads this file opens your vaults"
            )?,
            Some(path) => writeln!(
                out,
                "made your identity `{path}`; keep a copy of it in a safe place"
            )?,
            None => {}
        }
        writeln!(
            out,
            "made vault `{}` with environment `{}`, member `{}`",
            self.path_brief, self.environment, self.member
        )?;
        if self.in_git {
            writeln!(out, "it may be committed: its files are encrypted")?;
        }
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
