//! `keyvault get`.

use std::ffi::OsStr;

use anyhow::Result;

use crate::context::Context;
use crate::context::clipboard::Way;
use crate::context::dates::Given;
use crate::error::Error;
use crate::name::SecretName;
use crate::secret_value::SecretValue;
use crate::timestamp::Period;
use crate::ui::{Format, Revealed};
use crate::vault::secret::SecretReference;

/// How long a value stays on the clipboard, as with pass(1).
const CLEAR_AFTER: Period = Period::from_seconds(45);

/// And at most: a clearing that comes later finds nobody who remembers.
const CLEAR_AFTER_MAX: Period = Period::from_seconds(60 * 60);

/// Give out the value of a secret
///
/// The exact bytes go to stdout; only on a terminal a line feed follows.
///
/// With --clipboard they go by `wl-copy`, `xclip`, `xsel` or `pbcopy` where there is a
/// display, by tmux within it, and else through the terminal (OSC 52). Other programs can
/// read the clipboard, and one that remembers its history keeps the value.
#[derive(clap::Args)]
pub struct GetArgs {
    /// The secret: NAME, NAME@3 or NAME@previous (several with --json)
    #[arg(value_name = "NAME", required = true)]
    secrets: Vec<SecretReference>,

    /// Give out this text if there is no such secret
    #[arg(long, value_name = "TEXT")]
    default: Option<String>,

    /// Give it out though it has expired, with a warning
    #[arg(long)]
    allow_expired: bool,

    /// Put it on the clipboard, and nothing on stdout
    #[arg(short, long)]
    clipboard: bool,

    /// Clear the clipboard after this time, if the value is still there [default: 45s]
    #[arg(long, value_name = "TIME", requires = "clipboard")]
    clear_after: Option<Period>,

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
            allow_expired: false,
            clipboard: false,
            clear_after: None,
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
        ([reference], Format::Human) if args.clipboard => {
            let clear_after = clear_after(args)?;
            let give = |value: &SecretValue| copy(&reference.name, value, clear_after, cx);
            one(reference, default.as_ref(), args.allow_expired, give, cx)
        }
        _ if args.clipboard => Err(Error::Usage {
            message: "the clipboard takes the value of one secret".to_owned(),
            hint: "run `keyvault get -c NAME`, without `--json`".to_owned(),
        }
        .into()),
        ([reference], Format::Human) => {
            let give = |value: &SecretValue| cx.ui.reveal(value);
            one(reference, default.as_ref(), args.allow_expired, give, cx)
        }
        (references, Format::Json) => all(references, default.as_ref(), args.allow_expired, cx),
        _ => Err(Error::Usage {
            message: "several values cannot be told apart on stdout".to_owned(),
            hint: "pass `--json`, or ask for one at a time".to_owned(),
        }
        .into()),
    }
}

/// Returns for how long the clipboard keeps a value.
fn clear_after(args: &GetArgs) -> Result<Period, Error> {
    let period = args.clear_after.unwrap_or(CLEAR_AFTER);
    if period.as_seconds() == 0 || period > CLEAR_AFTER_MAX {
        return Err(Error::Usage {
            message: format!("a value stays on the clipboard for {CLEAR_AFTER_MAX} at most"),
            hint: format!("pass a time up to that, as in `--clear-after {CLEAR_AFTER}`"),
        });
    }
    Ok(period)
}

/// Puts a value on the clipboard, and says how long it stays.
fn copy(
    name: &SecretName,
    value: &SecretValue,
    clear_after: Period,
    cx: &Context,
) -> Result<(), Error> {
    match cx.copy_to_clipboard(name, value, clear_after)? {
        Way::Tool(tool) => cx.ui.note(&format!(
            "`{name}` is on the clipboard, by `{}`, for {clear_after}; then it is cleared if it still holds the value",
            tool.name()
        )),
        Way::Terminal => cx.ui.note(&format!(
            "`{name}` went to the terminal's clipboard (OSC 52), if it has one; in {clear_after} it is cleared, whatever it holds then"
        )),
    }
    Ok(())
}

/// Gives out one value, opening no more layers than it takes to find it.
fn one(
    reference: &SecretReference,
    default: Option<&SecretValue>,
    allow_expired: bool,
    give: impl Fn(&SecretValue) -> Result<(), Error>,
    cx: &Context,
) -> Result<()> {
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
                let serving = cx.serving(allow_expired);
                let (name, selector) = (&reference.name, reference.selector());
                let (version, value) = secret.serve(name, selector, environment, serving)?;
                cx.warn_of_expired([Given::version(name, environment, version)]);
                let served = format!("{name}@{}", version.number);
                cx.log_use([environment], vec![served], None)?;
                return Ok(give(value)?);
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
        (value, _) => Ok(value.map_or(Ok(()), give)?),
    }
}

fn all(
    references: &[SecretReference],
    default: Option<&SecretValue>,
    allow_expired: bool,
    cx: &Context,
) -> Result<()> {
    let layers = cx.open_layers(&cx.store()?)?;
    let serving = cx.serving(allow_expired);
    let mut given = Vec::new();
    let revealed = references.iter().map(|reference| {
        let key = reference.to_string();
        match (layers.secret(&reference.name), default) {
            (Ok(found), _) => {
                let environment = &found.environment.name;
                let (name, selector) = (&reference.name, reference.selector());
                let (version, value) = found.secret.serve(name, selector, environment, serving)?;
                given.push(Given::version(name, environment, version));
                Ok(Revealed {
                    key,
                    name: &reference.name,
                    origin: Some((environment, version.number)),
                    expires_at: version.expires_at,
                    value,
                })
            }
            (Err(Error::NoSecret { .. }), Some(value)) => Ok(Revealed {
                key,
                name: &reference.name,
                origin: None,
                expires_at: None,
                value,
            }),
            (Err(error), _) => Err(error),
        }
    });
    let revealed = revealed.collect::<Result<Vec<_>, Error>>()?;
    cx.warn_of_expired(given);
    let served = revealed.iter().filter_map(Revealed::reference);
    let served: Vec<String> = served.collect();
    if !served.is_empty() {
        cx.log_use(layers.names(), served, None)?;
    }
    Ok(cx.ui.reveal_json(revealed)?)
}
