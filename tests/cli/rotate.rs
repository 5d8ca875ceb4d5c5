use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, value_of};

#[test]
fn the_new_value_is_current_and_the_old_one_previous() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.run_with_stdin(&["rotate", "A"], CANARY), @"
    --- stderr ---
    rotated `A` in `dev` (version 2)
    [exit 0]
    ");
    assert_eq!(sandbox.run(&["get", "A"]).text(), CANARY);
    assert_eq!(sandbox.run(&["get", "A@previous"]).text(), value_of("A"));
    let rotated = sandbox
        .run(&["rotate", "A", "--generate", "20", "--json"])
        .json();
    assert_eq!(
        rotated,
        serde_json::json!({
            "schema": 1, "name": "A", "environment": "dev", "version": 3, "previous": 2, "empty": false
        })
    );
}

#[test]
fn refuses_a_secret_it_does_not_know() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);

    assert_snapshot!(sandbox.refused_with_stdin(&["rotate", "STRYPE_KEY"], CANARY), @"
    --- stderr ---
    keyvault: error: no secret named `STRYPE_KEY` in environment `dev`
    keyvault: hint: did you mean `STRIPE_KEY`?
    [exit 3]
    ");
    sandbox
        .refused(&["rotate", "STRIPE_KEY", CANARY])
        .exits(2)
        .says("never taken from the command line");
}

#[test]
fn refuses_the_value_that_it_has() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    sandbox
        .refused_with_stdin(&["rotate", "A"], value_of("A"))
        .exits(7)
        .says("has this value already");
}

#[test]
fn refuses_a_value_that_was_revoked() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["revoke", "A"]).succeeds();

    assert_snapshot!(sandbox.refused_with_stdin(&["rotate", "A"], value_of("A")), @"
    --- stderr ---
    keyvault: error: this value for `A` was revoked before, as version 1 of `A` in environment `dev`, and is not taken again
    keyvault: hint: get a new one where the old one came from
    [exit 5]
    ");
    sandbox
        .refused_with_stdin(&["add", "B"], value_of("A"))
        .exits(5);
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();
    assert_eq!(sandbox.run(&["get", "A"]).text(), CANARY);
}

#[test]
fn a_value_is_verified_before_anything_changes() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    let verify = |command: &str| ["rotate", "A", "--verify", command].map(str::to_owned);
    let run = |command: &str| {
        let arguments = verify(command);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        sandbox.run_with_stdin(&arguments, CANARY)
    };

    assert_snapshot!(run("echo told; exit 3"), @"
    --- stderr ---
    told
    keyvault: error: the new value of `A` was not accepted: the command of `--verify` ended with 3
    keyvault: hint: nothing was changed; mend the value or the command and run it again
    [exit 1]
    ");
    run("kill -9 $$").exits(1).says("was ended by signal 9");
    assert_eq!(sandbox.run(&["get", "A"]).text(), value_of("A"));

    // It gets the new value and no other secret, nothing to read, and no way in.
    let command = format!(r#"test "$A" = "{CANARY}" && test -z "${{B+set}}" && ! read line"#);
    run(&command).succeeds();
    assert_eq!(sandbox.run(&["get", "A"]).text(), CANARY);
}

#[test]
fn a_value_that_fails_its_test_leaves_the_vault_as_it_was() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    sandbox
        .refused_with_stdin(&["rotate", "A", "--verify", "false"], CANARY)
        .exits(1);
}

#[test]
fn a_value_that_no_command_can_get_is_not_verified() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let large = CANARY.repeat(10_000);
    let verify =
        |value: &str| sandbox.refused_with_stdin(&["rotate", "A", "--verify", "touch made"], value);

    assert_snapshot!(verify(&format!("{CANARY}\0")), @"
    --- stderr ---
    keyvault: error: no command can verify the new value of `A`: it holds a NUL byte, which no environment variable can carry
    keyvault: hint: nothing was changed; run it without `--verify`
    [exit 2]
    ");
    assert_snapshot!(verify(&large), @"
    --- stderr ---
    keyvault: error: no command can verify the new value of `A`: its 290000 bytes are too many for the system's environment
    keyvault: hint: nothing was changed; run it without `--verify`
    [exit 2]
    ");
    // Without the command it is a value like any other.
    sandbox.run_with_stdin(&["rotate", "A"], large).succeeds();
}

#[test]
fn a_command_that_is_blank_verifies_nothing() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let verify =
        |command: &str| sandbox.refused_with_stdin(&["rotate", "A", "--verify", command], CANARY);

    assert_snapshot!(verify(""), @"
    --- stderr ---
    keyvault: error: the command of `--verify` is blank, and would verify nothing
    keyvault: hint: nothing was changed; is a variable of the shell not set?
    [exit 2]
    ");
    verify(" \t\n").exits(2);
}
