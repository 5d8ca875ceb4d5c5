//! Hooks and the audit log: what a hook is given is a line before it runs, and where a log is
//! required nothing is lost for the want of one.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use crate::audit::lines;
use crate::rotation::Provider;
use crate::sandbox::{Sandbox, text, value_of};

/// The lines since a number of them, in short.
fn since(sandbox: &Sandbox, before: usize) -> Vec<String> {
    let lines = lines(sandbox);
    let word = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Array(all) => {
            let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
            all.join(",")
        }
        value => value.as_str().expect("a word").to_owned(),
    };
    let fields = ["command", "outcome", "error", "environments", "names"];
    let short = |line: &Value| {
        let words = fields.map(|field| word(&line[field])).join(" ");
        let is_hook = line["program"].is_string();
        if is_hook { words + " hook" } else { words }
    };
    lines[before..].iter().map(short).collect()
}

#[test]
fn each_hook_that_runs_is_a_line_with_what_it_is_given() {
    let provider = Provider::new();
    let sandbox = &provider.sandbox;
    sandbox.add("ADMIN", &value_of("ADMIN"));
    let script = provider.place().join("provider");
    let set = ["hook", "set", "A", "create", "--with", "ADMIN", "--"];
    sandbox
        .run(&[&set[..], &[text(&script)]].concat())
        .succeeds();
    let before = lines(sandbox).len();

    sandbox.run(&["rotate", "A", "--grace", "0s"]).succeeds();

    assert_eq!(
        since(sandbox, before),
        [
            "rotate ok - dev A",
            "rotate ok - dev ADMIN@1,A@1 hook",
            "rotate ok - dev A",
            "rotate ok - dev A@2 hook",
            "rotate ok - dev A",
            "rotate ok - dev A@1 hook",
            "rotate ok - dev A",
        ]
    );
    let line = lines(sandbox).swap_remove(before + 1);
    assert_eq!(line["program"], text(&script));
    sandbox.run(&["audit", "verify"]).succeeds();
    // What only hooks use is used.
    let report = sandbox.run(&["audit", "report", "--json"]).json();
    let read = report["reads"].as_array().expect("a list").iter();
    let names: Vec<_> = read.map(|secret| secret["name"].as_str()).collect();
    assert!(names.contains(&Some("ADMIN")), "{report}");
}

#[test]
fn a_hook_that_fails_is_a_line_with_its_secret() {
    let provider = Provider::new();
    provider.fails("create", "");
    let before = lines(&provider.sandbox).len();
    provider.sandbox.run(&["rotate", "A"]).exits(1);
    let lines = since(&provider.sandbox, before);
    assert_eq!(
        lines.last().expect("a line"),
        "rotate failed hook-failed dev A"
    );
}

/// Puts a file in the place of the logs, and the logs beside it.
const BREAK: &str = "mv \"$LOGS\" \"$LOGS.kept\" && : > \"$LOGS\"";

/// Puts them back.
fn mend(sandbox: &Sandbox) {
    let logs = sandbox.audit();
    fs::remove_file(&logs).expect("removed");
    fs::rename(logs.with_extension("kept"), &logs).expect("renamed");
}

#[test]
fn where_a_log_is_required_no_hook_runs_without_its_line() {
    let provider = Provider::new();
    let logs = provider.sandbox.audit();
    fs::rename(&logs, logs.with_extension("kept")).expect("renamed");
    fs::write(&logs, "").expect("written");
    let provider = Provider {
        sandbox: provider.sandbox.variable("KEYVAULT_AUDIT", "required"),
    };

    let before = fs::read(provider.sandbox.dev()).expect("read");
    let refusal = provider.sandbox.run(&["rotate", "A"]).exits(1);
    refusal.says("KEYVAULT_AUDIT=required");

    assert!(fs::read(provider.sandbox.dev()).expect("read") == before);
    assert!(provider.log("calls").is_empty());
    mend(&provider.sandbox);
    provider.sandbox.run(&["rotate", "A"]).succeeds();
}

#[test]
fn what_was_made_when_the_log_broke_is_saved_later() {
    let provider = Provider::new();
    let logs = provider.sandbox.audit();
    let provider = Provider {
        sandbox: (provider.sandbox)
            .variable("KEYVAULT_AUDIT", "required")
            .variable("LOGS", &logs),
    };
    let sandbox = &provider.sandbox;
    let script = provider.place().join("provider");
    let well = fs::read_to_string(&script).expect("read");
    // The log goes once the new value is made, or once the old one is given back.
    let breaks = |step: &str| {
        let broken = format!("{step})\n        {BREAK}");
        let text = well.replacen(&format!("{step})"), &broken, 1);
        fs::write(&script, text).expect("written");
    };

    breaks("create");
    let refusal = sandbox.run(&["rotate", "A", "--grace", "0s"]).exits(1);
    let refusal = refusal.says("KEYVAULT_AUDIT=required");
    refusal.says("asks the hook for it again, with the same `KEYVAULT_ROTATION_ID`");
    fs::write(&script, &well).expect("written");
    assert_eq!(fs::metadata(&logs).expect("there").size(), 0);
    // Nothing goes on before there is a log again.
    sandbox.refused(&["rotate", "A", "--resume"]).exits(1);
    mend(sandbox);

    breaks("revoke");
    let refusal = sandbox.run(&["rotate", "A", "--resume"]).exits(1);
    refusal.says("given back, and that could not be saved: `keyvault rotate A --resume --env dev`");
    assert_eq!(
        provider.log("effects"),
        ["minted key-[1]", "revoked key-first for [1]"]
    );
    fs::write(&script, &well).expect("written");
    mend(sandbox);
    sandbox.run(&["rotate", "A", "--resume"]).succeeds();

    assert_eq!(
        provider.log("effects"),
        ["minted key-[1]", "revoked key-first for [1]"]
    );
    let history = sandbox.run(&["history", "A", "--json"]).json();
    let states = history["versions"].as_array().expect("a list").iter();
    let mut states: Vec<_> = states.map(|version| version["state"].as_str()).collect();
    states.sort_unstable();
    assert_eq!(states, [Some("current"), Some("revoked")]);

    breaks("revoke");
    let refusal = sandbox.run(&["revoke", "A"]).exits(1);
    refusal.says("could not be saved: the same command again runs the `revoke` hook once more");
    fs::write(&script, &well).expect("written");
    mend(sandbox);
    sandbox.run(&["revoke", "A"]).succeeds();
    assert_eq!(provider.log("effects")[2..], ["revoked key-[1] for [2]"]);
    sandbox.run(&["audit", "verify"]).succeeds();
}
