//! `keyvault status`.

mod words;

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::commands::snooze;
use crate::context::Context;
use crate::error::{Code, Error};
use crate::name::{EnvironmentName, SecretName};
use crate::store::VaultStore;
use crate::store::manifest::Manifest;
use crate::timestamp::Timestamp;
use crate::ui::Report;
use crate::ui::look::{Look, Style};
use crate::ui::table;
use crate::vault::Environment;
use crate::vault::attention::{
    self, Attention, Kind, Place, Rotating, Silence, Surroundings, UNUSED_AFTER, Uses,
};

/// Show what needs attention, the worst first
///
/// Looks at all environments that you are a member of, or at those that `--env` names.
/// Exit code 8 if anything needs attention. The kinds, the worst first:
///
/// - expired: past its date, and refused
/// - leaked: a value, in use or about to be, that `scan --mark` found in a file, in what
///   was staged or in git's history
/// - exposed: a value, in use or about to be, that was revoked under another name or in
///   another environment, for whatever reason
/// - interrupted: a rotation began more than an hour ago, and went no further;
///   `rotate NAME --abort` gives it up
/// - missing: listed in `.env.example`, and not in the environment
/// - placeholder: a value that looks as if nobody filled in the real one
/// - expiring: expires within 14 days
/// - due: older than its rotation period
/// - lingering: a replaced value whose time to be given back and destroyed is past
/// - reused: the same value under another name, or in another environment
/// - whitespace: a value with a blank, a line end or an invisible character too many
/// - unused: not used on this machine for 90 days, by its audit log, which is taken as it
///   is (`audit verify` proves it), and by no hook; others may use it elsewhere
/// - weak-identity: your identity's file has no passphrase
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct StatusArgs {
    /// Look for these kinds alone
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    only: Vec<Kind>,

    /// Look for all kinds but these
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    ignore: Vec<Kind>,

    /// Show what is snoozed, too
    #[arg(long)]
    all: bool,
}

