use insta::assert_snapshot;

use crate::rewrite::{date, rewrite};
use crate::sandbox::{CANARY, Sandbox, value_of, without_times};

#[test]
fn the_old_value_is_that_of_a_new_version() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();

    assert_snapshot!(sandbox.run(&["rollback", "A"]), @"
    --- stderr ---
    `A` in `dev` has the value of version 1 again (version 3)
    [exit 0]
    ");
    assert_eq!(sandbox.run(&["get", "A"]).text(), value_of("A"));
    assert_eq!(sandbox.run(&["get", "A@2"]).text(), CANARY);
    let json = sandbox
        .run(&["rollback", "A", "--to", "2", "--json"])
        .json();
    assert_eq!(
        json,
        serde_json::json!({
            "schema": 1, "name": "A", "environment": "dev", "version": 4, "from": 2, "previous": 3
        })
    );
    sandbox
        .run(&["rollback", "A", "-q"])
        .succeeds()
        .says_nothing();
    assert_eq!(sandbox.run(&["get", "A"]).text(), value_of("A"));
}

#[test]
fn the_date_comes_along() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["expire", "A", "2099-12-31"]).succeeds();
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();

    assert_snapshot!(sandbox.run(&["rollback", "A"]), @"
    --- stderr ---
    `A` in `dev` has the value of version 1 again (version 3, expires at 2099-12-31T00:00:00Z)
    [exit 0]
    ");
}

#[test]
fn what_must_not_come_back_does_not() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    date(&sandbox, "A", "2020-01-01T00:00:00Z");
    for value in ["made-up 2", "made-up 3", "made-up 4"] {
        sandbox.run_with_stdin(&["rotate", "A"], value).succeeds();
    }
    sandbox.run(&["revoke", "A@2"]).succeeds();

    assert_snapshot!(sandbox.refused(&["rollback", "A", "--to", "1"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` has expired (version 1, at 2020-01-01T00:00:00Z)
    keyvault: hint: run `keyvault get A --env dev` for the current one, or `keyvault expire A@1 30d --env dev` if it is good for longer
    [exit 5]
    ");
    assert_snapshot!(sandbox.refused(&["rollback", "A", "--to", "2"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` is revoked (version 2)
    keyvault: hint: run `keyvault get A --env dev` for the current one
    [exit 5]
    ");
    assert_snapshot!(sandbox.refused(&["rollback", "A", "--to", "4"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` has this value already (version 4)
    keyvault: hint: nothing was changed; give it the new value
    [exit 7]
    ");
    assert_snapshot!(sandbox.refused(&["rollback", "A", "--to", "5"]), @"
    --- stderr ---
    keyvault: error: `A` has no version 5 in environment `dev`
    keyvault: hint: run `keyvault history A --env dev` to see its versions
    [exit 3]
    ");
    assert_snapshot!(sandbox.refused(&["rollback", "B"]), @"
    --- stderr ---
    keyvault: error: `B` has no previous version in environment `dev`
    keyvault: hint: run `keyvault history B --env dev` to see its versions
    [exit 3]
    ");
    assert_snapshot!(sandbox.refused(&["rollback", "C"]), @"
    --- stderr ---
    keyvault: error: no secret named `C` in environment `dev`
    keyvault: hint: run `keyvault list --env dev` to see its secrets
    [exit 3]
    ");
    for number in ["0", "01", "+1", "x", "99999999999"] {
        sandbox
            .refused(&["rollback", "A", "--to", number])
            .exits(2)
            .says("`--to` has a value that does not fit: a version is a number from 1 on");
    }
    assert_snapshot!(sandbox.refused(&["rollback", "A@2"]), @"
    --- stderr ---
    keyvault: error: `NAME` has a value that does not fit: the version to go back to is said by `--to`, as in `keyvault rollback A --to 2`
    keyvault: hint: run `keyvault rollback --help`
    [exit 2]
    ");
    sandbox
        .refused(&["rollback", "A-B"])
        .exits(2)
        .says("letters, digits");
    sandbox
        .run(&["policy", "A", "--keep-versions", "1"])
        .succeeds();
    assert_snapshot!(without_times(&sandbox.refused(&["rollback", "A"])), @"
    --- stderr ---
    keyvault: error: the value of `A` version 3 in environment `dev` was destroyed; its record is kept
    keyvault: hint: run `keyvault get A --env dev` for the current one
    [exit 5]
    ");
}

#[test]
fn a_value_that_came_back_is_due_when_it_was() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();
    sandbox.run(&["policy", "--rotate-every", "90d"]).succeeds();
    // Version 1 was made long ago.
    rewrite(&sandbox, |document| {
        let (before, rest) = document
            .split_once(r#""version":1,"state":"previous","created_at":""#)
            .expect("it is there");
        let (_, after) = rest.split_once('"').expect("it has an end");
        format!(
            "{before}\"version\":1,\"state\":\"previous\",\"created_at\":\"2026-01-01T00:00:00Z\"{after}"
        )
    });

    assert_snapshot!(sandbox.run(&["rollback", "A"]), @"
    --- stderr ---
    `A` in `dev` has the value of version 1 again (version 3)
    the value is as old as it was: a new one is due since 2026-04-01T00:00:00Z
    [exit 0]
    ");
    let status = sandbox.run(&["status", "--only", "due", "--json"]).exits(8);
    assert_eq!(
        status.json()["attention"][0]["since"],
        "2026-04-01T00:00:00Z"
    );
    let forth = sandbox.run(&["rollback", "A", "--json"]).json();
    assert_eq!(forth.get("due_at").map(|at| at.is_string()), Some(true));
    assert_snapshot!(sandbox.run(&["rollback", "A", "-q"]), @"[exit 0]");
}
