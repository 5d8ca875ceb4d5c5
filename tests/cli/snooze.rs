//! `keyvault snooze`: `status` is silent about a secret for a while.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

/// A vault with two secrets to attend to.
fn troubled() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.add("A", "changeme");
    sandbox.add("B", "your-key-here");
    sandbox
}

#[test]
fn what_is_snoozed_is_not_told() {
    let sandbox = troubled();
    assert_snapshot!(sandbox.run(&["snooze", "A", "2999-12-31"]), @"
    --- stderr ---
    snoozed `A` in `dev` until 2999-12-31T00:00:00Z
    [exit 0]
    ");
    let status = ["status", "--only", "placeholder"];
    assert_snapshot!(sandbox.run(&status), @"
    --- stdout ---
    KIND         NAME  ENVIRONMENT  WHY
    placeholder  B     dev          looks like a placeholder
                 keyvault rotate B --env dev
    --- stderr ---
    keyvault: note: 1 is snoozed; run `keyvault status --all` to see
    keyvault: note: 2 secrets in 1 environment, 1 thing needs attention
    [exit 8]
    ");
    assert_snapshot!(sandbox.run(&["snooze", "B", "forever", "--json"]), @r#"
    --- stdout ---
    {"schema":1,"name":"B","environment":"dev","snoozed_until":"9999-01-01T00:00:00Z"}
    [exit 0]
    "#);
    assert_snapshot!(sandbox.run(&status), @"
    --- stderr ---
    keyvault: note: 2 are snoozed; run `keyvault status --all` to see
    keyvault: note: nothing needs attention
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["status", "--only", "placeholder", "--all"]), @"
    --- stdout ---
    KIND         NAME  ENVIRONMENT  WHY
    placeholder  A     dev          looks like a placeholder (snoozed until 2999-12-31T00:00:00Z)
                 keyvault rotate A --env dev
    placeholder  B     dev          looks like a placeholder (snoozed for good)
                 keyvault rotate B --env dev
    --- stderr ---
    keyvault: note: nothing needs attention
    [exit 0]
    ");
    let json = sandbox
        .run(&["status", "--only", "placeholder", "--json", "-q"])
        .succeeds()
        .json();
    assert_eq!(json["snoozed"], 2);
    assert_eq!(json["attention"], serde_json::json!([]));
}

#[test]
fn it_ends_by_off() {
    let sandbox = troubled();
    sandbox
        .run(&["snooze", "A", "30d", "-q"])
        .succeeds()
        .says_nothing();
    assert_eq!(
        sandbox
            .run(&["status", "--only", "placeholder", "-q"])
            .text(),
        "B\n"
    );
    assert_snapshot!(sandbox.run(&["snooze", "A", "off"]), @"
    --- stderr ---
    `status` names `A` in `dev` again
    [exit 0]
    ");
    assert_eq!(
        sandbox
            .run(&["status", "--only", "placeholder", "-q"])
            .text(),
        "A\nB\n"
    );
    // It was not snoozed: nothing is saved anew.
    let before = sandbox.snapshot();
    sandbox.run(&["snooze", "A", "off"]).succeeds();
    assert!(sandbox.snapshot() == before, "something was written");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let sandbox = troubled();
    assert_snapshot!(sandbox.refused(&["snooze", "A", "never"]), @"
    --- stderr ---
    keyvault: error: `WHEN` has a value that does not fit: write `forever` to snooze it for good, or `off` to end that
    keyvault: hint: run `keyvault snooze --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["snooze", "A", "2020-01-01"]), @"
    --- stderr ---
    keyvault: error: `2020-01-01T00:00:00Z` is not to come
    keyvault: hint: name a time to come, as `30d` or `2099-12-31`, or write `off`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["snooze", "A", "soon"]), @"
    --- stderr ---
    keyvault: error: `WHEN` has a value that does not fit: it takes `30d`, a date as in `2026-12-31`, `forever`, or `off` to end it
    keyvault: hint: run `keyvault snooze --help`
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["snooze", "C", "30d"]), @"
    --- stderr ---
    keyvault: error: no secret named `C` in environment `dev`
    keyvault: hint: run `keyvault list --env dev` to see its secrets
    [exit 3]
    ");
    assert_snapshot!(sandbox.refused(&["snooze", "A"]), @"
    --- stderr ---
    keyvault: error: `WHEN` is missing
    keyvault: hint: run `keyvault snooze --help`
    [exit 2]
    ");
}
