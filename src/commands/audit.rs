//! `keyvault audit`: who used what, when, and the proof of it.

mod verify;

use anyhow::Result;

use crate::context::Context;

/// Prove that no line of the audit log was changed or lost
///
/// Each use of a secret is a line in the state folder of this machine: when, by which
/// identity and program, for which reason, and never a value.
#[derive(clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
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
}

/// Runs the command.
///
/// # Errors
///
/// Whatever kept it from being done.
pub fn run(args: &AuditArgs, cx: &Context) -> Result<()> {
    match &args.command {
        AuditCommand::Verify => verify::run(cx),
    }
}
