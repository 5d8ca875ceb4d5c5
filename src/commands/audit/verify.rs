//! `keyvault audit verify`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Error, LogFault, printable};
use crate::store::audit_log::verify::Verified;
use crate::ui::Report;

/// Runs the command.
///
/// # Errors
///
/// [`Error::BrokenLog`]; whatever keeps the log from being read.
pub fn run(cx: &Context) -> Result<()> {
    let store = cx.store()?;
    let log = cx.audit_log(&store);
    let verified = cx.verify_log(&store, &log)?;
    cx.ui.answer(&Answer::of(&verified))?;
    match verified.fault {
        None => Ok(()),
        Some(fault) => {
            let path = log.path()?.to_owned();
            Err(Error::BrokenLog { path, fault }.into())
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    verified: &'a Verified,
    /// What is wrong, if anything is.
    fault: Option<Fault>,
}

/// A fault, for programs.
#[derive(Serialize)]
pub struct Fault {
    kind: &'static str,
    line: Option<u64>,
    /// The same for a person.
    pub message: String,
}

impl Fault {
    /// Takes one down.
    pub fn of(fault: &LogFault) -> Self {
        Self {
            kind: fault.kind(),
            line: LogFault::line(fault),
            message: fault.to_string(),
        }
    }
}

impl<'a> Answer<'a> {
    fn of(verified: &'a Verified) -> Self {
        let fault = verified.fault.as_ref().map(Fault::of);
        Self { verified, fault }
    }
}

impl Report for Answer<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Verified {
            lines,
            others,
            unkeyed,
            unheld,
            ..
        } = *self.verified;
        match (self.verified.from, self.verified.to) {
            (Some(from), Some(to)) => {
                writeln!(out, "{} as written, {from} to {to}", hold(lines))?;
            }
            _ => writeln!(out, "no line of the audit log is there to be verified")?,
        }
        let mut tell = |count: u64, what: &str| match count {
            0 => Ok(()),
            count => writeln!(out, "  {count} {what}"),
        };
        tell(others, "of other identities")?;
        tell(unkeyed, "written without an identity")?;
        tell(
            unheld,
            "of those at the end, which the next line of yours will hold",
        )?;
        self.verified.accepted.iter().try_for_each(|accepted| {
            let (line, time, broken) = (accepted.line, accepted.time, &accepted.broken);
            let what = printable(&broken.message);
            writeln!(
                out,
                "  line {line} accepted on {time} that the log before it is broken: {what}, behind {}",
                match broken.held {
                    0 => "no line that was proven".to_owned(),
                    1 => "1 line that was proven".to_owned(),
                    held => format!("{held} lines that were proven"),
                }
            )
        })
    }

    fn bare(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn hold(lines: u64) -> String {
    match lines {
        1 => "1 line is".to_owned(),
        lines => format!("{lines} lines are"),
    }
}
