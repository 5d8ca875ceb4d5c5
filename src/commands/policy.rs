//! `keyvault policy`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::commands::options::lifetime::{PolicySettings, tell_destroyed};
use crate::context::Context;
use crate::error::Error;
use crate::name::{EnvironmentName, SecretName};
use crate::timestamp::{Period, Timestamp};
use crate::ui::{Report, table};
use crate::vault::Environment;
use crate::vault::policy::{KeepVersions, Surplus};
use crate::vault::secret::Secret;

/// What stands in the place of a name for all secrets without a policy of their own.
const DEFAULT: &str = "(default)";

/// Show or say how often secrets should get new values, and how many of them are kept
///
/// Without a name it is about all secrets of the environment that say nothing else
/// themselves. `status` tells which are due.
#[derive(clap::Args)]
pub struct PolicyArgs {
    /// The secret that it is about
    name: Option<SecretName>,

    #[command(flatten)]
    policy: PolicySettings,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the policy from being read or said; then nothing was changed.
pub fn run(args: &PolicyArgs, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    let change = args.policy.change();
    if change.is_empty() {
        let environment = cx.open(&store, &environment)?.environment()?;
        return Ok(cx
            .ui
            .answer(&Policies::of(&environment, args.name.as_ref())?)?);
    }
    let said = cx.edit(&store, &environment, |environment, author| {
        let (destroyed, policy) = match &args.name {
            Some(name) => {
                let destroyed = environment.set_policy(name, change, author)?;
                (destroyed, environment.secret(name)?.policy)
            }
            None => {
                let destroyed = environment.set_default_policy(change, author);
                (destroyed, environment.policy)
            }
        };
        Ok(Said {
            name: args.name.clone(),
            environment: environment.name.clone(),
            rotate_every: policy.rotate_every,
            keep_versions: policy.keep_versions,
            destroyed,
        })
    })?;
    Ok(cx.ui.outcome(&said)?)
}

/// What is wanted in an environment.
#[derive(Serialize)]
struct Policies<'a> {
    environment: &'a EnvironmentName,
    default: Default,
    secrets: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Default {
    rotate_every: Option<Period>,
    keep_versions: KeepVersions,
}

/// What a secret says itself, and when it is due by that or by the default.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a SecretName,
    rotate_every: Option<Period>,
    keep_versions: Option<KeepVersions>,
    due_at: Option<Timestamp>,
}

impl<'a> Policies<'a> {
    /// Lists the secrets that say something themselves or are due some time, or the one
    /// that is named.
    fn of(environment: &'a Environment, named: Option<&'a SecretName>) -> Result<Self, Error> {
        let line = |(name, secret): (&'a SecretName, &'a Secret)| Line {
            name,
            rotate_every: secret.policy.rotate_every,
            keep_versions: secret.policy.keep_versions,
            due_at: environment.due_at(secret),
        };
        let secrets = match named {
            Some(name) => vec![line((name, environment.secret(name)?))],
            None => {
                let says_something = |(_, secret): &(_, &Secret)| {
                    !secret.policy.is_empty() || environment.due_at(secret).is_some()
                };
                let secrets = environment.secrets.iter().filter(says_something);
                secrets.map(line).collect()
            }
        };
        Ok(Self {
            environment: &environment.name,
            default: Default {
                rotate_every: environment.policy.rotate_every,
                keep_versions: environment.policy.keep_versions.unwrap_or_default(),
            },
            secrets,
        })
    }
}

impl Report for Policies<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let default = vec![
            DEFAULT.to_owned(),
            or_nothing(self.default.rotate_every),
            self.default.keep_versions.to_string(),
            String::new(),
        ];
        let secrets = self.secrets.iter().map(|line| {
            vec![
                line.name.to_string(),
                or_nothing(line.rotate_every),
                or_nothing(line.keep_versions),
                or_nothing(line.due_at),
            ]
        });
        let rows = std::iter::once(default).chain(secrets);
        let head = ["NAME", "ROTATE EVERY", "KEEP", "DUE"];
        table::write(out, &head, rows.collect())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.secrets
            .iter()
            .try_for_each(|line| writeln!(out, "{}", line.name))
    }
}

fn or_nothing(what: Option<impl ToString>) -> String {
    what.map_or_else(String::new, |what| what.to_string())
}

/// A policy was changed.
#[derive(Serialize)]
struct Said {
    /// Of which secret; of all, where none is named.
    name: Option<SecretName>,
    environment: EnvironmentName,
    rotate_every: Option<Period>,
    keep_versions: Option<KeepVersions>,
    /// The versions whose values were destroyed because fewer are kept.
    destroyed: Vec<Surplus>,
}

impl Report for Said {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let whose = match &self.name {
            Some(name) => format!("`{name}` in `{}`", self.environment),
            None => format!("the secrets of `{}`", self.environment),
        };
        let said = [
            self.rotate_every
                .map(|every| format!("a new value every {every}")),
            self.keep_versions.map(|kept| match kept.get() {
                1 => "1 version kept".to_owned(),
                kept => format!("{kept} versions kept"),
            }),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        match said.as_slice() {
            [] => writeln!(out, "policy of {whose}: none"),
            said => writeln!(out, "policy of {whose}: {}", said.join(", ")),
        }?;
        tell_destroyed(&self.destroyed, out)
    }
}
