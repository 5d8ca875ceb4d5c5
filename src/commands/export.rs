//! `keyvault export`.

use anyhow::Result;

use crate::child::environment;
use crate::commands::options::output::{OutputArgs, Replacing, Written};
use crate::commands::options::selection::SelectionArgs;
use crate::context::Context;
use crate::context::dates::Given;
use crate::dotenv::{self, Dialect};
use crate::error::{Error, shown};
use crate::interchange::write::{self, Form, Format, ObjectName, Pair};
use crate::name::SecretName;
use crate::secret_value::SecretValue;
use crate::store::output_file::{Access, OutputFile};
use crate::ui;
use crate::ui::Revealed;
use crate::vault::layers::Layers;
use crate::vault::selection::{Chosen, Selection};

/// Write secrets out, in plaintext, for what cannot be run by `exec`
///
/// What a format cannot carry is an error, and then nothing is written. Revoked
/// secrets are left out, expired ones refused unless --allow-expired is given.
#[derive(clap::Args)]
#[command(after_help = FORMATS)]
pub struct ExportArgs {
    /// The format, see below [default: dotenv]
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Whose rules the `.env` follows: node, python, docker, compose, ruby or shell
    /// [default: node]
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<Dialect>,

    /// What the Secret of `k8s` is called [default: keyvault]
    #[arg(long, value_name = "NAME")]
    name: Option<ObjectName>,

    #[command(flatten)]
    selection: SelectionArgs,

    /// Write a secret though its name takes programs over, as PATH does
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    allow_dangerous: Vec<SecretName>,

    /// Write what has expired, too, with a warning
    #[arg(long)]
    allow_expired: bool,

    /// Write the names without values, and descriptions as comments, as a `.env.example`
    #[arg(long, conflicts_with_all = ["format", "dialect", "name", "allow_dangerous", "allow_expired"])]
    example: bool,

    #[command(flatten)]
    output: OutputArgs,
}

const FORMATS: &str = "\
Formats:
  dotenv       .env, as --dialect reads it
  shell        for a POSIX shell: eval \"$(keyvault export -f shell)\"
  fish         for fish: keyvault export -f fish | source
  json         one object of strings; --json gives versions and environments, too
  yaml, toml   the same
  docker       for docker run --env-file
  systemd      for EnvironmentFile= of a unit
  github       for a job's later steps: keyvault export -f github >> \"$GITHUB_ENV\"
  github-mask  before it, to stdout: masks the values in the job's log
  k8s          the manifest of a Secret, for kubectl apply -f -";

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the secrets from being written; then none is.
pub fn run(args: &ExportArgs, cx: &Context) -> Result<()> {
    let format = args.format()?;
    let place = args.output.place()?;
    let is_json = cx.ui.format == ui::Format::Json && place.is_none() && !args.example;
    if is_json && args.format.is_some() {
        return Err(Error::Usage {
            message: "`--json` is a format of its own".to_owned(),
            hint: "leave `--format` or `--json` away".to_owned(),
        }
        .into());
    }
    let layers = cx.open_layers(&cx.store()?)?;
    let selection = args.selection.selection();
    if args.example {
        return example(args, cx, place.as_ref(), &selection, &layers);
    }
    let selected = selection.of(&layers, cx.serving(args.allow_expired))?;
    for name in &selected.revoked {
        cx.ui.warn(&format!("`{name}` is revoked and was left out"));
    }
    let secrets = selected.chosen;
    environment::refuse_dangerous(&secrets, &args.allow_dangerous)?;
    cx.warn_of_expired(secrets.iter().filter_map(Given::chosen));
    if secrets.is_empty() {
        cx.ui.note("there is no secret to write");
    }
    if is_json {
        args.output.confirm_showing(cx, secrets.len())?;
        cx.log_use(layers.names(), versions(&secrets), None)?;
        return Ok(cx.ui.reveal_json(secrets.iter().map(revealed))?);
    }
    if format == Format::Github {
        cx.ui.note("a job's log shows these unless they are masked first: run `keyvault export -f github-mask` before");
    }
    let form = Form {
        format,
        dialect: args.dialect.unwrap_or_default(),
        object: args.name.as_ref(),
    };
    let pairs: Vec<Pair<'_>> = secrets
        .iter()
        .map(|secret| (secret.variable, secret.value))
        .collect();
    let text = SecretValue::new(write::write(&form, &pairs)?);
    cx.log_use(layers.names(), versions(&secrets), None)?;
    let replacing = Replacing::Asked;
    Ok(args
        .output
        .give_out(cx, place.as_ref(), replacing, &text, pairs.len())?)
}

