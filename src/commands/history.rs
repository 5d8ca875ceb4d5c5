//! `keyvault history`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::name::{EnvironmentName, MemberName, Remark, SecretName};
use crate::seal::digest::Fingerprint;
use crate::timestamp::Timestamp;
use crate::ui::{Report, table};
use crate::vault::VaultId;
use crate::vault::secret::{SecretVersion, VersionState};

/// How much of a fingerprint a table shows: enough to tell the values of a vault apart.
const FINGERPRINT_SHOWN: usize = 12;

/// Show the versions of a secret, the newest first, and never a value
///
/// Versions with the same fingerprint have the same value. It hides a random value, and not
/// one that a person thought of: whoever has it and knows the vault's id can try guesses, so
/// leave it out of what you show around. `get NAME@N` gives out an old
/// one that is not destroyed, `rollback NAME --to N` brings it back into use.
#[derive(clap::Args)]
pub struct HistoryArgs {
    /// Name of the secret
    name: SecretName,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secret from being found.
pub fn run(args: &HistoryArgs, cx: &Context) -> Result<()> {
    let layers = cx.open_layers(&cx.store()?)?;
    let found = layers.secret(&args.name)?;
    let vault = found.environment.vault;
    let versions = found.secret.versions.iter().rev();
    Ok(cx.ui.answer(&History {
        name: found.name,
        environment: &found.environment.name,
        versions: versions.map(|version| Line::of(version, vault)).collect(),
    })?)
}

#[derive(Serialize)]
struct History<'a> {
    name: &'a SecretName,
    environment: &'a EnvironmentName,
    versions: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    state: VersionState,
    has_value: bool,
    created_at: Timestamp,
    created_by: &'a MemberName,
    expires_at: Option<Timestamp>,
    /// When it is to be given back to where it came from.
    retire_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    destroyed_at: Option<Timestamp>,
    reason: Option<&'a Remark>,
    fingerprint: Option<Fingerprint>,
}

impl<'a> Line<'a> {
    fn of(version: &'a SecretVersion, vault: VaultId) -> Self {
        let revocation = version.revocation.as_ref();
        let destruction = version.destruction.as_ref();
        Self {
            version: version.number,
            state: version.state,
            has_value: version.value.is_some(),
            created_at: version.created_at,
            created_by: &version.created_by,
            expires_at: version.expires_at,
            retire_at: version.retirement.as_ref().map(|owed| owed.at),
            revoked_at: revocation.map(|record| record.at),
            destroyed_at: destruction.map(|record| record.at),
            reason: revocation.and_then(|record| record.reason.as_ref()),
            fingerprint: version.fingerprint(vault.as_ref()),
        }
    }
}

impl Report for History<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let or_nothing = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
        let rows = self.versions.iter().map(|line| {
            let fingerprint = line.fingerprint.map(|print| print.to_string());
            let mut fingerprint = fingerprint.unwrap_or_default();
            fingerprint.truncate(FINGERPRINT_SHOWN);
            vec![
                line.version.to_string(),
                line.state.to_string(),
                line.created_at.to_string(),
                line.created_by.to_string(),
                or_nothing(line.expires_at),
                or_nothing(line.retire_at),
                or_nothing(line.revoked_at.or(line.destroyed_at)),
                fingerprint,
                line.reason.map_or("", Remark::as_str).to_owned(),
            ]
        });
        let head = [
            "VERSION",
            "STATE",
            "CREATED",
            "BY",
            "EXPIRES",
            "RETIRES",
            "DESTROYED",
            "FINGERPRINT",
            "REASON",
        ];
        table::write(out, &head, rows.collect())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.versions
            .iter()
            .try_for_each(|line| writeln!(out, "{}", line.version))
    }
}
