//! The audit log, from where everything comes from: who uses what, and why.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::context::surroundings::Surroundings;
use crate::context::{Context, variable};
use crate::error::{Code, Error, LogFault, Result, shown};
use crate::name::{EnvironmentName, Remark};
use crate::store::VaultStore;
use crate::store::audit_log::line::{Acceptance, Line, Outcome};
use crate::store::audit_log::verify::{Known, Verified};
use crate::store::audit_log::{ACCEPTING, Appended, AuditLog, OWN_COMMAND, Writer};
use crate::store::pin::Verdict;
use crate::ui::failure::is_broken_pipe;
use crate::vault::log_head::{self, LogHead};
use crate::vault::{Author, Environment};

const AUDIT: &str = "KEYVAULT_AUDIT";
const REASON: &str = "KEYVAULT_REASON";

/// What [`AUDIT`] says so that nothing goes without its line.
const REQUIRED: &str = "required";

/// How often it is tried to accept a log that others write in.
const ATTEMPTS: usize = 5;

/// What the audit log is to know of this command beside what it is told.
#[derive(Default)]
pub struct Trail {
    /// The vault that was opened last.
    vault: RefCell<Option<PathBuf>>,
    /// What was allowed that is not so by itself.
    allowed: RefCell<Vec<&'static str>>,
    /// Whether something was allowed, which may fail yet.
    began: Cell<bool>,
    /// Whether others were waited for who kept the log locked all the time.
    has_waited: Cell<bool>,
}

impl Trail {
    /// Notes which vault is worked on.
    pub fn enter(&self, store: &VaultStore) {
        *self.vault.borrow_mut() = Some(store.path().to_owned());
    }
}

impl Context {
    /// Returns the audit log of a vault on this machine.
    pub fn audit_log(&self, store: &VaultStore) -> AuditLog {
        store.audit_log(self.state_folder().as_deref())
    }

    /// Returns what `--reason` says.
    pub fn reason(&self) -> Option<Remark> {
        self.options.reason.clone()
    }

    /// Notes, for the lines that are written from here on, that something was allowed
    /// that is not so by itself: `expired`.
    pub fn note_allowed(&self, what: &'static str) {
        let mut allowed = self.trail.allowed.borrow_mut();
        if !allowed.contains(&what) {
            allowed.push(what);
        }
    }

