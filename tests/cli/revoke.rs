use std::fs;

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

/// The lines that hooks wrote.
fn given_back(sandbox: &Sandbox) -> Vec<String> {
    let log = fs::read_to_string(sandbox.root().join("log")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

/// Sets a hook that writes down what it gives back, and fails where there is a file.
fn set_hook(sandbox: &Sandbox, name: &str) {
    let root = sandbox.root();
    let command = format!(
        "echo \"${name} $KEYVAULT_ROTATION_ID\" >> {0}/log; ! test -e {0}/fails",
        root.display()
    );
    let set = ["hook", "set", name, "revoke", "--", "sh", "-c", &command];
    sandbox.run(&set).succeeds();
}

#[test]
fn each_value_is_given_back_once_before_it_is_destroyed() {
    let sandbox = Sandbox::new();
    sandbox.add("A", "one");
    for value in ["two", "one", "three"] {
        sandbox.run_with_stdin(&["rotate", "A"], value).succeeds();
    }
    set_hook(&sandbox, "A");
    let fails = sandbox.root().join("fails");
    fs::write(&fails, "").expect("written");

    assert_snapshot!(sandbox.run(&["revoke", "A"]), @"
    --- stderr ---
    keyvault: error: the `revoke` hook of `A` in environment `dev` ended with 1
    keyvault: hint: nothing was destroyed; run it again, or with `--no-hooks` if the value is no more where it came from
    [exit 1]
    ");
    assert_eq!(sandbox.run(&["get", "A"]).text(), "three");
    fs::remove_file(fails).expect("removed");
    let before = given_back(&sandbox);
    assert_snapshot!(sandbox.run(&["revoke", "A"]), @"
    --- stderr ---
    revoked `A` in `dev` (versions 1, 2, 3, 4)
    [exit 0]
    ");
    let all = given_back(&sandbox);
    // The first one is repeated by the same id.
    assert_eq!((before.len(), all.len()), (1, 4));
    assert_eq!(before[0], all[1]);
    let values: Vec<_> = all
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(values, ["one", "one", "two", "three"]);
    sandbox.run(&["revoke", "A"]).succeeds().says("before");
    assert_eq!(given_back(&sandbox).len(), 4);
}

#[test]
fn a_rotation_that_is_under_way_ends_with_its_secret() {
    let sandbox = Sandbox::new();
    sandbox.add("A", "one");
    let rotate = ["rotate", "A", "--grace", "1d", "--verify", "false"];
    sandbox.run_with_stdin(&rotate, "two").exits(1);
    set_hook(&sandbox, "A");

    sandbox
        .run(&["revoke", "A"])
        .succeeds()
        .says("versions 1, 2");
    assert_eq!(given_back(&sandbox).len(), 2);
    sandbox.refused(&["rotate", "A", "--resume"]).exits(3);
    sandbox.run_with_stdin(&["rotate", "A"], "three").succeeds();
}

#[test]
fn a_value_is_found_in_every_environment_that_opens() {
    let sandbox = Sandbox::new();
    sandbox.add("A", "leaked");
    sandbox.add("B", "leaked");
    sandbox.add("C", "made up");
    for environment in ["prod", "stage", "test"] {
        sandbox.run(&["env", "create", environment]).succeeds();
    }
    for (environment, name, value) in [
        ("prod", "OTHER", "leaked"),
        ("prod", "KEPT", "made up"),
        ("stage", "A", "not it"),
    ] {
        let add = ["add", name, "--env", environment];
        sandbox.run_with_stdin(&add, value).succeeds();
    }
    let rotate = ["rotate", "OTHER", "--env", "prod"];
    sandbox.run_with_stdin(&rotate, "good").succeeds();
    set_hook(&sandbox, "A");
    // Not one of ours.
    let test = sandbox.vault().join("test.age");
    fs::write(&test, "not an age file").expect("written");

    assert_snapshot!(sandbox.run(&["revoke", "A", "--all-envs", "--reason", "leaked"]), @"
    --- stderr ---
    revoked `A` in `dev` (version 1)
    revoked `B@1` in `dev`
    revoked `OTHER@1` in `prod`
    keyvault: warning: the value may still be in environment `test`, which was not searched: `[sandbox]/project/.keyvault/test.age` is not an age file
    [exit 8]
    ");
    assert_eq!(given_back(&sandbox).len(), 1);
    for (environment, reference) in [("dev", "A"), ("dev", "B"), ("prod", "OTHER@1")] {
        let get = ["get", reference, "--env", environment];
        sandbox.run(&get).exits(5).says("leaked");
    }
    for (environment, name, value) in [
        ("dev", "C", "made up"),
        ("prod", "OTHER", "good"),
        ("prod", "KEPT", "made up"),
        ("stage", "A", "not it"),
    ] {
        let get = ["get", name, "--env", environment];
        assert_eq!(sandbox.run(&get).text(), value);
    }
    let add = ["add", "NEW", "--env", "prod"];
    sandbox.run_with_stdin(&add, "leaked").exits(5);

    // Done again, it finishes what was left.
    fs::remove_file(test).expect("removed");
    let add = ["add", "LATE", "--env", "stage"];
    sandbox.run_with_stdin(&add, "leaked").succeeds();
    let again = sandbox
        .run(&["revoke", "A", "--all-envs", "--json"])
        .succeeds()
        .json();
    assert_eq!(
        again,
        json!({
            "schema": 1, "name": "A", "environment": "dev", "versions": [], "shared_with": [],
            "environments": [
                { "environment": "stage", "versions": [{ "name": "LATE", "version": 1 }] }
            ],
            "unsearched": []
        })
    );
}
