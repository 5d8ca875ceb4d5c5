use insta::assert_snapshot;

use crate::sandbox::{Sandbox, value_of};

#[test]
fn destroys_the_value_and_keeps_the_record() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run_with_stdin(&["rotate", "A"], "two").succeeds();

    assert_snapshot!(sandbox.run(&["revoke", "A", "--reason", "leaked"]), @"
    --- stderr ---
    revoked `A` in `dev` (versions 1, 2)
    [exit 0]
    ");
    for reference in ["A", "A@1", "A@2"] {
        sandbox.run(&["get", reference]).exits(5).says("leaked");
    }
    sandbox.run(&["get", "A@previous"]).exits(3);
    assert_eq!(
        sandbox.run(&["list", "--json"]).json()["secrets"][0]["state"],
        "revoked"
    );
}

#[test]
fn one_version_may_be_revoked_alone() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    for value in ["two", "three"] {
        sandbox.run_with_stdin(&["rotate", "A"], value).succeeds();
    }

    sandbox
        .run(&["revoke", "A@previous"])
        .succeeds()
        .says("revoked `A` in `dev` (version 2)");

    assert_eq!(sandbox.run(&["get", "A"]).text(), "three");
    assert_eq!(sandbox.run(&["get", "A@1"]).text(), value_of("A"));
    sandbox.run(&["get", "A@2"]).exits(5);
    sandbox.refused(&["revoke", "A@9"]).exits(3);
    sandbox.refused(&["revoke", "B"]).exits(3);
}

#[test]
fn revoking_again_changes_nothing() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["revoke", "A"]).succeeds();
    let before = sandbox.snapshot();

    assert_snapshot!(sandbox.run(&["revoke", "A"]), @"
    --- stderr ---
    `A` in `dev` was revoked before
    [exit 0]
    ");
    assert!(sandbox.snapshot() == before, "nothing was saved");
}

#[test]
fn json_names_the_versions() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    let revoked = sandbox
        .run(&["revoke", "A", "--reason", "left the company", "--json"])
        .json();

    assert_eq!(
        revoked,
        serde_json::json!({
            "schema": 1, "name": "A", "environment": "dev", "versions": [1], "reason": "left the company"
        })
    );
}
