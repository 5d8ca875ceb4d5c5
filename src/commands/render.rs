//! `keyvault render`.

use std::cell::RefCell;
use std::path::PathBuf;

use anyhow::Result;

use crate::commands::options::output::{OutputArgs, Replacing};
use crate::context::Context;
use crate::context::dates::Given;
use crate::error::Error;
use crate::secret_value::SecretValue;
use crate::template::{self, TEMPLATE_MAX};

/// Fill the references to secrets in a text
///
/// `{{ NAME }}` and keyvault://NAME become the value, `{{ ENVIRONMENT/NAME }}` and
/// keyvault://ENVIRONMENT/NAME that of one environment, which `--env` has to name.
/// All else passes through untouched. A file that is there already is replaced.
#[derive(clap::Args)]
#[command(after_help = SYNTAX)]
pub struct RenderArgs {
    /// The text with references; `-` for stdin
    template: PathBuf,

    /// Fill in what has expired, too, with a warning
    #[arg(long)]
    allow_expired: bool,

    #[command(flatten)]
    output: OutputArgs,
}

const SYNTAX: &str = "\
Filters, as in {{ NAME | json }}; several follow each other:
  json        a JSON string, with its quotes
  json-inner  the same without the quotes, to stand between some
  yaml        a double-quoted YAML string, with its quotes; TOML takes it, too
  url         percent-encoded, for any part of a URL
  base64      in base64
  shell       one word of a POSIX shell, with its quotes

A bare keyvault:// reference extends over all letters, digits and `_` `.` `-` `/`; use
braces where more of these follow. {{ \"{{\" }} writes braces, {{ \"keyvault://\" }} the scheme.
Braces that begin with something else than a name ({{ .Values.x }}, {{- end }}), and
${{ … }}, are another engine's and stay as they are.";

/// Runs the command.
///
/// # Errors
///
/// All references that cannot be filled in, each with its line and column; then
/// nothing is written.
pub fn run(args: &RenderArgs, cx: &Context) -> Result<()> {
    let place = args.output.place()?;
    if place.as_ref().is_some_and(|place| place.is(&args.template)) {
        return Err(Error::Usage {
            message: "the template itself would be replaced".to_owned(),
            hint: "name another file with `--output`".to_owned(),
        }
        .into());
    }
    let template = cx.read_text(&args.template, TEMPLATE_MAX)?;
    let layers = cx.open_layers(&cx.store()?)?;
    let serving = cx.serving(args.allow_expired);
    let given = RefCell::new(Vec::new());
    let filled = template::fill(template.bytes(), |reference| {
        let (environment, name) = (reference.environment.as_ref(), &reference.name);
        let served = layers.serve(environment, name, serving)?;
        given.borrow_mut().push((name.clone(), served));
        Ok(served.value)
    });
    let filled = filled.map_err(|misfits| Error::Unfilled {
        path: template.path().to_owned(),
        misfits,
    })?;
    if filled.references == 0 {
        cx.ui
            .note("there is no reference in it; `keyvault render --help` shows their forms");
    }
    let given = given.borrow();
    cx.warn_of_expired(
        given
            .iter()
            .map(|(name, served)| Given::served(name, served)),
    );
    let text = SecretValue::new(filled.bytes);
    let uses = given.iter().map(|(name, served)| served.reference(name));
    cx.log_use(layers.names(), uses.collect(), None)?;
    Ok(args.output.give_out(
        cx,
        place.as_ref(),
        Replacing::Silent,
        &text,
        filled.references,
    )?)
}
