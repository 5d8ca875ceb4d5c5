//! `keyvault env copy`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::commands::add::confirm_creation;
use crate::commands::import::{ConflictArg, ask_about};
use crate::commands::options::lifetime::{tell_destroyed, tell_retiring};
use crate::commands::options::selection::SelectionArgs;
use crate::context::{Context, Founding};
use crate::error::Error;
use crate::name::{EnvironmentName, SecretName};
use crate::store::VaultStore;
use crate::ui::Report;
use crate::vault::Environment;
use crate::vault::compare::members_without;
use crate::vault::copy::Copies;
use crate::vault::import::{OnConflict, Plan, Retiring};
use crate::vault::layers::Layers;
use crate::vault::policy::Surplus;

/// Copy secrets from one environment to another
///
/// All of them or none: their values in use, with descriptions, tags and expiry, and
/// without earlier versions. What was revoked is left out. Whoever is a member of the
/// other environment can read the copies: those who could not before are named first,
/// and you are asked.
#[derive(clap::Args)]
pub struct CopyArgs {
    /// Where the secrets are
    #[arg(value_name = "FROM")]
    from: EnvironmentName,

    /// Where they are to be as well
    #[arg(value_name = "TO")]
    to: EnvironmentName,

    #[command(flatten)]
    selection: SelectionArgs,

    /// What to do with secrets that are there with another value: ask, skip or
    /// rotate [default: ask; without a terminal nothing is copied then]
    #[arg(long, value_name = "WHAT", hide_possible_values = true)]
    on_conflict: Option<ConflictArg>,

    /// Make the other environment if there is none of this name
    #[arg(long)]
    create_env: bool,

    /// Do not ask whether the other environment's members may read the copies
    #[arg(short, long)]
    yes: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secrets from being copied, and then none was.
pub fn run(args: &CopyArgs, cx: &Context) -> Result<()> {
    let (from, to) = (&args.from, &args.to);
    if from == to {
        return Err(Error::Usage {
            message: format!("`{from}` cannot be copied to itself"),
            hint: "name two environments; `keyvault env list` shows those there are".to_owned(),
        }
        .into());
    }
    let store = cx.store()?;
    store.require(from)?;
    let exists = store.has(to)?;
    if !exists {
        confirm_creation(args.create_env, cx, &store, to)?;
    }
    let source = Layers::new(vec![cx.open(&store, from)?.environment()?]);
    let (names, versions) = choose(args, &source, cx)?;
    let target = exists.then(|| cx.open(&store, to)?.environment());
    let target = target.transpose()?;
    if let Some(target) = &target {
        cx.check_writer(target)?;
        confirm_readers(args, target, source.top(), names.len(), cx)?;
    }
    let copies = Copies::of(source.into_top(), &names);
    let on_conflict = settle(args, &copies, target.as_ref(), cx)?;
    drop(target);
    if !versions.is_empty() {
        cx.log_use([from], versions, None)?;
    }
    let plan = save(to, copies, &on_conflict, &store, cx)?;
    Ok(cx.ui.outcome(&Copied {
        from,
        to,
        added: &plan.added,
        rotated: &plan.rotated,
        unchanged: &plan.unchanged,
        skipped: &plan.skipped,
        destroyed: &plan.destroyed,
        retiring: &plan.retiring,
        counts: plan.counts(),
    })?)
}

/// Chooses as `exec` does. Returns the names, and the versions as the audit log has them.
fn choose(
    args: &CopyArgs,
    source: &Layers,
    cx: &Context,
) -> Result<(Vec<SecretName>, Vec<String>), Error> {
    let selection = args.selection.selection();
    let selected = selection.of(source, cx.now())?;
    for name in &selected.revoked {
        cx.ui.warn(&format!("`{name}` is revoked and was left out"));
    }
    let chosen = selected.chosen.iter();
    Ok(chosen
        .map(|secret| (secret.name.clone(), secret.reference()))
        .unzip())
}

/// Asks whether those may read the copies who cannot read the originals.
fn confirm_readers(
    args: &CopyArgs,
    target: &Environment,
    source: &Environment,
    count: usize,
    cx: &Context,
) -> Result<(), Error> {
    let readers = members_without(target, source);
    if args.yes || readers.is_empty() || count == 0 {
        return Ok(());
    }
    let names: Vec<&str> = readers.iter().map(|member| member.name.as_str()).collect();
    let question = format!(
        "Let {}, who cannot open {}, read {count} of its secrets?",
        names.join(", "),
        source.name
    );
    cx.ui.confirm(&question, "--yes")
}

/// Decides what to do with conflicts, before the vault is locked.
fn settle(
    args: &CopyArgs,
    copies: &Copies,
    target: Option<&Environment>,
    cx: &Context,
) -> Result<OnConflict, Error> {
    let on_conflict = ConflictArg::unasked(args.on_conflict);
    let Some(target) = target else {
        return Ok(on_conflict);
    };
    let plan = target.plan_import(&copies.values, &on_conflict)?;
    if plan.conflicts.is_empty() {
        return Ok(on_conflict);
    }
    ask_about(plan.conflicts, &target.name, cx)
}

fn save(
    to: &EnvironmentName,
    copies: Copies,
    on_conflict: &OnConflict,
    store: &VaultStore,
    cx: &Context,
) -> Result<Plan, Error> {
    if !store.has(to)? {
        match cx.found(store, to, Founding::Environment, None) {
            // Another keyvault came first, with the same in mind.
            Ok(_) | Err(Error::EnvironmentExists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    cx.edit(store, to, |environment, author| {
        environment.copy_in(copies, on_conflict, author)
    })
}

#[derive(Serialize)]
struct Copied<'a> {
    from: &'a EnvironmentName,
    to: &'a EnvironmentName,
    added: &'a [SecretName],
    rotated: &'a [SecretName],
    unchanged: &'a [SecretName],
    skipped: &'a [SecretName],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    destroyed: &'a [Surplus],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    retiring: &'a [Retiring],
    #[serde(skip)]
    counts: String,
}

impl Report for Copied<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let what = match &*self.counts {
            "" => "nothing",
            counts => counts,
        };
        writeln!(out, "copied from `{}` to `{}`: {what}", self.from, self.to)?;
        tell_destroyed(self.destroyed, out)?;
        tell_retiring(self.retiring, self.to, out)
    }
}
