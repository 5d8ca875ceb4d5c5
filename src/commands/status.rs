//! `keyvault status`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::Code;
use crate::store::manifest::{MANIFEST, Manifest};
use crate::ui::{Report, table};
use crate::vault::attention::{self, Attention, Kind};

/// Show what needs attention, the worst first
///
/// Secrets that have expired, and those that `.env.example` lists and the environment
/// lacks. Exit code 8 if there is any.
#[derive(clap::Args)]
pub struct StatusArgs {}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the environment or the manifest from being read.
pub fn run(_: &StatusArgs, cx: &Context) -> Result<Code> {
    let store = cx.store()?;
    let layers = cx.open_layers(&store)?;
    let manifest = Manifest::beside(store.path())?;
    let missing = manifest.map(|manifest| manifest.lacking(|name| layers.has(name)));
    let attention = attention::of(&layers, missing.unwrap_or_default(), cx.now());
    let code = if attention.is_empty() {
        Code::Ok
    } else {
        Code::Attention
    };
    if attention.is_empty() {
        cx.ui.note("nothing needs attention");
    }
    let lines = attention.into_iter().map(|attention| Line {
        mend: cx.ui.as_typed(&mend(&attention)),
        attention,
    });
    cx.ui.answer(&Status {
        attention: lines.collect(),
    })?;
    Ok(code)
}

fn mend(attention: &Attention) -> String {
    let Attention {
        name, environment, ..
    } = attention;
    let verb = match attention.kind {
        Kind::Expired => "rotate",
        Kind::Missing => "add",
    };
    format!("`keyvault {verb} {name} --env {environment}`")
}

#[derive(Serialize)]
struct Status {
    attention: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    attention: Attention,
    #[serde(skip)]
    mend: String,
}

impl Report for Status {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.attention.iter().map(|Line { attention, mend }| {
            let (kind, why) = match (attention.kind, attention.since) {
                (Kind::Expired, Some(at)) => ("expired", format!("since {at}")),
                (Kind::Expired, None) => ("expired", String::new()),
                (Kind::Missing, _) => ("missing", format!("listed in {MANIFEST}")),
            };
            vec![
                kind.to_owned(),
                attention.name.to_string(),
                attention.environment.to_string(),
                why,
                mend.trim_matches('`').to_owned(),
            ]
        });
        if self.attention.is_empty() {
            return Ok(());
        }
        let head = ["KIND", "NAME", "ENVIRONMENT", "WHY", "MEND"];
        table::write(out, &head, rows.collect())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.attention
            .iter()
            .try_for_each(|line| writeln!(out, "{}", line.attention.name))
    }
}
