//! `keyvault audit`, without more: the lines of the log.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::commands::audit::{Sieve, tell_unreadable};
use crate::context::Context;
use crate::store::VaultStore;
use crate::store::audit_log::filter::{Filter, Tail};
use crate::store::audit_log::line::{Line, Outcome};
use crate::store::audit_log::report::brief;
use crate::timestamp::Past;
use crate::ui::{Report, table};
use crate::vault::selection::NamePattern;

/// How many names, and how many parents, a table has room for. JSON has all.
const NAMES_SHOWN: usize = 3;
const PARENTS_SHOWN: usize = 2;

/// Which lines.
#[derive(clap::Args)]
pub struct ListArgs {
    /// Only uses of these secrets: names, or patterns with `*` and `?`
    #[arg(long = "secret", value_name = "NAME,…", value_delimiter = ',')]
    secrets: Vec<NamePattern>,

    /// Only of these commands, as get or exec; env is every one of env
    #[arg(long = "command", value_name = "COMMAND,…", value_delimiter = ',')]
    commands: Vec<String>,

    /// Only where this program was run or started keyvault (may be repeated)
    #[arg(long = "program", value_name = "PROGRAM")]
    programs: Vec<String>,

    /// Only those that ended so: ok, refused or failed
    #[arg(long = "outcome", value_name = "OUTCOME,…", value_delimiter = ',')]
    outcomes: Vec<Outcome>,

    /// Only by this identity: a member's name, or a recipient (may be repeated)
    #[arg(long, value_name = "WHO")]
    by: Vec<String>,

    /// Only from this time on: 7d ago, a date, or as 2026-12-31T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<Past>,

    /// Only before this time
    #[arg(long, value_name = "WHEN")]
    until: Option<Past>,

    /// How many of the last lines [default: 50]
    #[arg(short = 'n', long = "lines", value_name = "N")]
    most: Option<usize>,
}

impl ListArgs {
    /// The last lines are what one looks for, and more than a screen is searched.
    const MOST: usize = 50;

    /// Tells whether anything was said.
    pub fn narrows(&self) -> bool {
        let words = [&self.commands, &self.programs, &self.by];
        let has_words = words.iter().any(|words| !words.is_empty());
        let has_time = self.since.is_some() || self.until.is_some() || self.most.is_some();
        has_words || has_time || !self.secrets.is_empty() || !self.outcomes.is_empty()
    }
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the log from being read.
pub fn run(args: &ListArgs, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let members = members(&store);
    let identities = recipients(&args.by, &members);
    let (environments, now) = (cx.named_environments()?, cx.now());
    let filter = Filter {
        environments: &environments,
        secrets: &args.secrets,
        commands: &args.commands,
        programs: &args.programs,
        outcomes: &args.outcomes,
        identities: identities.as_deref(),
        since: args.since.map(|since| since.from(now)),
        until: args.until.map(|until| until.from(now)),
    };
    let mut sieve = Sieve::of(cx.audit_log(&store).lines()?);
    let tail = Tail::of(&mut sieve, &filter, args.most.unwrap_or(ListArgs::MOST));
    sieve.check_whole()?;
    match (tail.lines.is_empty(), tail.earlier) {
        (true, 0) if sieve.is_empty() => cx.ui.note("nothing was logged of this vault yet"),
        (true, 0) => cx.ui.note("no line of the log is one of those"),
        (_, 0) => {}
        (_, 1) => cx
            .ui
            .note("there is one line before these; `-n` shows more"),
        (_, earlier) => cx.ui.note(&format!(
            "there are {earlier} lines before these; `-n` shows more"
        )),
    }
    tell_unreadable(sieve.unreadable, cx);
    Ok(cx.ui.answer(&Listing {
        lines: tail.lines.into(),
        earlier: tail.earlier,
        unreadable: sieve.unreadable,
        members,
    })?)
}

/// Returns what members are called, by their recipients, as far as this machine saw them.
fn members(store: &VaultStore) -> BTreeMap<String, String> {
    let pins = store.pins().load_usable();
    let members = pins.iter().flat_map(|pin| &pin.members);
    let members = members.map(|member| (member.recipient.to_string(), member.name.to_string()));
    members.collect()
}

/// Returns the recipients that are meant, where any are: those of members who are called
/// so, and what is one itself.
fn recipients(by: &[String], members: &BTreeMap<String, String>) -> Option<Vec<String>> {
    if by.is_empty() {
        return None;
    }
    let named = members.iter().filter(|(_, name)| by.contains(name));
    let named = named.map(|(recipient, _)| recipient);
    Some(named.chain(by).cloned().collect())
}

#[derive(Serialize)]
struct Listing {
    lines: Vec<Line>,
    earlier: u64,
    unreadable: u64,
    #[serde(skip)]
    members: BTreeMap<String, String>,
}

impl Listing {
    /// Tells whether there is more than one identity among them.
    fn has_several(&self) -> bool {
        let mut identities = self.lines.iter().filter_map(|line| line.identity.as_ref());
        let first = identities.next();
        identities.any(|identity| Some(identity) != first)
    }

    /// Who it was, by name where that is known.
    fn by(&self, line: &Line) -> String {
        let by = line.identity.as_ref();
        by.map_or_else(String::new, |recipient| match self.members.get(recipient) {
            Some(name) => name.clone(),
            None => brief(recipient),
        })
    }
}

impl Report for Listing {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let or_nothing = |text: Option<&String>| text.map_or_else(String::new, |text| brief(text));
        // Where all is by one and the same, that is nothing to tell.
        let has_several = self.has_several();
        let rows = self.lines.iter().map(|line| {
            vec![
                line.time.to_string(),
                brief(&line.command),
                joined(&line.environments),
                shortened(&line.names, NAMES_SHOWN, ", "),
                outcome(line),
                or_nothing(line.program.as_ref()),
                shortened(&line.parents, PARENTS_SHOWN, " < "),
                or_nothing(line.agent.as_ref().or(line.ci.as_ref())),
                if has_several {
                    self.by(line)
                } else {
                    String::new()
                },
                line.reason
                    .as_ref()
                    .map_or_else(String::new, |reason| reason.to_string()),
            ]
        });
        let head = [
            "TIME",
            "COMMAND",
            "ENVIRONMENT",
            "SECRETS",
            "OUTCOME",
            "PROGRAM",
            "FROM",
            "UNDER",
            "BY",
            "REASON",
        ];
        table::write(out, &head, rows.collect())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.lines.iter().try_for_each(|line| {
            let names: Vec<String> = line.names.iter().map(|name| brief(name)).collect();
            let (time, command) = (line.time, brief(&line.command));
            writeln!(
                out,
                "{time}\t{command}\t{}\t{}",
                line.outcome,
                names.join(",")
            )
        })
    }
}

fn joined<T: ToString>(all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(T::to_string).collect();
    all.join(",")
}

/// Writes the first of some texts, and how many more there are.
fn shortened(texts: &[String], most: usize, between: &str) -> String {
    let shown: Vec<String> = texts.iter().take(most).map(|text| brief(text)).collect();
    match texts.len().saturating_sub(most) {
        0 => shown.join(between),
        more => format!("{} +{more}", shown.join(between)),
    }
}

fn outcome(line: &Line) -> String {
    let mut words = vec![line.outcome.to_string()];
    words.extend(line.error.as_ref().map(|error| brief(error)));
    words.extend(
        line.allowed
            .iter()
            .map(|what| format!("{} allowed", brief(what))),
    );
    words.join(", ")
}
