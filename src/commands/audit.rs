//! `keyvault audit`: who used what, when, and the proof of it.

mod accept;
mod export;
mod list;
mod report;
mod verify;

use anyhow::Result;

use crate::context::Context;
use crate::error::Error;
use crate::store::audit_log::Lines;
use crate::store::audit_log::line::Line;

/// Show who used which secrets, when, and from where
///
/// Each use of a secret is a line in the state folder of this machine: when, by which
/// identity and program, for which reason, and never a value. With --env only what was
/// done in these environments.
#[derive(clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,

    #[command(flatten)]
    list: list::ListArgs,
}

#[derive(clap::Subcommand)]
enum AuditCommand {
    /// Prove that no line was changed or lost, or name the first that was
    ///
    /// Lines are chained by MACs that only your identity can make. Lines of other
    /// identities, and those without one, are held by the next line of yours. What was
    /// cut off the end is noticed where an environment was saved since, here or by a
    /// colleague.
    Verify,
    /// Accept that the log is broken, and go on behind it
    ///
    /// For a log whose damage you know of, as by a power failure or a disk that was put
    /// back. Nothing is deleted or mended. A line says who has accepted what, when and
    /// for which --reason, and has the digest of all before it: from there on the log is
    /// verified anew, and what is changed before it is noticed still.
    Accept(accept::AcceptArgs),
    /// Show how often each secret was read, and what stands out
    ///
    /// Told at once: wrong passphrases, what was refused, and a clock that went back.
    /// Told once the log is two weeks old: programs, agents and identities that read for
    /// the first time, reads at unusual hours, and many more at once than ever. Each with
    /// the numbers that it is told for. With -q only what stands out.
    Report(report::ReportArgs),
    /// Write lines of the log as they are, one JSON object each, for a SIEM
    ///
    /// Byte for byte, with the MAC of each, so that they can be compared with the log
    /// later.
    Export(export::ExportArgs),
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being done.
pub fn run(args: &AuditArgs, cx: &Context) -> Result<()> {
    if args.command.is_some() && args.list.narrows() {
        return Err(Error::Usage {
            message: "an option stands before the part of `audit` that it is not for".to_owned(),
            hint: "put it behind, as in `keyvault audit report --since 7d`; those that choose lines go with `keyvault audit` alone".to_owned(),
        }
        .into());
    }
    match &args.command {
        None => list::run(&args.list, cx),
        Some(AuditCommand::Verify) => verify::run(cx),
        Some(AuditCommand::Accept(args)) => accept::run(args, cx),
        Some(AuditCommand::Report(args)) => report::run(args, cx),
        Some(AuditCommand::Export(args)) => export::run(args, cx),
    }
}

/// The lines that read, and how many do not.
struct Sieve {
    from: Lines,
    lines: u64,
    unreadable: u64,
    failure: Option<Error>,
}

impl Sieve {
    fn of(from: Lines) -> Self {
        Self {
            from,
            lines: 0,
            unreadable: 0,
            failure: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.lines + self.unreadable == 0
    }

    /// Makes sure that these were all lines: what is made of a part of a log looks like
    /// what is made of all of it.
    ///
    /// # Errors
    ///
    /// What kept the rest from being read.
    fn check_whole(&mut self) -> Result<(), Error> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

impl Iterator for Sieve {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            match self.from.next()? {
                Ok(Ok(line)) => {
                    self.lines += 1;
                    return Some(line);
                }
                Ok(Err(_)) => self.unreadable += 1,
                Err(error) => {
                    self.failure = Some(error);
                    return None;
                }
            }
        }
    }
}

/// Says how many lines were left out because they do not read.
fn tell_unreadable(lines: u64, cx: &Context) {
    let lines = match lines {
        0 => return,
        1 => "one line of the log does not read and was left out".to_owned(),
        lines => format!("{lines} lines of the log do not read and were left out"),
    };
    cx.ui.warn(&format!(
        "{lines}; run `keyvault audit verify` to see what was changed"
    ));
}