    /// Writes to the audit log what is about to be given out or changed: of which
    /// environments, which secrets, as `NAME@3`, and to which program. It comes before
    /// the use.
    ///
    /// # Errors
    ///
    /// [`Error::Unlogged`], where it cannot be written and `KEYVAULT_AUDIT` says that it
    /// has to; without that a person is told. [`Error::Usage`] for variables that make no
    /// sense.
    pub fn log_use<'a>(
        &self,
        environments: impl IntoIterator<Item = &'a EnvironmentName>,
        names: Vec<String>,
        program: Option<&OsStr>,
    ) -> Result<()> {
        let environments = environments.into_iter().cloned().collect();
        self.log_begin(environments, names, program).map(drop)
    }

    /// Writes to the audit log what is about to be saved, and notes in it how far the log
    /// has come.
    ///
    /// # Errors
    ///
    /// As [`Context::log_use`].
    pub(super) fn log_change(
        &self,
        store: &VaultStore,
        environment: &mut Environment,
        author: Author<'_>,
    ) -> Result<()> {
        self.trail.enter(store);
        let names = environment.changed_secrets().map(ToString::to_string);
        let (names, own) = (names.collect(), vec![environment.name.clone()]);
        let Some(appended) = self.log_begin(own, names, None)? else {
            return Ok(());
        };
        // What others are told of should not be lost with the power.
        if let Err(error) = appended.sync() {
            self.warn_unlogged(&error);
        }
        store.pins().note_log(appended.log);
        let head = LogHead {
            log: appended.log,
            by: author.name.clone(),
            line: appended.line,
            mac: appended.mac,
            at: author.now,
        };
        let log = self.audit_log(store);
        let mut noted = environment.logs.iter();
        let noted = noted.find(|noted| noted.log == appended.log);
        let goes_on = noted.is_none_or(|noted| {
            noted.line < appended.line
                && log
                    .mac_of(noted.line)
                    .is_ok_and(|mac| mac == Some(noted.mac))
        });
        if goes_on {
            log_head::note(&mut environment.logs, head);
        } else {
            // What was noted stays, so that it is not covered up.
            self.ui.warn("the audit log of this machine is not the one that was noted with the last save: lines were lost; run `keyvault audit verify`");
        }
        Ok(())
    }

    /// Writes to the audit log that a command was refused, or failed after it was allowed
    /// something.
    pub fn log_failure(&self, error: &anyhow::Error) {
        let error = error.downcast_ref::<Error>();
        if self.options.command == OWN_COMMAND || error.is_some_and(is_broken_pipe) {
            return;
        }
        let outcome = match error.map(|error| error.inner().code()) {
            Some(Code::Locked | Code::Refused | Code::Untrusted) => Outcome::Refused,
            _ if self.trail.began.get() => Outcome::Failed,
            _ => return,
        };
        if self.trail.vault.borrow().is_none() {
            // Of no vault, and so of no log.
            let Ok(store) = self.store() else { return };
            self.trail.enter(&store);
        }
        let (environments, names) = error.map(Error::subject).unwrap_or_default();
        let line = Line {
            outcome,
            error: Some(error.map_or_else(|| "other".to_owned(), Error::kind)),
            ..self.line(environments, names, None)
        };
        match self.append(line) {
            Ok(appended) => appended
                .without_head
                .iter()
                .for_each(|error| self.warn_unlogged(error)),
            Err(error) => self.warn_unlogged(&error),
        }
    }

    fn log_begin(
        &self,
        environments: Vec<EnvironmentName>,
        names: Vec<String>,
        program: Option<&OsStr>,
    ) -> Result<Option<Appended>> {
        let is_required = is_required()?;
        let mut line = self.line(environments, names, program);
        line.reason = match self.reason() {
            None => reason_of_variable()?,
            reason => reason,
        };
        match self.append(line) {
            Ok(appended) => {
                self.trail.began.set(true);
                if let Some(error) = &appended.without_head {
                    self.warn_unlogged(error);
                }
                Ok(Some(appended))
            }
            Err(error) if is_required => Err(Error::Unlogged {
                what: error.to_string(),
            }),
            Err(error) => {
                self.trail.began.set(true);
                self.warn_unlogged(&error);
                Ok(None)
            }
        }
    }

    fn append(&self, line: Line) -> Result<Appended> {
        let vault = self.trail.vault.borrow();
        let vault = vault.as_deref().unwrap_or_else(|| Path::new(""));
        let mut log = AuditLog::of_vault(self.state_folder().as_deref(), vault);
        if self.trail.has_waited.get() {
            log = log.without_waiting();
        }
        let appended = log.append(line, &Writer::of(self.identity.get()));
        let is_locked = matches!(appended, Err(Error::LockHeld { .. }));
        self.trail.has_waited.set(is_locked);
        appended
    }

    fn line(
        &self,
        environments: Vec<EnvironmentName>,
        names: Vec<String>,
        program: Option<&OsStr>,
    ) -> Line {
        let Surroundings {
            parents,
            tty,
            agent,
            ci,
        } = Surroundings::look();
        let allowed = self.trail.allowed.borrow();
        Line {
            line: 0,
            // Right or wrong: a log tells what the machine said.
            time: self.system_time(),
            command: self.options.command.to_owned(),
            environments,
            names,
            outcome: Outcome::Ok,
            error: None,
            allowed: allowed.iter().map(|what| (*what).to_owned()).collect(),
            identity: None,
            pid: std::process::id(),
            program: program.map(|program| shown(program.as_ref())),
            parents,
            tty,
            folder: self.working_folder().ok().map(|folder| shown(&folder)),
            agent: agent.map(str::to_owned),
            ci: ci.map(str::to_owned),
            // Of a command that was refused a word that makes no sense is left out.
            reason: self.reason().or_else(|| reason_of_variable().ok()?),
            accepted: None,
        }
    }

    /// Says, once, that the audit log lacks something.
    fn warn_unlogged(&self, error: &Error) {
        let text = format!("the audit log is not complete: {error}");
        let mut told = self.told.borrow_mut();
        if !told.contains(&text) {
            self.ui.warn(&text);
            told.push(text);
        }
    }

    /// Verifies an audit log, with what is known of it elsewhere: in the environments that
    /// this identity opens, and in their pins.
    ///
    /// # Errors
    ///
    /// Those of exit code 4; [`Error::Io`](crate::error::Error::Io), where the log cannot
    /// be read.
    pub fn verify_log(&self, store: &VaultStore, log: &AuditLog) -> Result<Verified> {
        let (known, gone_back) = self.known_of_logs(store)?;
        let mut verified = log.verify(&known)?;
        verified.fault = verified.fault.or(gone_back);
        Ok(verified)
    }

    /// Accepts that a log is broken as it was found, and goes on behind it. Returns the
    /// number of the line that says so.
    ///
    /// # Errors
    ///
    /// [`Error::BrokenLog`], where by now it is broken in another way; as
    /// [`Context::log_use`].
    pub fn accept_log(&self, store: &VaultStore, log: &AuditLog, found: &LogFault) -> Result<u64> {
        self.trail.enter(store);
        self.note_allowed(ACCEPTING.1);
        let path = log.path()?.to_owned();
        let (known, _) = self.known_of_logs(store)?;
        for _ in 0..ATTEMPTS {
            // Before it is verified: what is accepted is what was verified, or nothing.
            let digest = log.digest()?;
            let verified = log.verify(&known)?;
            if let Some(fault) = verified.fault.filter(|fault| fault != found) {
                return Err(Error::BrokenLog { path, fault });
            }
            let mut logs = known.own.clone();
            logs.extend(verified.log.filter(|log| !known.own.contains(log)));
            let line = Line {
                command: ACCEPTING.0.to_owned(),
                accepted: Some(Acceptance {
                    held: verified.lines,
                    fault: found.kind().to_owned(),
                    message: found.to_string(),
                    digest,
                    logs,
                }),
                ..self.line(Vec::new(), Vec::new(), None)
            };
            if let Some(appended) = log.accept(line, &Writer::of(Some(self.identity()?)))? {
                appended.sync()?;
                if let Some(error) = &appended.without_head {
                    self.warn_unlogged(error);
                }
                return Ok(appended.line);
            }
        }
        let others = io::Error::other("others write in it all the time");
        Err(Error::io("accept", &path)(others))
    }

    /// Gathers what is known of audit logs beside themselves, and whether any of that
    /// contradicts what was known before.
    fn known_of_logs(&self, store: &VaultStore) -> Result<(Known, Option<LogFault>)> {
        let identity = self.identity()?;
        let keys = identity.recipients().into_iter().filter_map(|recipient| {
            let key = identity.audit_key(&recipient)?;
            Some((recipient.to_string(), key))
        });
        let mut known = Known {
            keys: keys.collect(),
            ..Known::default()
        };
        let pins = store.pins().load_usable();
        for pin in &pins {
            known.heads.extend(pin.logs.iter().cloned());
            known.own.extend(&pin.own_logs);
        }
        let mut gone_back = None;
        let expected = self.expected_vault()?;
        for name in store.environments()? {
            // What does not open tells nothing; nor does what a person did not accept.
            let Ok(found) = store.inspect(&name, identity, expected.as_ref()) else {
                continue;
            };
            if !matches!(found.verdict, Verdict::Same | Verdict::Newer) {
                continue;
            }
            let logs = &found.environment.logs;
            if let Some(pin) = &found.before
                && let Some((before, now)) = log_head::gone_back(&pin.logs, logs).next()
            {
                gone_back.get_or_insert(LogFault::WentBack {
                    by: before.by.clone(),
                    environment: name,
                    found: now.line,
                    seen: before.line,
                });
            }
            known.heads.extend(logs.iter().cloned());
        }
        Ok((known, gone_back))
    }
}

/// Tells whether nothing goes without its line.
fn is_required() -> Result<bool> {
    match variable(AUDIT) {
        None => Ok(false),
        Some(value) if value == REQUIRED => Ok(true),
        Some(_) => Err(Error::Usage {
            message: format!("`{AUDIT}` is neither `{REQUIRED}` nor empty"),
            hint: format!("set it as in `{AUDIT}={REQUIRED}`, or unset it"),
        }),
    }
}

fn reason_of_variable() -> Result<Option<Remark>> {
    let Some(text) = variable(REASON) else {
        return Ok(None);
    };
    let reason = text.to_str().and_then(|text| text.parse().ok());
    reason.map(Some).ok_or_else(|| Error::Usage {
        message: format!("`{REASON}` is not one line of printable text, at most 1024 bytes"),
        hint: format!("set it as in `{REASON}=\"deploy 42\"`, or unset it"),
    })
}
