//! `keyvault audit verify`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Error, LogFault};
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

#[derive(Serialize)]
struct Fault {
    kind: &'static str,
    line: Option<u64>,
    message: String,
}

impl<'a> Answer<'a> {
    fn of(verified: &'a Verified) -> Self {
        let fault = verified.fault.as_ref().map(|fault| Fault {
            kind: fault.kind(),
            line: LogFault::line(fault),
            message: fault.to_string(),
        });
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
        )
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
