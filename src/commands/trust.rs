//! `keyvault trust`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::name::{EnvironmentName, MemberName};
use crate::store::Inspected;
use crate::store::pin::{Pin, Verdict};
use crate::timestamp::Timestamp;
use crate::ui::{Format, Report};
use crate::vault::VaultId;
use crate::vault::roster::Member;

/// Show how an environment differs from what this machine saw last, and accept it
///
/// What is damaged, unsigned or signed by somebody who is not in its roster is
/// never accepted. Where a save seen before was made by a clock far ahead, and this one
/// was not, dates are judged by this one again.
#[derive(clap::Args)]
pub struct TrustArgs {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever keeps the file from being verified; then nothing was accepted.
pub fn run(args: &TrustArgs, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let environment = cx.environment(&store)?;
    store.require(&environment)?;
    let expected = cx.expected_vault()?;
    let inspected = store.inspect(&environment, cx.identity()?, expected.as_ref())?;
    // A clock that cannot be right is no reason to forget a time.
    let has_clock = cx.clock().oddity().is_none();
    let mut change = Change::of(&environment, &inspected, has_clock);
    if change.same {
        return Ok(cx.ui.outcome(&change)?);
    }
    if !args.yes {
        if cx.ui.format == Format::Json {
            cx.ui.answer(&change)?;
            return Err(Error::Usage {
                message: "the change was shown and not trusted: with `--json` nothing is asked"
                    .to_owned(),
                hint: "pass `--yes` as well to trust it".to_owned(),
            }
            .into());
        }
        cx.ui.show(&change);
        change.shown = true;
        cx.ui.confirm(
            &format!("Trust environment {environment} as it is now?"),
            "--yes",
        )?;
    }
    cx.log_use([&environment], Vec::new(), None)?;
    if change.newer_save.is_some() {
        store.pins().forget_newest_save(&environment)?;
    }
    store.pins().set(&inspected.after)?;
    change.trusted = true;
    Ok(cx.ui.outcome(&change)?)
}

#[derive(Serialize)]
struct Change<'a> {
    environment: &'a EnvironmentName,
    same: bool,
    seen: Option<State<'a>>,
    found: State<'a>,
    surprise: Option<String>,
    /// When a save was made that was seen before this state, and by its clock is newer.
    newer_save: Option<Timestamp>,
    trusted: bool,
    /// Whether a person has seen it, and only wants to hear that it is done.
    #[serde(skip)]
    shown: bool,
}

#[derive(Serialize)]
struct State<'a> {
    vault: VaultId,
    revision: u64,
    members: Vec<&'a Member>,
}

impl<'a> State<'a> {
    fn of(pin: &'a Pin) -> Self {
        Self {
            vault: pin.vault,
            revision: pin.revision,
            members: pin.members.iter().collect(),
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self
            .members
            .iter()
            .map(|member| member.name.as_str())
            .collect();
        names.join(", ")
    }

    /// Returns the members that `other` does not have.
    fn without(&self, other: &Self) -> Vec<&'a Member> {
        let members = self.members.iter().copied();
        members
            .filter(|member| other.member(&member.name).is_none())
            .collect()
    }

    /// Returns the members that `other` has with another recipient or signer.
    fn changed(&self, other: &Self) -> Vec<&'a Member> {
        let is_changed = |member: &&Member| {
            other.member(&member.name).is_some_and(|known| {
                known.recipient != member.recipient || known.signer != member.signer
            })
        };
        self.members.iter().copied().filter(is_changed).collect()
    }

    fn member(&self, name: &MemberName) -> Option<&Member> {
        let mut members = self.members.iter();
        members.find(|member| member.name == *name).copied()
    }
}

impl<'a> Change<'a> {
    fn of(environment: &'a EnvironmentName, inspected: &'a Inspected, has_clock: bool) -> Self {
        let surprise = match &inspected.verdict {
            Verdict::Elsewhere(surprise, _) | Verdict::Refused(surprise) => {
                Some(surprise.to_string())
            }
            Verdict::Same | Verdict::Newer => None,
        };
        let is_same = inspected.verdict == Verdict::Same;
        // An earlier state is older by any clock.
        let newest = inspected.before.as_ref().and_then(|pin| pin.updated_at);
        let newer_save =
            newest.filter(|_| has_clock && is_same && newest > inspected.after.updated_at);
        Self {
            environment,
            same: is_same && newer_save.is_none(),
            newer_save,
            seen: inspected.before.as_ref().map(State::of),
            found: State::of(&inspected.after),
            surprise,
            trusted: false,
            shown: false,
        }
    }

    fn describe(&self, out: &mut dyn Write) -> io::Result<()> {
        let found = &self.found;
        if let Some(surprise) = &self.surprise {
            writeln!(out, "environment `{}` {surprise}", self.environment)?;
        }
        if let Some(newer) = self.newer_save {
            return writeln!(
                out,
                "environment `{}` was saved by a clock that said {newer}, and by an earlier one since: by that dates would be judged again",
                self.environment
            );
        }
        if let Some(seen) = &self.seen {
            writeln!(
                out,
                "  seen:  vault {}, revision {}, members {}",
                seen.vault,
                seen.revision,
                seen.names()
            )?;
        }
        writeln!(
            out,
            "  found: vault {}, revision {}, members {}",
            found.vault,
            found.revision,
            found.names()
        )?;
        if let Some(seen) = &self.seen {
            for (what, members) in [
                ("new here", found.without(seen)),
                ("with another recipient or signer", found.changed(seen)),
            ] {
                for member in members {
                    writeln!(out, "  {what}: {}", introduced(member))?;
                }
            }
            for member in seen.without(found) {
                writeln!(out, "  no longer here: {}", member.name)?;
            }
        } else {
            for member in &found.members {
                writeln!(out, "  {}", introduced(member))?;
            }
        }
        Ok(())
    }
}

/// Writes a member as `keyvault identity` prints it, for a person to compare.
fn introduced(member: &Member) -> String {
    let signer = match &member.signer {
        Some(signer) => format!("ed25519:{signer}"),
        None => "(a reader)".to_owned(),
    };
    format!("{} {} {signer}", member.name, member.recipient)
}

impl Report for Change<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let (environment, revision) = (self.environment, self.found.revision);
        if self.same {
            return writeln!(
                out,
                "environment `{environment}` is as this machine saw it last (revision {revision})"
            );
        }
        if !self.shown {
            self.describe(out)?;
        }
        if self.trusted {
            writeln!(
                out,
                "environment `{environment}` is trusted as it is now (revision {revision})"
            )?;
        }
        Ok(())
    }
}
