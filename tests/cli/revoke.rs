use insta::assert_snapshot;
use serde_json::json;

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
fn a_value_that_came_back_goes_with_the_version_that_is_named() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    for value in ["two", &value_of("A")] {
        sandbox.run_with_stdin(&["rotate", "A"], value).succeeds();
    }

    assert_snapshot!(sandbox.run(&["revoke", "A@1"]), @"
    --- stderr ---
    revoked `A` in `dev` (versions 1, 3)
    [exit 0]
    ");

    for reference in ["A", "A@1", "A@3"] {
        sandbox.run(&["get", reference]).exits(5);
    }
    assert_eq!(sandbox.run(&["get", "A@2"]).text(), "two");
}

#[test]
fn other_secrets_with_the_value_are_named_and_left_as_they_are() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    for command in [["rotate", "B"], ["add", "C"]] {
        let same = sandbox.run_with_stdin(&command, value_of("A"));
        same.succeeds();
    }

    assert_snapshot!(sandbox.run(&["revoke", "A"]), @"
    --- stderr ---
    revoked `A` in `dev` (version 1)
    the same value is still in `B@2`, `C@1`: revoke it there, too, if it leaked
    [exit 0]
    ");
    for name in ["B", "C"] {
        assert_eq!(sandbox.run(&["get", name]).text(), value_of("A"));
    }
    let again = sandbox.run(&["revoke", "A", "--json"]).json();
    assert_eq!(
        (&again["versions"], &again["shared_with"]),
        (
            &json!([]),
            &json!([{ "name": "B", "version": 2 }, { "name": "C", "version": 1 }])
        )
    );
    sandbox.run(&["revoke", "B@2"]).succeeds().says("`C@1`");
    let last = sandbox.run(&["revoke", "C", "-q"]).succeeds();
    last.says_nothing();
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
        json!({
            "schema": 1, "name": "A", "environment": "dev", "versions": [1], "shared_with": [],
            "reason": "left the company"
        })
    );
}
