//! `keyvault identity`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::shown;
use crate::seal::recipient::Recipient;
use crate::seal::signature::SignerKey;
use crate::ui::Report;

/// Print what a colleague needs to add you: your recipient and your signer
///
/// Both are public. One line for each key of your identity.
#[derive(clap::Args)]
pub struct IdentityArgs {
    /// Set or change the passphrase of your identity
    #[arg(long, group = "change")]
    new_passphrase: bool,

    /// Take the passphrase off, so that whoever reads the file opens your vaults
    #[arg(long, group = "change")]
    no_passphrase: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Those of opening and of writing an identity.
pub fn run(args: &IdentityArgs, cx: &Context) -> Result<()> {
    if args.new_passphrase || args.no_passphrase {
        let path = cx.reprotect_identity(args.new_passphrase)?;
        let brief = cx.brief(&path);
        return Ok(cx.ui.outcome(&Reprotected {
            path: shown(&path),
            brief,
            protected: args.new_passphrase,
        })?);
    }
    let identity = cx.identity()?;
    let lines = identity.recipients().into_iter().filter_map(|recipient| {
        let signer = identity.signer(&recipient)?.public();
        Some(Line { recipient, signer })
    });
    Ok(cx.ui.answer(&Public {
        recipients: lines.collect(),
    })?)
}

#[derive(Serialize)]
struct Public {
    recipients: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    recipient: Recipient,
    signer: SignerKey,
}

impl Report for Public {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.recipients
            .iter()
            .try_for_each(|line| writeln!(out, "{} ed25519:{}", line.recipient, line.signer))
    }
}

#[derive(Serialize)]
struct Reprotected {
    path: String,
    protected: bool,
    #[serde(skip)]
    brief: String,
}

impl Report for Reprotected {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let how = if self.protected {
            "with its new passphrase"
        } else {
            "WITHOUT a passphrase"
        };
        writeln!(out, "wrote your identity `{}` {how}", self.brief)
    }
}
