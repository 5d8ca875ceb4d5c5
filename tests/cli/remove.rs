use insta::assert_snapshot;

use crate::sandbox::{Sandbox, value_of};

#[test]
fn forgets_a_secret_whole() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);

    assert_snapshot!(sandbox.run(&["remove", "A", "--yes"]), @"
    --- stderr ---
    removed `A` from `dev`
    [exit 0]
    ");
    sandbox.run(&["get", "A"]).exits(3);
    assert_eq!(sandbox.run(&["get", "B"]).text(), value_of("B"));
    sandbox.add("A", &value_of("A"));
}

#[test]
fn asks_first_and_without_a_terminal_does_nothing() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.refused(&["remove", "A"]), @"
    --- stderr ---
    keyvault: error: `Forget A in dev with its version?` was not asked: there is no terminal, or input is switched off
    keyvault: hint: pass `--yes` to say yes beforehand
    [exit 2]
    ");
    sandbox.refused(&["remove", "B", "--yes"]).exits(3);
}

#[test]
fn has_the_names_that_other_tools_use() {
    let sandbox = Sandbox::with_secrets(&["A", "B", "C"]);

    for (alias, name) in [("rm", "A"), ("unset", "B"), ("delete", "C")] {
        sandbox.run(&[alias, name, "-y"]).succeeds();
    }

    assert_eq!(sandbox.run(&["list", "-q"]).text(), "");
}

#[test]
fn says_that_values_are_not_given_back() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    let hook = ["hook", "set", "A", "revoke", "--", "true"];
    sandbox.run(&hook).succeeds();

    let refused = sandbox.refused(&["remove", "A"]).exits(2);
    refused.says("`keyvault revoke A --env dev` gives them back first");
    assert_snapshot!(sandbox.run(&["remove", "A", "--yes"]), @"
    --- stderr ---
    keyvault: warning: the `revoke` hook of `A` is not run, and its values stay good where they came from; `keyvault revoke A --env dev` gives them back first
    removed `A` from `dev`
    [exit 0]
    ");
    // What has no value any more, there is nothing to say of.
    let hook = ["hook", "set", "B", "revoke", "--", "true"];
    sandbox.run(&hook).succeeds();
    sandbox.run(&["revoke", "B"]).succeeds();
    assert_snapshot!(sandbox.run(&["remove", "B", "--yes"]), @"
    --- stderr ---
    removed `B` from `dev`
    [exit 0]
    ");
}
