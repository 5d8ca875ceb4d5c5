use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use crate::sandbox::Sandbox;

fn set(sandbox: &Sandbox, step: &str, command: &[&str]) {
    let set = [&["hook", "set", "A", step, "--"], command].concat();
    sandbox.run(&set).succeeds();
}

/// Forgets what was accepted, as if this were another machine.
fn forget(sandbox: &Sandbox) {
    let accepted = sandbox.pins().with_file_name("hooks");
    fs::remove_dir_all(accepted).expect("removed");
}

#[test]
fn a_hook_is_set_shown_and_taken_away() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    let command = [
        "hook",
        "set",
        "A",
        "create",
        "--with",
        "B",
        "--timeout",
        "2m",
        "--",
    ];
    let command = [&command[..], &["./new key", "it's", "\u{1b}[2J", "--short"]].concat();

    assert_snapshot!(sandbox.run(&command), @"
    --- stderr ---
    set the `create` hook of `A` in `dev`
    [exit 0]
    ");
    set(&sandbox, "revoke", &["./old"]);
    assert_snapshot!(sandbox.run(&["hook", "show"]), @r"
    --- stdout ---
    NAME  STEP    HERE      WITH  TIMEOUT  COMMAND
    A     create  accepted  B     2m       './new key' 'it'\''s' $'\033[2J' --short
    A     revoke  accepted                 ./old
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["hook", "show", "A", "-q"]), @r"
    --- stdout ---
    keyvault hook set A create --env dev --with B --timeout 2m -- './new key' 'it'\''s' $'\033[2J' --short
    keyvault hook set A revoke --env dev -- ./old
    [exit 0]
    ");
    assert_eq!(
        sandbox.run(&["hook", "show", "A", "--json"]).json(),
        json!({ "schema": 1, "environment": "dev", "hooks": [
            { "name": "A", "step": "create", "command": ["./new key", "it's", "\u{1b}[2J", "--short"],
              "with": ["B"], "timeout": "2m", "accepted": true },
            { "name": "A", "step": "revoke", "command": ["./old"], "accepted": true }
        ]})
    );
    assert_eq!(
        sandbox.run(&["hook", "show", "B", "--json"]).json()["hooks"],
        json!([])
    );
    assert_snapshot!(sandbox.run(&["hook", "remove", "A", "create"]), @"
    --- stderr ---
    removed the `create` hook of `A` in `dev`
    [exit 0]
    ");
    assert_snapshot!(sandbox.refused(&["hook", "remove", "A", "create"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` has no `create` hook
    keyvault: hint: run `keyvault hook show --env dev` to see those that there are
    [exit 3]
    ");
}

#[test]
fn what_is_shown_sets_the_same_when_it_is_pasted() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    set(
        &sandbox,
        "create",
        &["a b", "it's", "$(x)", "\n", "", "-q", "é", "\\"],
    );
    let shown = sandbox.run(&["hook", "show", "-q"]).text().to_owned();
    let before = sandbox.run(&["hook", "show", "--json"]).json();
    sandbox.run(&["hook", "remove", "A", "create"]).succeeds();
    let pasted = shown.replacen("keyvault", crate::sandbox::KEYVAULT, 1);
    // What has a control character is quoted as bash, zsh and POSIX.1-2024 have it.
    let mut bash = sandbox.other("bash");
    sandbox.finish(bash.args(["-c", &pasted])).succeeds();
    assert_eq!(sandbox.run(&["hook", "show", "--json"]).json(), before);
}

#[test]
fn what_makes_no_hook_is_refused() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    assert_snapshot!(sandbox.refused(&["hook", "set", "A", "destroy", "--", "x"]), @"
    --- stderr ---
    keyvault: error: `STEP` has a value that does not fit: a step is `create`, `verify` or `revoke`
    keyvault: hint: run `keyvault hook set --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["hook", "set", "A", "create", "--with", "MISSING", "--", "x"]), @"
    --- stderr ---
    keyvault: error: no secret named `MISSING` in environment `dev`
    keyvault: hint: run `keyvault list --env dev` to see its secrets
    [exit 3]
    ");
    assert_snapshot!(sandbox.refused(&["hook", "set", "A", "create", "--timeout", "0s", "--", "x"]), @"
    --- stderr ---
    keyvault: error: `--timeout` has a value that does not fit: a hook needs some time
    keyvault: hint: run `keyvault hook set --help`
    [exit 2]
    ");
    sandbox.refused(&["hook", "set", "A", "create"]).exits(2);
    sandbox
        .refused(&["hook", "set", "A", "create", "--"])
        .exits(2);
    sandbox
        .refused(&["hook", "set", "B", "create", "--", "x"])
        .exits(3);
    sandbox.refused(&["hook", "accept", "A"]).exits(3);
    sandbox.add("LD_PRELOAD", "/nowhere");
    let with = [
        "hook",
        "set",
        "A",
        "create",
        "--with",
        "LD_PRELOAD",
        "--",
        "x",
    ];
    assert_snapshot!(sandbox.refused(&with), @"
    --- stderr ---
    keyvault: error: `LD_PRELOAD` cannot be given to a hook: a variable of this name would take the program over
    keyvault: hint: leave it out of `--with`, or see `keyvault hook show LD_PRELOAD`; with `--no-hooks` no hook is run
    [exit 2]
    ");
    let own = ["hook", "set", "LD_PRELOAD", "create", "--", "x"];
    sandbox.refused(&own).exits(2);
}

#[test]
fn a_hook_that_is_new_here_is_not_run() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    set(&sandbox, "create", &["sh", "-c", "touch ran; echo made-up"]);
    set(&sandbox, "revoke", &["touch", "ran"]);
    forget(&sandbox);

    assert_snapshot!(sandbox.refused(&["rotate", "A"]), @"
    --- stderr ---
    keyvault: error: the hooks of `A` in environment `dev` were not accepted on this machine, and there is no terminal to ask on
    keyvault: hint: run `keyvault hook accept A --env dev` at a terminal, to see them and accept them
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["revoke", "A"]), @"
    --- stderr ---
    keyvault: error: the hooks of `A` in environment `dev` were not accepted on this machine, and there is no terminal to ask on
    keyvault: hint: run `keyvault hook accept A --env dev` at a terminal, to see them and accept them
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["hook", "accept", "A"]), @"
    --- stderr ---
    keyvault: error: the hooks of `A` in environment `dev` were not accepted on this machine, and there is no terminal to ask on
    keyvault: hint: run `keyvault hook accept A --env dev` at a terminal, to see them and accept them
    [exit 2]
    ");
    let shown = sandbox.run(&["hook", "show", "--json"]).json();
    assert_eq!(shown["hooks"][0]["accepted"], false);

    assert_snapshot!(sandbox.run(&["hook", "accept", "A", "--yes"]), @"
    --- stderr ---
    accepted the hooks of `A` in `dev` on this machine
    [exit 0]
    ");
    sandbox.run(&["rotate", "A"]).succeeds();
    assert_eq!(sandbox.run(&["get", "A"]).text(), "made-up");
}

#[test]
fn a_hook_that_was_changed_is_new() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    set(&sandbox, "create", &["sh", "-c", "echo made-up"]);
    let accepted = sandbox.pins().with_file_name("hooks");
    let kept = sandbox.root().join("kept");
    fs::rename(&accepted, &kept).expect("moved");
    // Somebody else sets another one, and this machine knows the first.
    set(&sandbox, "create", &["sh", "-c", "echo made-up "]);
    fs::remove_dir_all(&accepted).expect("removed");
    fs::rename(&kept, &accepted).expect("moved");

    sandbox.refused(&["rotate", "A"]).exits(2);
    set(&sandbox, "create", &["sh", "-c", "echo made-up"]);
    sandbox.run(&["rotate", "A"]).succeeds();
}
