//! Going on behind an audit log that is broken. What is accepted, and what is noticed all
//! the same, is tested beside the log.

use std::fs;
use std::path::PathBuf;

use insta::assert_snapshot;
use serde_json::Value;

use crate::sandbox::{Sandbox, without_ids, without_times};
use crate::terminal::Terminal;

/// The folder of the log of the sandbox's vault.
fn folder(sandbox: &Sandbox) -> PathBuf {
    let mut folders = fs::read_dir(sandbox.audit()).expect("listed");
    folders.next().expect("a log").expect("listed").path()
}

/// A log whose end a power failure has torn.
fn torn() -> Sandbox {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let path = folder(&sandbox).join("000000000001.jsonl");
    let text = fs::read_to_string(&path).expect("read");
    fs::write(path, text + "{\"line\":3,\"ti").expect("written");
    sandbox
}

fn told(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let name = folder(sandbox);
    let name = name
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let transcript = without_ids(&sandbox.run(arguments));
    without_times(&transcript).replace(&name, "[log]")
}

#[test]
fn a_torn_log_goes_on_once_that_is_accepted() {
    let sandbox = torn();
    assert_snapshot!(told(&sandbox, &["audit", "verify"]), @"
    --- stdout ---
    2 lines are as written, [time] to [time]
    --- stderr ---
    keyvault: error: the audit log `[sandbox]/home/.local/state/keyvault/audit/[vault 1]` is not what was written: line 3 was not written whole
    keyvault: hint: it was left as it is; compare the folder with a backup; if you know why, as after a power failure, run `keyvault audit accept` to go on behind it
    [exit 6]
    ");
    let before = sandbox.whole_snapshot();
    assert_snapshot!(told(&sandbox, &["audit", "accept"]), @"
    --- stderr ---
    the audit log is as written for 2 lines, and then line 3 was not written whole
    keyvault: error: `Accept that the log is broken, and go on behind it?` was not asked: there is no terminal, or input is switched off
    keyvault: hint: pass `--yes` to say yes beforehand
    [exit 2]
    ");
    let json = sandbox.run(&["audit", "accept", "--json"]).exits(2);
    assert!(json.text().contains("\"torn\""), "{json}");
    assert!(sandbox.whole_snapshot() == before, "something was changed");

    let accept = ["audit", "accept", "--yes", "--reason", "power failure"];
    assert_snapshot!(told(&sandbox, &accept), @"
    --- stderr ---
    line 4 of the audit log accepts what is before it; from there on it is verified anew
    [exit 0]
    ");
    sandbox.run(&["get", "A"]).succeeds();
    assert_snapshot!(told(&sandbox, &["audit", "verify"]), @"
    --- stdout ---
    2 lines are as written, [time] to [time]
      line 4 accepted on [time] that the log before it is broken: line 3 was not written whole, behind 2 lines that were proven
    [exit 0]
    ");
    assert_snapshot!(told(&sandbox, &accept), @"
    --- stderr ---
    the audit log is as written: there is nothing to accept
    [exit 0]
    ");
    let json = sandbox
        .run(&["audit", "--command", "audit", "--json"])
        .json();
    assert_eq!(json["lines"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["lines"][0]["reason"], "power failure");
    let report = sandbox.run(&["audit", "report", "-q"]).succeeds();
    assert!(
        report.text().contains("allowed 1 time as `broken-log`"),
        "{report}"
    );
}

#[test]
fn a_log_that_is_gone_is_accepted_and_saves_go_on() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    fs::remove_dir_all(sandbox.audit()).expect("removed");
    sandbox.run(&["audit", "verify"]).exits(6);
    let json = sandbox
        .run(&["audit", "accept", "--yes", "--json"])
        .succeeds()
        .json();
    assert_eq!(
        (&json["fault"]["kind"], &json["accepted"]),
        (&"begun-anew".into(), &1.into())
    );
    sandbox.add("B", "made up");
    sandbox.run(&["audit", "verify"]).succeeds();
    // What comes after an acceptance is as safe as before.
    fs::remove_dir_all(sandbox.audit()).expect("removed");
    sandbox
        .run(&["audit", "verify"])
        .exits(6)
        .says("it was begun anew");
}

#[test]
fn a_person_is_asked() {
    let sandbox = torn();
    for (answer, code) in [("n", 1), ("y", 0)] {
        let mut terminal = Terminal::start(&sandbox, &["audit", "accept"]);
        terminal.expect("and then line 3 was not written whole");
        terminal.expect("go on behind it? [y/N]");
        terminal.line(answer);
        assert_eq!(terminal.end().code, Some(code));
    }
    let json = sandbox
        .run(&["audit", "verify", "--json"])
        .succeeds()
        .json();
    assert_eq!(json["fault"], Value::Null);
}
