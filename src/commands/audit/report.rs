//! `keyvault audit report`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::commands::audit::{Sieve, tell_unreadable};
use crate::context::Context;
use crate::store::audit_log::filter::Filter;
use crate::store::audit_log::report::{self, AuditReport, Columns, Experience, brief};
use crate::timestamp::{Past, Period};
use crate::ui::chart;
use crate::ui::look::Look;
use crate::ui::{Report, table};

/// How far back it looks unless something else is said.
const SINCE: Past = Past::Ago(Period::from_seconds(30 * 24 * 60 * 60));

/// How many secrets a screen has room for. JSON has all.
const SECRETS_SHOWN: usize = 20;

/// What is told.
#[derive(clap::Args)]
pub struct ReportArgs {
    /// From this time on: 7d ago, a date, or as 2026-12-31T12:00:00Z [default: 30d]
    #[arg(long, value_name = "WHEN")]
    since: Option<Past>,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the log from being read.
pub fn run(args: &ReportArgs, cx: &Context) -> Result<()> {
    let now = cx.now();
    let since = args.since.unwrap_or(SINCE).from(now);
    let environments = cx.named_environments()?;
    let mut sieve = Sieve::of(cx.audit_log(&cx.store()?).lines()?);
    let filter = Filter {
        environments: &environments,
        ..Filter::default()
    };
    let report = report::of(sieve.by_ref().filter(|line| filter.wants(line)), since, now);
    sieve.check_whole()?;
    tell(&report, cx);
    tell_unreadable(sieve.unreadable, cx);
    Ok(cx.ui.answer(&Answer {
        look: cx.ui.look(cx.shows_unicode()),
        report,
    })?)
}

/// Says what is not in the answer.
fn tell(report: &AuditReport, cx: &Context) {
    let since = report.since;
    if report.lines == 0 {
        cx.ui.note(&format!("nothing was logged since {since}"));
        return;
    }
    if report.findings.is_empty() {
        cx.ui.note(&format!("nothing stands out since {since}"));
    }
    if report.more_findings > 0 {
        let more = report.more_findings;
        cx.ui.note(&format!(
            "{more} more stand out, of kinds that have many; look with `keyvault audit --since {since}`"
        ));
    }
    if !report.experience.suffices(report.until) {
        cx.ui.note(&format!(
            "the log is too young to know what is unusual: it has {}, and it takes {}",
            report.experience,
            Experience::needed()
        ));
    }
    match report.reads.len().saturating_sub(SECRETS_SHOWN) {
        0 => {}
        1 => cx.ui.note("one more secret was read; `--json` has all"),
        more => cx
            .ui
            .note(&format!("{more} more secrets were read; `--json` has all")),
    }
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    report: AuditReport,
    #[serde(skip)]
    look: Look,
}

impl Report for Answer {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = &self.report;
        if !report.reads.is_empty() {
            self.write_reads(out)?;
        }
        if !report.reads.is_empty() && !report.findings.is_empty() {
            writeln!(out)?;
        }
        if !report.findings.is_empty() {
            let rows = report.findings.iter().map(|finding| {
                vec![
                    finding.kind.as_str().to_owned(),
                    finding.from.to_string(),
                    finding.why.clone(),
                ]
            });
            table::write(out, &["KIND", "FROM", "WHY"], rows.collect())?;
        }
        Ok(())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.report.findings.iter().try_for_each(|finding| {
            let (kind, from) = (finding.kind.as_str(), finding.from);
            writeln!(out, "{kind}\t{from}\t{}", finding.why)
        })
    }
}

impl Answer {
    fn write_reads(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = &self.report;
        let columns = Columns::of(&report.reads, report.since, report.until);
        let rows = report.reads.iter().take(SECRETS_SHOWN).map(|secret| {
            let filled = columns.fill(secret);
            let environments: Vec<&str> = secret
                .environments
                .iter()
                .map(|name| name.as_str())
                .collect();
            vec![
                brief(&secret.name),
                environments.join(","),
                secret.reads.to_string(),
                filled.iter().max().map_or_else(String::new, u64::to_string),
                chart::row(&filled, self.look.blocks),
            ]
        });
        let days = match columns.days_each {
            1 => format!("EACH DAY FROM {}", columns.first),
            days => format!("EVERY {days} DAYS FROM {}", columns.first),
        };
        let head = ["NAME", "ENVIRONMENT", "READS", "MOST", &days];
        table::write(out, &head, rows.collect())
    }
}
