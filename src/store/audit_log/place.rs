//! A log to be tried out, for the tests of this folder.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::error::LogFault;
use crate::seal::identity::Identity;
use crate::store::audit_log::line::{Line, Outcome};
use crate::store::audit_log::verify::{Known, Verified};
use crate::store::audit_log::{AuditLog, HEAD, Writer, segment_name};
use crate::vault::log_head::LogHead;

/// A log in a folder of its own, and who writes in it.
pub struct Place {
    pub state: TempDir,
    pub log: AuditLog,
    pub us: Identity,
    pub known: Known,
}

impl Place {
    pub fn new() -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let log = AuditLog::of_vault(Some(state.path()), "/project/.keyvault".as_ref());
        let us = Identity::generate();
        let (recipient, key) = (us.first_recipient(), us.first_audit_key());
        let known = Known {
            keys: [(recipient.to_string(), key)].into(),
            ..Known::default()
        };
        Self {
            state,
            log,
            us,
            known,
        }
    }

    /// With lines of ours, of nobody and of somebody else: `o`, `n` and `s`.
    pub fn with(lines: &str) -> Self {
        let place = Self::new();
        let somebody = Identity::generate();
        for by in lines.chars() {
            match by {
                'o' => place.append_by(Some(&place.us)),
                's' => place.append_by(Some(&somebody)),
                _ => place.append_by(None),
            };
        }
        place
    }

    pub fn append_by(&self, identity: Option<&Identity>) -> LogHead {
        self.append_with(&Writer::of(identity), line())
    }

    pub fn append(&self) -> LogHead {
        self.append_by(Some(&self.us))
    }

    pub fn append_with(&self, writer: &Writer<'_>, line: Line) -> LogHead {
        let at = line.time;
        let appended = self.log.append(line, writer).expect("appended");
        assert!(appended.without_head.is_none());
        LogHead {
            log: appended.log,
            by: "alice".parse().expect("a name"),
            line: appended.line,
            mac: appended.mac,
            at,
        }
    }

    pub fn segment(&self, first_line: u64) -> PathBuf {
        let folder = self.log.path().expect("there is a home");
        folder.join(segment_name(first_line))
    }

    pub fn head(&self) -> PathBuf {
        self.log.path().expect("there is a home").join(HEAD)
    }

    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.segment(1)).expect("read")
    }

    pub fn write(&self, bytes: &[u8]) {
        fs::write(self.segment(1), bytes).expect("written");
    }

    pub fn lines(&self) -> Vec<Vec<u8>> {
        let bytes = self.bytes();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.map(<[u8]>::to_vec).collect()
    }

    pub fn verify(&self) -> Verified {
        self.log.verify(&self.known).expect("read")
    }

    pub fn fault(&self) -> Option<LogFault> {
        self.verify().fault
    }
}

/// A read.
pub fn line() -> Line {
    Line {
        line: 0,
        time: "2026-11-22T12:00:00Z".parse().expect("a time"),
        command: "get".to_owned(),
        environments: vec!["dev".parse().expect("a name")],
        names: vec!["API_KEY@3".to_owned()],
        outcome: Outcome::Ok,
        error: None,
        allowed: Vec::new(),
        identity: None,
        pid: 7,
        program: None,
        parents: vec!["bash".to_owned()],
        tty: None,
        folder: None,
        agent: None,
        ci: None,
        reason: None,
        accepted: None,
    }
}