impl StatusArgs {
    fn kinds(&self) -> Result<BTreeSet<Kind>> {
        let wanted = |kind: &Kind| self.only.is_empty() || self.only.contains(kind);
        let kinds = Kind::ALL.into_iter().filter(wanted);
        let kinds: BTreeSet<Kind> = kinds.filter(|kind| !self.ignore.contains(kind)).collect();
        if kinds.is_empty() {
            let error = Error::Usage {
                message: "what `--only` names, `--ignore` takes out again".to_owned(),
                hint: "run `keyvault status --help` to see the kinds".to_owned(),
            };
            return Err(error.into());
        }
        Ok(kinds)
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept an environment or the manifest from being read. What is in the other
/// environments was shown then.
pub fn run(args: &StatusArgs, cx: &Context) -> Result<Code> {
    let kinds = args.kinds()?;
    let store = cx.store()?;
    let overview = cx.overview(&store)?;
    let uses = if kinds.contains(&Kind::Unused) {
        uses(cx, &store)
    } else {
        None
    };
    let mut damage = overview.damage.map(anyhow::Error::from);
    let surroundings = Surroundings {
        lacking: if kinds.contains(&Kind::Missing) {
            // Said at the end as well.
            let found = lacking(cx, &store, &overview.environments);
            found.unwrap_or_else(|error| {
                damage.get_or_insert(error);
                Vec::new()
            })
        } else {
            Vec::new()
        },
        uses: uses.as_ref(),
        is_identity_weak: kinds.contains(&Kind::WeakIdentity) && cx.is_identity_weak()?,
    };
    let now = cx.now();
    let environments = &overview.environments;
    let outlook = attention::of(environments, &surroundings, &kinds, now);
    let (snoozed, awake): (Vec<_>, Vec<_>) =
        (outlook.attention.into_iter()).partition(|attention| attention.snoozed_until.is_some());
    let status = Status {
        snoozed: snoozed.len(),
        rotating: outlook.rotating,
        secrets: environments
            .iter()
            .map(|environment| environment.secrets.len())
            .sum(),
        environments: environments
            .iter()
            .map(|environment| &environment.name)
            .collect(),
        closed: &overview.closed,
        look: cx.ui.look(cx.shows_unicode()),
        now,
        needs: awake.len(),
        attention: awake
            .into_iter()
            .chain(snoozed.into_iter().filter(|_| args.all))
            .map(|attention| Line {
                mend: words::mend(cx, &attention),
                attention,
            })
            .collect(),
    };
    cx.ui.answer(&status)?;
    status.notes(cx, args.all, damage.is_none());
    if let Some(damage) = damage {
        return Err(damage);
    }
    Ok(if status.needs == 0 {
        Code::Ok
    } else {
        Code::Attention
    })
}

/// Reads when secrets were used. Whatever keeps the log from being read is no reason to
/// hide the rest. By a clock that is wrong nothing is called unused: what mends that is to
/// remove it.
fn uses(cx: &Context, store: &VaultStore) -> Option<Uses> {
    // What is odd about it was said when the environments were opened.
    if cx.clock().oddity().is_some() {
        cx.ui
            .note("what is not used cannot be told by a clock that is wrong");
        return None;
    }
    let uses = cx.uses(store).unwrap_or_else(|error| {
        cx.ui
            .warn(&format!("what is not used cannot be told: {error}"));
        None
    })?;
    let silence = uses.silence();
    let untold = silence.filter(|silence| silence.to.age(cx.now()) <= UNUSED_AFTER);
    if let Some(Silence { from, to }) = untold {
        cx.ui.note(&format!(
            "what is not used cannot be told yet: this machine's audit log has nothing from {from} to {to}, or the clock leapt"
        ));
    }
    Some(uses)
}

/// Finds what the project's manifest lists and the default environment lacks, or the
/// layers that were named.
fn lacking(
    cx: &Context,
    store: &VaultStore,
    environments: &[Environment],
) -> Result<Vec<(SecretName, EnvironmentName)>> {
    let Some(manifest) = Manifest::beside(store.path())? else {
        return Ok(Vec::new());
    };
    let layers = match cx.layers(store) {
        Err(Error::WhichEnvironment { .. }) => Vec::new(),
        layers => layers?,
    };
    let opened = |name: &EnvironmentName| environments.iter().find(|one| one.name == *name);
    let opened: Option<Vec<&Environment>> = layers.iter().map(opened).collect();
    let Some((opened, top)) = opened.zip(layers.last()) else {
        cx.ui
            .note("`.env.example` was not compared: name an environment of it with `--env`");
        return Ok(Vec::new());
    };
    let lacking = manifest.lacking(|name| {
        let found = opened
            .iter()
            .rev()
            .find_map(|layer| layer.secrets.get(name));
        found.is_some_and(|secret| secret.current().is_some())
    });
    Ok(lacking
        .into_iter()
        .map(|name| (name, top.clone()))
        .collect())
}

#[derive(Serialize)]
struct Status<'a> {
    attention: Vec<Line>,
    snoozed: usize,
    rotating: Vec<Rotating>,
    secrets: usize,
    environments: Vec<&'a EnvironmentName>,
    closed: &'a [EnvironmentName],
    #[serde(skip)]
    needs: usize,
    #[serde(skip)]
    look: Look,
    #[serde(skip)]
    now: Timestamp,
}

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    attention: Attention,
    mend: String,
}

