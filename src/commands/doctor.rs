//! `keyvault doctor`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::context::identity::{IdentitySource, Protection};
use crate::error::{Code, Error, shell_word};
use crate::store::folder::{
    Folder, is_open_to_others, is_regular_file, is_writable_by_others, target_of_temporary,
};
use crate::store::pin::Verdict;
use crate::store::{VaultStore, in_git_work_tree};
use crate::ui::Report;
use crate::vault::Environment;

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
        Ok(store) => {
            findings.vault(cx, &store, opens);
            // Last: before git is asked, the session is left.
            findings.git(cx, &store);
        }
        Err(error) => findings.error(cx, "vault", &error),
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

    fn error(&mut self, cx: &Context, subject: &str, error: &Error) {
        let mend = error.hint().map(|hint| cx.ui.as_typed(&hint));
        self.add(Kind::Problem, subject, error.to_string(), mend);
    }

    /// Looks at the identity and returns whether it opens without being asked.
    fn identity(&mut self, cx: &Context) -> bool {
        let place = match cx.identity_source() {
            Ok(IdentitySource::File(path)) => cx.brief(&path),
            Ok(IdentitySource::Variable(_)) => "KEYVAULT_IDENTITY".to_owned(),
            Err(error) => {
                self.error(cx, "identity", &error);
                return false;
            }
        };
        let protected = format!("`{place}` is protected by a passphrase");
        match cx.protection() {
            Ok(Protection::None) => {
                self.unprotected(cx, &place);
                true
            }
            Ok(Protection::Passphrase) => {
                self.ok("identity", protected);
                self.ok("session", "locked; the passphrase will be asked for");
                false
            }
            Ok(Protection::Unlocked(lease)) => {
                self.ok("identity", protected);
                let text = format!(
                    "unlocked until {}, or {} after its last use",
                    lease.until, lease.idle
                );
                self.ok("session", text);
                true
            }
            Err(error @ Error::NoSessionCache { .. }) => {
                self.ok("identity", protected);
                self.note("session", error.to_string());
                false
            }
            Err(error) => {
                self.error(cx, "identity", &error);
                false
            }
        }
    }

    /// Says that the identity has no passphrase: in a file that is a danger, and in
    /// CI's variable what it is for.
    fn unprotected(&mut self, cx: &Context, place: &str) {
        let text = format!("`{place}` has no passphrase: whoever reads it opens your vaults");
        match cx.identity_source() {
            Ok(IdentitySource::File(_)) => {
                let mend = format!("run `{}`", cx.mend_of_identity());
                self.problem("identity", text, mend);
            }
            _ => self.note("identity", text),
        }
    }

    fn vault(&mut self, cx: &Context, store: &VaultStore, opens: bool) {
        let path = store.path();
        self.ok("vault", format!("`{}`", cx.brief(path)));
        self.permissions(cx, store);
        self.audit_log(cx, store);
        let names = store.folder().names().unwrap_or_default();
        if names.iter().any(|name| target_of_temporary(name).is_some()) {
            self.note(
                "vault",
                "a writer that was stopped left a file, which the next one clears away",
            );
        }
        let environments = match store.environments() {
            Ok(environments) => environments,
            Err(error) => return self.error(cx, "vault", &error),
        };
        if environments.is_empty() {
            let mend = cx.ui.as_typed("run `keyvault env create dev`");
            self.problem("vault", "there is no environment in it", mend);
        }
        let named = cx.named_environments();
        let named = named.and_then(|names| names.iter().try_for_each(|name| store.require(name)));
        if let Err(error) = named {
            self.error(cx, "environment", &error);
        }
        let expected = match cx.expected_vault() {
            Ok(expected) => expected,
            Err(error) => return self.error(cx, "vault", &error),
        };
        let mut newest_save = None;
        for name in environments {
            let subject = format!("environment {name}");
            if !opens {
                self.note(
                    &subject,
                    "not looked at: the identity does not open by itself",
                );
                continue;
            }
            let identity = cx.identity();
            let found =
                identity.and_then(|identity| store.inspect(&name, identity, expected.as_ref()));
            if let Ok(found) = &found
                && matches!(found.verdict, Verdict::Same | Verdict::Newer)
            {
                self.hooks(cx, &found.environment);
                newest_save = newest_save.max(Some(found.environment.updated_at));
            }
            match found {
                Ok(found) => match found.verdict {
                    Verdict::Same => self.ok(&subject, "as this machine saw it last"),
                    Verdict::Newer if found.before.is_none() => {
                        self.note(&subject, "not seen by this machine before")
                    }
                    Verdict::Newer => self.ok(&subject, "newer than this machine saw it last"),
                    Verdict::Elsewhere(surprise, _) if in_git_work_tree(path) => {
                        self.note(&subject, surprise.to_string())
                    }
                    Verdict::Elsewhere(surprise, _) | Verdict::Refused(surprise) => {
                        let mend = format!("if you know why, run `keyvault trust --env {name}`");
                        self.problem(&subject, surprise.to_string(), cx.ui.as_typed(&mend));
                    }
                },
                Err(error) => self.error(cx, &subject, &error),
            }
        }
        if let Some(oddity) = cx.clock().knowing(newest_save).oddity() {
            let mend = "set the clock; if that of the save was wrong, run `keyvault trust` after the next one";
            self.problem("clock", oddity.to_string(), cx.ui.as_typed(mend));
        }
    }

    /// Names secrets with hooks that do not run here before a person has looked at them.
    fn hooks(&mut self, cx: &Context, environment: &Environment) {
        let secrets = cx.secrets_with_new_hooks(environment);
        let Some(first) = secrets.first() else { return };
        let listed: Vec<String> = secrets.iter().map(|name| format!("`{name}`")).collect();
        let text = format!(
            "not accepted on this machine, and so not run by `rotate --due`: those of {}",
            listed.join(", ")
        );
        let mend = format!(
            "run `keyvault hook accept {first} --env {}`",
            environment.name
        );
        let mend = Some(cx.ui.as_typed(&mend));
        self.add(Kind::Note, "hooks", text, mend);
    }

    /// Looks whether uses can be logged. Whether the log holds is for `audit verify`.
    fn audit_log(&mut self, cx: &Context, store: &VaultStore) {
        let log = cx.audit_log(store);
        match (log.look(), log.path()) {
            (Ok(true), Ok(path)) => {
                let text = format!("others may look into `{}`", cx.brief(path));
                let mend = format!("run `chmod 700 {}`", shell_word(path));
                self.problem("audit log", text, mend);
            }
            (Err(error), _) => self.error(cx, "audit log", &error),
            _ => self.ok("audit log", "it can be written"),
        }
    }

    /// Looks at who may change what this machine trusts, and who may read the
    /// vault. In a git work tree everybody may, because git keeps no permissions but
    /// one.
    fn permissions(&mut self, cx: &Context, store: &VaultStore) {
        for path in cx.private_folders() {
            let status = Folder::open(&path, true).ok().flatten();
            let status = status.and_then(|folder| folder.status().ok());
            if status.is_some_and(|status| is_writable_by_others(&status)) {
                let text = format!("others may write in `{}`", cx.brief(&path));
                let mend = format!("run `chmod 700 {}`", shell_word(&path));
                self.problem("permissions", text, mend);
            }
        }
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
            // Of anything else the reading will say what it is.
            let status = store.status(&name).ok().flatten().filter(is_regular_file);
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
        let environments = store.environments().unwrap_or_default();
        let files = environments.iter().map(|name| store.file_path(name));
        match cx.is_git_ignored(store.path(), files) {
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
