//! `keyvault doctor`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::context::identity::{IdentitySource, Protection};
use crate::error::{Code, Error, shell_word};
use crate::store::folder::{is_open_to_others, target_of_temporary};
use crate::store::pin::Verdict;
use crate::store::{VaultStore, in_git_work_tree};
use crate::ui::Report;

/// Look for what is wrong and name the command that mends it
///
/// Asks for no passphrase: what a locked identity hides is not looked at. Exit
/// code 8 if something is wrong.
#[derive(clap::Args)]
pub struct DoctorArgs {}

/// Runs the command.
///
/// # Errors
///
/// Where the answer cannot be written; what is wrong is the answer.
pub fn run(_: &DoctorArgs, cx: &Context) -> Result<Code> {
    let mut findings = Findings::default();
    let opens = findings.identity(cx);
    match cx.store() {
        Ok(store) => findings.vault(cx, &store, opens),
        Err(error) => findings.error("vault", &error),
    }
    cx.ui.answer(&findings)?;
    let wrong = findings
        .findings
        .iter()
        .any(|finding| finding.kind == Kind::Problem);
    Ok(if wrong { Code::Attention } else { Code::Ok })
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Ok,
    Note,
    Problem,
}

#[derive(Serialize)]
struct Finding {
    kind: Kind,
    subject: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

#[derive(Default, Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, kind: Kind, subject: &str, text: impl Into<String>, mend: Option<String>) {
        self.findings.push(Finding {
            kind,
            subject: subject.to_owned(),
            text: text.into(),
            mend,
        });
    }

    fn ok(&mut self, subject: &str, text: impl Into<String>) {
        self.add(Kind::Ok, subject, text, None);
    }

    fn note(&mut self, subject: &str, text: impl Into<String>) {
        self.add(Kind::Note, subject, text, None);
    }

    fn problem(&mut self, subject: &str, text: impl Into<String>, mend: impl Into<String>) {
        self.add(Kind::Problem, subject, text, Some(mend.into()));
    }

    fn error(&mut self, subject: &str, error: &Error) {
        self.add(Kind::Problem, subject, error.to_string(), error.hint());
    }

    /// Looks at the identity and returns whether it opens without being asked.
    fn identity(&mut self, cx: &Context) -> bool {
        let place = match cx.identity_source() {
            Ok(IdentitySource::File(path)) => cx.brief(&path),
            Ok(IdentitySource::Variable(_)) => "KEYVAULT_IDENTITY".to_owned(),
            Err(error) => {
                self.error("identity", &error);
                return false;
            }
        };
        match cx.protection() {
            Ok(Protection::None) => {
                self.problem(
                    "identity",
                    format!("`{place}` has no passphrase: whoever reads it opens your vaults"),
                    "run `keyvault identity --new-passphrase`",
                );
                true
            }
            Ok(Protection::Passphrase) => {
                self.ok(
                    "identity",
                    format!("`{place}` is protected by a passphrase"),
                );
                self.ok("session", "locked; the passphrase will be asked for");
                false
            }
            Ok(Protection::Unlocked(lease)) => {
                self.ok(
                    "identity",
                    format!("`{place}` is protected by a passphrase"),
                );
                let text = format!(
                    "unlocked until {}, or {} after its last use",
                    lease.until, lease.idle
                );
                self.ok("session", text);
                true
            }
            Err(error @ Error::NoSessionCache { .. }) => {
                self.ok(
                    "identity",
                    format!("`{place}` is protected by a passphrase"),
                );
                self.note("session", error.to_string());
                false
            }
            Err(error) => {
                self.error("identity", &error);
                false
            }
        }
    }

    fn vault(&mut self, cx: &Context, store: &VaultStore, opens: bool) {
        let path = store.path();
        self.ok("vault", format!("`{}`", cx.brief(path)));
        self.permissions(cx, store);
        self.git(cx, store);
        let names = store.folder().names().unwrap_or_default();
        if names.iter().any(|name| target_of_temporary(name).is_some()) {
            self.note(
                "vault",
                "a writer that was stopped left a file, which the next one clears away",
            );
        }
        let environments = match store.environments() {
            Ok(environments) => environments,
            Err(error) => return self.error("vault", &error),
        };
        if environments.is_empty() {
            self.problem(
                "vault",
                "there is no environment in it",
                "run `keyvault env create dev`",
            );
        }
        for name in environments {
            let subject = format!("environment {name}");
            if !opens {
                self.note(&subject, "not looked at: the identity is locked");
                continue;
            }
            match cx
                .identity()
                .and_then(|identity| store.inspect(&name, identity))
            {
                Ok(found) => match found.verdict {
                    Verdict::Same => self.ok(&subject, "as this machine saw it last"),
                    Verdict::Newer if found.before.is_none() => {
                        self.note(&subject, "not seen by this machine before")
                    }
                    Verdict::Newer => self.ok(&subject, "newer than this machine saw it last"),
                    Verdict::Elsewhere(surprise) if in_git_work_tree(path) => {
                        self.note(&subject, surprise.to_string())
                    }
                    Verdict::Elsewhere(surprise) | Verdict::Refused(surprise) => self.problem(
                        &subject,
                        surprise.to_string(),
                        format!("if you know why, run `keyvault trust --env {name}`"),
                    ),
                },
                Err(error) => self.error(&subject, &error),
            }
        }
    }

    /// Looks at who may read the vault. In a git work tree everybody may, because
    /// git keeps no permissions but one.
    fn permissions(&mut self, cx: &Context, store: &VaultStore) {
        let path = store.path();
        if in_git_work_tree(path) {
            return;
        }
        if let Ok(status) = store.folder().status()
            && is_open_to_others(&status)
        {
            let text = format!("others may look into `{}`", cx.brief(path));
            self.problem(
                "permissions",
                text,
                format!("run `chmod 700 {}`", shell_word(path)),
            );
        }
        for name in store.environments().unwrap_or_default() {
            let file = store.file_path(&name);
            let status = store.status(&name).ok().flatten();
            if status.is_some_and(|status| is_open_to_others(&status)) {
                let text = format!("others may read `{}`", cx.brief(&file));
                self.problem(
                    "permissions",
                    text,
                    format!("run `chmod 600 {}`", shell_word(&file)),
                );
            }
        }
    }

    fn git(&mut self, cx: &Context, store: &VaultStore) {
        if !in_git_work_tree(store.path()) {
            return;
        }
        match cx.is_git_ignored(store.path()) {
            Some(true) => self.note("git", "the vault is ignored, so colleagues do not get it"),
            Some(false) => self.ok(
                "git",
                "the vault is not ignored: it can be committed and shared",
            ),
            None => self.note("git", "git does not tell whether the vault is ignored"),
        }
    }
}

impl Report for Findings {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for finding in &self.findings {
            let kind = match finding.kind {
                Kind::Ok => "ok",
                Kind::Note => "note",
                Kind::Problem => "problem",
            };
            writeln!(out, "{kind:<8} {}: {}", finding.subject, finding.text)?;
            if let Some(mend) = &finding.mend {
                writeln!(out, "{:<8} {mend}", "")?;
            }
        }
        Ok(())
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        let problems = self
            .findings
            .iter()
            .filter(|finding| finding.kind == Kind::Problem);
        problems
            .into_iter()
            .try_for_each(|finding| writeln!(out, "{}: {}", finding.subject, finding.text))
    }
}