impl Status<'_> {
    /// Says what is beside the list. Nothing is in order where not all could be looked at.
    fn notes(&self, cx: &Context, all: bool, is_whole: bool) {
        for name in self.closed {
            cx.ui.note(&format!(
                "environment `{name}` was not looked at: this identity is not a member of it"
            ));
        }
        for Rotating {
            place: Place { name, environment },
            since,
        } in &self.rotating
        {
            cx.ui.note(&format!(
                "a rotation of `{name}` in `{environment}` began {} ago, and may be at work still; if it is not, run `keyvault rotate {name} --resume --env {environment}`",
                since.age(self.now).rounded()
            ));
        }
        if self.snoozed > 0 && !all {
            let are = if self.snoozed == 1 {
                "1 is".to_owned()
            } else {
                format!("{} are", self.snoozed)
            };
            cx.ui.note(&format!(
                "{are} snoozed; run `keyvault status --all` to see"
            ));
        }
        if self.needs == 0 {
            if is_whole {
                cx.ui.note("nothing needs attention");
            }
        } else {
            let needs = if self.needs == 1 {
                "1 thing needs".to_owned()
            } else {
                format!("{} things need", self.needs)
            };
            cx.ui.note(&format!(
                "{} in {}, {needs} attention",
                words::count(self.secrets, "secret"),
                words::count(self.environments.len(), "environment"),
            ));
        }
    }

    fn row(&self, line: &Line) -> Vec<String> {
        let attention = &line.attention;
        let life = words::life(attention, self.now);
        let snoozed = attention
            .snoozed_until
            .map(|time| format!(" (snoozed {})", snooze::until(time)));
        vec![
            attention.kind.to_string(),
            attention
                .name
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            attention
                .environment
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            life.map_or_else(String::new, |(age, life)| self.look.bar(age, life)),
            words::why(attention, self.now) + &snoozed.unwrap_or_default(),
            line.mend.clone(),
        ]
    }

    /// Colours a line of the table: only the kind and the bar, so that it stays legible
    /// on any background.
    fn painted(&self, text: &str, row: &[String], attention: &Attention) -> String {
        let style = match attention.kind {
            _ if attention.snoozed_until.is_some() => Style::Dim,
            kind if kind <= Kind::Placeholder => Style::Red,
            kind if kind <= Kind::Reused => Style::Yellow,
            _ => Style::Cyan,
        };
        let (kind, bar) = (&row[0], &row[BAR]);
        let rest = text.strip_prefix(kind.as_str()).unwrap_or_default();
        let rest = match rest.split_once(bar.as_str()) {
            Some((before, after)) if !bar.is_empty() => {
                format!("{before}{}{after}", self.look.paint(style, bar))
            }
            _ => rest.to_owned(),
        };
        self.look.paint(style, kind) + &rest
    }
}

const HEAD: [&str; 6] = ["KIND", "NAME", "ENVIRONMENT", "AGE", "WHY", "MEND"];

/// Which of them is a bar.
const BAR: usize = 3;

impl Report for Status<'_> {
    /// Writes a table; where it is too wide, what mends stands in lines of its own.
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.attention.is_empty() {
            return Ok(());
        }
        let mut rows: Vec<Vec<String>> = self.attention.iter().map(|line| self.row(line)).collect();
        let mut lines = table::lines(&HEAD, rows.clone());
        let fits = lines
            .iter()
            .all(|line| line.chars().count() <= self.look.columns);
        if !fits {
            let (_, head) = HEAD.split_last().expect("it has columns");
            rows.iter_mut().for_each(|row| drop(row.pop()));
            lines = table::lines(head, rows.clone());
        }
        let (head, lines) = lines.split_first().expect("a table has a head");
        // Below what follows the kind.
        let indent = head
            .find("NAME")
            .or_else(|| head.find("WHY"))
            .unwrap_or_default();
        writeln!(out, "{head}")?;
        for ((text, row), line) in lines.iter().zip(&rows).zip(&self.attention) {
            writeln!(out, "{}", self.painted(text, row, &line.attention))?;
            if !fits {
                let mend = self.look.paint(Style::Dim, &line.mend);
                writeln!(out, "{:indent$}{mend}", "")?;
            }
        }
        Ok(())
    }

    /// Writes the names alone, each once.
    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut told = BTreeSet::new();
        let names = self
            .attention
            .iter()
            .filter_map(|line| line.attention.name.as_ref());
        let mut names = names.filter(|name| told.insert(*name));
        names.try_for_each(|name| writeln!(out, "{name}"))
    }
}
