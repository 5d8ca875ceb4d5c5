//! `keyvault audit export`.

use std::io::{self, BufWriter, Write};

use anyhow::Result;
use serde::Serialize;

use crate::commands::audit::tell_unreadable;
use crate::commands::options::output::OutputArgs;
use crate::context::Context;
use crate::error::{Error, shown};
use crate::store::audit_log::filter::Filter;
use crate::store::audit_log::{AuditLog, Exported};
use crate::store::output_file::OutputFile;
use crate::timestamp::Past;
use crate::ui::{self, Format, Report};

/// Which lines, and where to.
#[derive(clap::Args)]
pub struct ExportArgs {
    /// From this time on: 7d ago, a date, or as 2026-12-31T12:00:00Z [default: all]
    #[arg(long, value_name = "WHEN")]
    since: Option<Past>,

    /// Only before this time
    #[arg(long, value_name = "WHEN")]
    until: Option<Past>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept the log from being read or given out.
pub fn run(args: &ExportArgs, cx: &Context) -> Result<()> {
    let place = args.output.place()?;
    let (environments, now) = (cx.named_environments()?, cx.now());
    let filter = Filter {
        environments: &environments,
        since: args.since.map(|since| since.from(now)),
        until: args.until.map(|until| until.from(now)),
        ..Filter::default()
    };
    let log = cx.audit_log(&cx.store()?);
    let Some(place) = place else {
        let exported = to_stdout(&log, &filter, cx.ui.shows_answers())?;
        tell_unreadable(exported.unreadable, cx);
        return Ok(());
    };
    args.output.confirm_replacing(cx, &place)?;
    let exported = to_file(&log, &filter, &place)?;
    tell_unreadable(exported.unreadable, cx);
    let written = Written {
        path: shown(place.path()),
        exported,
    };
    match cx.ui.format {
        Format::Json => Ok(cx.ui.answer(&written)?),
        Format::Human => Ok(()),
    }
}

/// Anybody may have written the file: on a terminal nothing in it is to be obeyed.
/// Elsewhere it is byte for byte what the MAC is of.
fn to_stdout(log: &AuditLog, filter: &Filter<'_>, is_seen: bool) -> Result<Exported, Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    let exported = log.export(filter, &mut |line| {
        let written = if is_seen {
            ui::write_harmless(&mut out, &String::from_utf8_lossy(line))
        } else {
            out.write_all(line)
        };
        written
            .and_then(|()| out.write_all(b"\n"))
            .map_err(Error::Output)
    })?;
    out.flush().map_err(Error::Output)?;
    Ok(exported)
}

fn to_file(log: &AuditLog, filter: &Filter<'_>, place: &OutputFile) -> Result<Exported, Error> {
    let mut exported = Exported::default();
    place.write_by(&mut |file| {
        let mut out = BufWriter::new(file);
        let failed = |error| Error::io("write", place.path())(error);
        exported = log.export(filter, &mut |line| {
            let written = out.write_all(line).and_then(|()| out.write_all(b"\n"));
            written.map_err(failed)
        })?;
        out.flush().map_err(failed)
    })?;
    Ok(exported)
}

/// What was written into a file.
#[derive(Serialize)]
struct Written {
    path: String,
    #[serde(flatten)]
    exported: Exported,
}

impl Report for Written {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "wrote `{}`", self.path)
    }
}
