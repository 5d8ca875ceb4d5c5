//! `keyvault add`.

use std::io::{self, Write};

use anyhow::Result;

use crate::child::environment::is_dangerous;
use crate::commands::options::lifetime::{LifetimeArgs, until};
use crate::commands::options::value_source::{ValueArgs, secret_name};
use crate::context::{Context, Founding};
use crate::error::Error;
use crate::name::{EnvironmentName, Remark, SecretName, Tag};
use crate::store::VaultStore;
use crate::ui::Report;
use crate::vault::{Added, NewSecret};

/// Add a secret
///
/// The value is piped in, or typed at a prompt that does not show it; it is
/// never taken from the command line.
#[derive(clap::Args)]
pub struct AddArgs {
    /// Name of the secret, and of the variable that programs find it under
    #[arg(value_parser = secret_name)]
    name: SecretName,

    #[command(flatten)]
    value: ValueArgs,

    /// Say what it is
    #[arg(long, value_name = "TEXT")]
    description: Option<Remark>,

    /// File it under a tag (may be repeated)
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<Tag>,

    #[command(flatten)]
    lifetime: LifetimeArgs,

    /// Make the environment if there is none of this name
    #[arg(long)]
    create_env: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secret from being added; then nothing was.
pub fn run(args: &AddArgs, cx: &Context) -> Result<()> {
    args.value.refuse_stray("add", &args.name)?;
    // Before anything is asked, and again once the time is known for sure.
    args.lifetime.from(cx.now())?;
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let create = !store.has(&environment)?;
    if create {
        confirm_creation(args.create_env, cx, &store, &environment)?;
    } else {
        let environment = cx.open(&store, &environment)?.environment()?;
        environment.check_addable(&args.name)?;
        cx.check_writer(&environment)?;
    }
    let lifetime = args.lifetime.from(cx.now())?;
    let value = args
        .value
        .read(cx, &format!("Value of {} in {environment}: ", args.name))?;
    if create {
        match cx.found(&store, &environment, Founding::Environment, None) {
            // Another keyvault came first, with the same in mind.
            Ok(_) | Err(Error::EnvironmentExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let new = NewSecret {
        name: args.name.clone(),
        value,
        description: args.description.clone(),
        tags: args.tags.clone(),
    };
    let added = cx.edit(&store, &environment, |environment, author| {
        environment.add_for(lifetime, new, author)
    })?;
    cx.ui.outcome(&added)?;
    if added.empty {
        cx.ui
            .warn(&format!("the value of `{}` is empty", added.name));
    }
    if is_dangerous(added.name.as_str()) {
        cx.ui.warn(&format!(
            "`{0}` can take a program over: `exec` passes it on only with `--allow-dangerous {0}`",
            added.name
        ));
    }
    Ok(())
}

/// Asks whether to make an environment that is not there, unless that was said.
///
/// # Errors
///
/// [`Error::NoEnvironment`] where nobody can be asked; [`Error::Declined`].
pub fn confirm_creation(
    create_env: bool,
    cx: &Context,
    store: &VaultStore,
    name: &EnvironmentName,
) -> Result<(), Error> {
    if create_env {
        return Ok(());
    }
    // Where nobody can be asked, the answer is what it would be anywhere else.
    if !cx.ui.can_ask() {
        store.require(name)?;
    }
    let question = format!("There is no environment {name} here. Make it?");
    cx.ui.confirm(&question, "--create-env")
}

impl Report for Added {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "added `{}` to `{}` (version {}{})",
            self.name,
            self.environment,
            self.version,
            until(self.expires_at)
        )
    }
}
