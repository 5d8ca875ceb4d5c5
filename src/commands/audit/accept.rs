//! `keyvault audit accept`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::commands::audit::verify::Fault;
use crate::context::Context;
use crate::error::{Error, LogFault, printable};
use crate::ui::{Format, Report};

/// Whether to ask.
#[derive(clap::Args)]
pub struct AcceptArgs {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Runs the command.
///
/// # Errors
///
/// [`Error::BrokenLog`], where that is not this log's own fault, or by now another one;
/// whatever keeps the log from being read or written.
pub fn run(args: &AcceptArgs, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let log = cx.audit_log(&store);
    let verified = cx.verify_log(&store, &log)?;
    let held = verified.lines;
    let mut answer = Answer {
        held,
        fault: verified.fault.as_ref().map(Fault::of),
        accepted: None,
    };
    let Some(fault) = verified.fault else {
        return Ok(cx.ui.outcome(&answer)?);
    };
    if let LogFault::WentBack { .. } = fault {
        let path = log.path()?.to_owned();
        return Err(Error::BrokenLog { path, fault }.into());
    }
    if !args.yes {
        if cx.ui.format == Format::Json {
            cx.ui.answer(&answer)?;
            return Err(Error::Usage {
                message: "the fault was shown and not accepted: with `--json` nothing is asked"
                    .to_owned(),
                hint: "pass `--yes` as well to accept it".to_owned(),
            }
            .into());
        }
        cx.ui.show(&answer);
        let question = "Accept that the log is broken, and go on behind it?";
        cx.ui.confirm(question, "--yes")?;
    }
    answer.accepted = Some(cx.accept_log(&store, &log, &fault)?);
    Ok(cx.ui.outcome(&answer)?)
}

#[derive(Serialize)]
struct Answer {
    /// How many lines were proven.
    held: u64,
    /// What is wrong behind them, if anything is.
    fault: Option<Fault>,
    /// The line that accepts it, once it is.
    accepted: Option<u64>,
}

impl Report for Answer {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { held, accepted, .. } = self;
        match (&self.fault, accepted) {
            (None, _) => writeln!(
                out,
                "the audit log is as written: there is nothing to accept"
            ),
            (Some(fault), None) => {
                let what = printable(&fault.message);
                writeln!(
                    out,
                    "the audit log is as written for {held} lines, and then {what}"
                )
            }
            (Some(_), Some(line)) => writeln!(
                out,
                "line {line} of the audit log accepts what is before it; from there on it is verified anew"
            ),
        }
    }
}
