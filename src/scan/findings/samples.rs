//! Findings of every kind and origin, made up.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Finding, Found, Origin, Position, Scanned, Unread, ValueState, What};
use crate::scan::plaintext_name::Why;

const COMMIT: &str = "89e6c98d92887913cadf06b2adb97f26cde4849b";

fn format(test_mode: bool) -> What {
    What::Format {
        rule: "openai-project-key".to_owned(),
        provider: "OpenAI".to_owned(),
        name: "project API key".to_owned(),
        source: "https://docs.example.org/keys".to_owned(),
        test_mode,
    }
}

fn value(state: ValueState) -> What {
    What::Value {
        secret: "STRIPE_KEY".parse().expect("a name"),
        version: 2,
        state,
        environment: "dev".parse().expect("a name"),
    }
}

fn key(what: What, origin: Origin, line: u64, column: u64) -> Finding {
    let is_format = matches!(what, What::Format { .. });
    let id = if is_format {
        "0123456789abcdef"
    } else {
        "fedcba9876543210"
    };
    Finding {
        masked: is_format.then(|| "sk-proj-… (164 characters)".to_owned()),
        what,
        origin,
        position: Some(Position { line, column }),
        id: Some(id.parse().expect("an id")),
    }
}

fn file(why: Why, path: PathBuf) -> Finding {
    Finding {
        what: What::File(why),
        origin: Origin::File(path),
        position: None,
        masked: None,
        id: None,
    }
}

/// One of each.
pub fn found() -> Found {
    let not_text = PathBuf::from(OsStr::from_bytes(b"\xff.key"));
    let commit = Origin::Commit {
        path: "notes.md".into(),
        commit: COMMIT.to_owned(),
    };
    Found {
        findings: vec![
            key(format(false), Origin::File("src/a b.ts".into()), 12, 15),
            key(value(ValueState::Previous), commit, 1, 1),
            file(Why::Dotenv, "apps/web/.env".into()),
            file(Why::PrivateKey, not_text),
            key(
                value(ValueState::Current),
                Origin::CommitMessage(COMMIT.to_owned()),
                3,
                7,
            ),
            key(format(true), Origin::Tag("v1".to_owned()), 1, 9),
            key(format(false), Origin::Stdin, 2, 1),
            key(
                format(false),
                Origin::File("a,b:c%\n\u{1b}[2J.ts".into()),
                1,
                1,
            ),
        ],
        allowed: 1,
        scanned: Scanned {
            files: 12,
            bytes: 34_567,
            commits: Some(3),
            allowed_files: 0,
            unread: vec![Unread {
                path: "secret.bin".into(),
                why: "permission denied".to_owned(),
            }],
        },
    }
}