impl ExportArgs {
    /// Returns the format, and checks the options that only one of them has.
    fn format(&self) -> Result<Format, Error> {
        let format = self.format.unwrap_or(Format::Dotenv);
        let is_strange = |option: &str, of: &str| Error::Usage {
            message: format!("`{option}` is for the format `{of}` alone"),
            hint: format!("pass `--format {of}`, or leave it away"),
        };
        match format {
            Format::Dotenv => {}
            _ if self.dialect.is_some() => return Err(is_strange("--dialect", "dotenv")),
            _ => {}
        }
        if format != Format::K8s && self.name.is_some() {
            return Err(is_strange("--name", "k8s"));
        }
        Ok(format)
    }
}

fn versions(secrets: &[Chosen<'_>]) -> Vec<String> {
    secrets.iter().map(Chosen::reference).collect()
}

fn revealed<'a>(secret: &Chosen<'a>) -> Revealed<'a> {
    Revealed {
        key: secret.variable.to_string(),
        name: secret.name,
        origin: Some((secret.environment, secret.version)),
        expires_at: secret.expires_at,
        value: secret.value,
    }
}

fn example(
    args: &ExportArgs,
    cx: &Context,
    place: Option<&OutputFile>,
    selection: &Selection<'_>,
    layers: &Layers,
) -> Result<()> {
    let names = selection.names(layers)?;
    let text = write::example(
        names
            .iter()
            .map(|found| (found.name, found.secret.description.as_ref())),
    );
    let Some(place) = place else {
        return Ok(cx.ui.reveal_text(&SecretValue::from_text(text))?);
    };
    if place.is_there() {
        let there = cx.read_text(place.path(), EXAMPLE_MAX)?;
        if there.bytes() == text.as_bytes() {
            cx.ui
                .note(&format!("`{}` is up to date", shown(place.path())));
            return Ok(());
        }
        let names: Vec<&SecretName> = names.iter().map(|found| found.name).collect();
        for change in changes(there.bytes(), &names) {
            cx.ui.note(&change);
        }
        args.output.confirm_replacing(cx, place)?;
    }
    place.write(Access::Ordinary, text.as_bytes())?;
    Ok(cx.ui.outcome(&Written::example(place.path()))?)
}

/// The largest `.env.example` that is compared with a new one.
const EXAMPLE_MAX: u64 = 1 << 20;

/// Says which names a file would gain and lose, as far as it can be read.
fn changes(there: &[u8], names: &[&SecretName]) -> Vec<String> {
    let Ok(entries) = dotenv::parse(there, Dialect::Node, None) else {
        return Vec::new();
    };
    let before: Vec<SecretName> = entries
        .iter()
        .filter_map(|entry| entry.name.parse().ok())
        .collect();
    let gained = names.iter().filter(|name| !before.contains(name));
    let lost = before.iter().filter(|name| !names.contains(name));
    let told = |verb: &str, names: Vec<&SecretName>| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| format!("it would {verb} {}", names.join(", ")))
    };
    let told = [
        told("gain", gained.copied().collect()),
        told("lose", lost.collect()),
    ];
    told.into_iter().flatten().collect()
}
