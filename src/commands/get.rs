//! `keyvault get`.

use std::ffi::OsStr;

use anyhow::Result;

use crate::context::Context;
use crate::error::Error;
use crate::secret_value::SecretValue;
use crate::ui::{Format, Revealed};
use crate::vault::secret::SecretReference;

/// Give out the value of a secret
///
/// The exact bytes go to stdout; only on a terminal a line feed follows.
#[derive(clap::Args)]
pub struct GetArgs {
    /// The secret: NAME, NAME@3 or NAME@previous (several with --json)
    #[arg(value_name = "NAME", required = true)]
    secrets: Vec<SecretReference>,

    /// Give out this text if there is no such secret
    #[arg(long, value_name = "TEXT")]
    default: Option<String>,

    /// Accepted because other tools have it: the bytes are plain anyway.
    #[arg(short = 'n', long, hide = true)]
    plain: bool,
}

impl GetArgs {
    /// Takes one secret and no option.
    pub fn of(secret: &OsStr) -> Option<Self> {
        let secrets = vec![secret.to_str()?.parse().ok()?];
        Some(Self {
            secrets,
            default: None,
            plain: false,
        })
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept a value from being given out.
pub fn run(args: &GetArgs, cx: &Context) -> Result<()> {
    let default = args.default.clone().map(SecretValue::from_text);
    match (args.secrets.as_slice(), cx.ui.format) {
        ([reference], Format::Human) => one(reference, default.as_ref(), cx),
        (references, Format::Json) => all(references, default.as_ref(), cx),
        _ => Err(Error::Usage {
            message: "several values cannot be told apart on stdout".to_owned(),
            hint: "pass `--json`, or ask for one at a time".to_owned(),
        }
        .into()),
    }
}

/// Gives out one value, opening no more layers than it takes to find it.
fn one(reference: &SecretReference, default: Option<&SecretValue>, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let layers = cx.layers(&store)?;
    if layers.len() > 1 {
        // A mistyped one is an error even where the answer is in another.
        layers.iter().try_for_each(|layer| store.require(layer))?;
    }
    let mut missing = None;
    for environment in layers.iter().rev() {
        match cx.open_secret(&store, environment, &reference.name) {
            Ok(secret) => {
                let (_, value) =
                    secret.serve(&reference.name, reference.selector(), environment, cx.now())?;
                return Ok(cx.ui.reveal(value)?);
            }
            Err(error @ Error::NoSecret { .. }) => missing = missing.or(Some(error)),
            Err(error) => return Err(error.into()),
        }
    }
    if default.is_none() && layers.len() > 1 {
        // It has the words for all of them.
        cx.open_layers(&store)?.secret(&reference.name)?;
    }
    match (default, missing) {
        (None, Some(error)) => Err(error.into()),
        (value, _) => Ok(value.map_or(Ok(()), |value| cx.ui.reveal(value))?),
    }
}

fn all(references: &[SecretReference], default: Option<&SecretValue>, cx: &Context) -> Result<()> {
    let layers = cx.open_layers(&cx.store()?)?;
    let now = cx.now();
    let revealed = references.iter().map(|reference| {
        let key = reference.to_string();
        match (layers.secret(&reference.name), default) {
            (Ok(found), _) => {
                let environment = &found.environment.name;
                let (version, value) =
                    found
                        .secret
                        .serve(&reference.name, reference.selector(), environment, now)?;
                Ok(Revealed {
                    key,
                    origin: Some((environment, version.number)),
                    value,
                })
            }
            (Err(Error::NoSecret { .. }), Some(value)) => Ok(Revealed {
                key,
                origin: None,
                value,
            }),
            (Err(error), _) => Err(error),
        }
    });
    let revealed = revealed.collect::<Result<Vec<_>, Error>>()?;
    Ok(cx.ui.reveal_json(revealed)?)
}
