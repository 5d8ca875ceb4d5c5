//! `keyvault list`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::name::{EnvironmentName, Remark, SecretName, Tag};
use crate::timestamp::Timestamp;
use crate::ui::{Report, table};
use crate::vault::layers::Layered;
use crate::vault::rotation::Stage;
use crate::vault::secret::VersionState;

/// List the secrets of an environment, never their values
#[derive(clap::Args)]
pub struct ListArgs {
    /// Only those with this tag (may be repeated; any of them counts)
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<Tag>,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the environment from being opened.
pub fn run(args: &ListArgs, cx: &Context) -> Result<()> {
    let layers = cx.open_layers(&cx.store()?)?;
    let now = cx.now();
    let wanted = |found: &Layered<'_>| {
        args.tags.is_empty() || found.secret.tags.iter().any(|tag| args.tags.contains(tag))
    };
    let secrets = layers.secrets().into_values().filter(wanted);
    let secrets: Vec<Row<'_>> = secrets.map(|found| Row::of(found, now)).collect();
    let environment = &layers.top().name;
    if secrets.is_empty() && args.tags.is_empty() {
        cx.ui.note(&format!(
            "there is no secret in `{environment}` yet; add one with `keyvault add NAME --env {environment}`"
        ));
    }
    Ok(cx.ui.answer(&Listing {
        secrets,
        layered: layers.are_several(),
    })?)
}

#[derive(Serialize)]
struct Listing<'a> {
    secrets: Vec<Row<'a>>,
    #[serde(skip)]
    layered: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a SecretName,
    environment: &'a EnvironmentName,
    state: VersionState,
    version: u32,
    created_at: Timestamp,
    created_by: &'a str,
    age_seconds: u64,
    expires_at: Option<Timestamp>,
    /// Whether it is refused because of that, by the time that dates are judged by.
    expired: bool,
    /// Whether a rotation is under way, so that no other can begin.
    rotating: bool,
    description: Option<&'a Remark>,
    tags: &'a [Tag],
    #[serde(skip)]
    age: String,
}

impl<'a> Row<'a> {
    fn of(found: Layered<'a>, now: Timestamp) -> Self {
        let version = found.secret.representative();
        let age = version.created_at.age(now);
        Self {
            name: found.name,
            environment: &found.environment.name,
            state: version.state,
            version: version.number,
            created_at: version.created_at,
            created_by: version.created_by.as_str(),
            age_seconds: age.as_seconds(),
            expires_at: version.expires_at,
            expired: version.state == VersionState::Current && version.is_expired(now),
            rotating: found.secret.stage() != Stage::Idle,
            description: found.secret.description.as_ref(),
            tags: &found.secret.tags,
            age: age.rounded().to_string(),
        }
    }
}

impl Row<'_> {
    /// Says in a word or two what it is good for: what has expired is not served, whatever
    /// state it is in.
    fn state(&self) -> String {
        let state = if self.expired {
            "expired".to_owned()
        } else {
            self.state.to_string()
        };
        if self.rotating {
            state + ", rotating"
        } else {
            state
        }
    }
}

impl Report for Listing<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.secrets.is_empty() {
            return Ok(());
        }
        let rows = self.secrets.iter().map(|row| {
            let tags: Vec<&str> = row.tags.iter().map(Tag::as_str).collect();
            let or_nothing = |text: Option<String>| text.unwrap_or_default();
            vec![
                row.name.to_string(),
                if self.layered {
                    row.environment.to_string()
                } else {
                    String::new()
                },
                row.state(),
                row.version.to_string(),
                row.age.clone(),
                or_nothing(row.expires_at.as_ref().map(Timestamp::to_string)),
                tags.join(","),
                row.description.map_or("", Remark::as_str).to_owned(),
            ]
        });
        let head = [
            "NAME",
            "ENVIRONMENT",
            "STATE",
            "VERSION",
            "AGE",
            "EXPIRES",
            "TAGS",
            "DESCRIPTION",
        ];
        table::write(out, &head, rows.collect())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.secrets
            .iter()
            .try_for_each(|row| writeln!(out, "{}", row.name))
    }
}
