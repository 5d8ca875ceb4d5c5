use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, value_of};

#[test]
fn adds_what_is_piped_in_less_one_line_feed() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.run_with_stdin(&["add", "STRIPE_KEY"], format!("{CANARY}\n\n")), @"
    --- stderr ---
    added `STRIPE_KEY` to `dev` (version 1)
    [exit 0]
    ");
    assert_eq!(
        sandbox.run(&["get", "STRIPE_KEY"]).stdout,
        format!("{CANARY}\n").as_bytes()
    );
}

#[test]
fn set_is_the_same_command() {
    let sandbox = Sandbox::new();

    sandbox.run_with_stdin(&["set", "A"], CANARY).succeeds();

    assert_eq!(sandbox.run(&["get", "A"]).text(), CANARY);
}

#[test]
fn takes_a_file_byte_by_byte() {
    let mut sandbox = Sandbox::new();
    let bytes = [b"\xff\0line\r\n\n", CANARY.as_bytes(), b"\n"].concat();
    sandbox.write("key.bin", &bytes);

    sandbox
        .run(&["add", "A", "--from-file", "key.bin"])
        .succeeds();

    assert_eq!(sandbox.run(&["get", "A"]).stdout, bytes);
}

#[test]
fn takes_the_value_of_a_variable() {
    let sandbox = Sandbox::new().variable("OLD_KEY", CANARY);

    sandbox
        .run(&["add", "A", "--from-env", "OLD_KEY"])
        .succeeds();
    assert_eq!(sandbox.run(&["get", "A"]).text(), CANARY);

    sandbox
        .refused(&["add", "B", "--from-env", "NO_SUCH"])
        .exits(2)
        .says("`--from-env` names is not set");
}

#[test]
fn makes_a_value_of_letters_and_digits() {
    let sandbox = Sandbox::new();

    sandbox.run(&["add", "A", "--generate", "40"]).succeeds();
    sandbox.run(&["add", "B", "--generate", "40"]).succeeds();

    let (a, b) = (sandbox.run(&["get", "A"]), sandbox.run(&["get", "B"]));
    assert_eq!(a.text().len(), 40);
    assert!(a.text().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_ne!(a.stdout, b.stdout);
    for length in ["7", "4097", "-1", "x"] {
        sandbox
            .refused(&["add", "C", "--generate", length])
            .exits(2);
    }
}

#[test]
fn keeps_description_and_tags() {
    let sandbox = Sandbox::new();
    let arguments = [
        "add",
        "A",
        "--description",
        "for the bot",
        "--tag",
        "ai",
        "--tag",
        "team/x",
    ];

    sandbox.run_with_stdin(&arguments, CANARY).succeeds();

    let json = sandbox.run(&["list", "--json"]).json();
    assert_eq!(json["secrets"][0]["description"], "for the bot");
    assert_eq!(
        json["secrets"][0]["tags"],
        serde_json::json!(["ai", "team/x"])
    );
    let bad = ["add", "B", "--description", "\u{1b}[2J"];
    sandbox
        .refused_with_stdin(&bad, CANARY)
        .exits(2)
        .says("one line of printable text");
}

#[test]
fn refuses_a_value_on_the_command_line_unread() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.refused(&["add", "STRIPE_KEY", CANARY]), @"
    --- stderr ---
    keyvault: error: a value is never taken from the command line, where `ps` and the shell's history show it; it was not read
    keyvault: hint: run `keyvault add STRIPE_KEY` and type it, or pipe it in: `… | keyvault add STRIPE_KEY`; if it was a real one, clear it from the history
    [exit 2]
    ");
    let pair = format!("STRIPE_KEY={CANARY}");
    assert_snapshot!(sandbox.refused(&["add", &pair]), @"
    --- stderr ---
    keyvault: error: a value is never taken from the command line, where `ps` and the shell's history show it; it was not read
    keyvault: hint: run `keyvault add STRIPE_KEY` and type it, or pipe it in: `… | keyvault add STRIPE_KEY`; if it was a real one, clear it from the history
    [exit 2]
    ");
    for stray in [
        &["add", "A", "--value", CANARY][..],
        &["add", "A", "-v", CANARY],
        &["add", CANARY],
    ] {
        sandbox.refused(stray).exits(2);
    }
}

#[test]
fn adds_a_name_once() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);

    assert_snapshot!(sandbox.refused_with_stdin(&["add", "STRIPE_KEY"], CANARY), @"
    --- stderr ---
    keyvault: error: `STRIPE_KEY` is in environment `dev` already
    keyvault: hint: run `keyvault rotate STRIPE_KEY --env dev` to give it a new value
    [exit 7]
    ");
    assert_eq!(
        sandbox.run(&["get", "STRIPE_KEY"]).text(),
        value_of("STRIPE_KEY")
    );
}

#[test]
fn a_new_environment_is_made_only_when_asked_for() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.refused_with_stdin(&["add", "A", "-e", "prod"], CANARY), @"
    --- stderr ---
    keyvault: error: no environment `prod` in `[sandbox]/project/.keyvault`
    keyvault: hint: run `keyvault env list` to see those there are, or `keyvault env create prod`
    [exit 3]
    ");

    sandbox
        .run_with_stdin(&["add", "A", "-e", "prod", "--create-env"], CANARY)
        .succeeds();
    assert_eq!(sandbox.run(&["get", "A", "-e", "prod"]).text(), CANARY);
    sandbox.run(&["get", "A"]).exits(3);
}

#[test]
fn an_empty_value_is_taken_with_a_word() {
    let mut sandbox = Sandbox::new();
    sandbox.write("empty", "");

    sandbox
        .run(&["add", "A", "--from-file", "empty"])
        .succeeds()
        .says("the value of `A` is empty");

    assert_eq!(sandbox.run(&["get", "A"]).succeeds().stdout, b"");
}

#[test]
fn a_name_that_takes_programs_over_is_taken_with_a_word() {
    let sandbox = Sandbox::new();

    sandbox
        .run_with_stdin(&["add", "NODE_OPTIONS"], CANARY)
        .succeeds()
        .says("only with `--allow-dangerous NODE_OPTIONS`");
}

#[test]
fn without_a_value_nothing_is_added() {
    let sandbox = Sandbox::new();

    assert_snapshot!(sandbox.refused(&["add", "A"]), @"
    --- stderr ---
    keyvault: error: there is no value: nothing is piped in, and there is no terminal to ask on
    keyvault: hint: pipe it in, or pass `--from-file`, `--from-env` or `--generate`
    [exit 2]
    ");
    sandbox
        .refused(&["add", "A", "--from-file", "no-such-file"])
        .exits(2);
    sandbox.refused(&["add", "A", "--from-file", "."]).exits(2);
    // One `$` too many, and a value stands where a name should.
    for option in ["--from-env", "--from-file"] {
        let refusal = sandbox.refused(&["add", "A", option, CANARY]);
        assert!(!refusal.stderr.contains(CANARY), "{refusal}");
    }
}

#[test]
fn a_value_may_have_a_mebibyte_and_no_more() {
    let sandbox = Sandbox::new();
    let large = "x".repeat(1 << 20);

    sandbox.run_with_stdin(&["add", "A"], &large).succeeds();
    assert_eq!(sandbox.run(&["get", "A"]).text(), large);

    sandbox
        .refused_with_stdin(&["add", "B"], format!("{large}xx"))
        .exits(2)
        .says("larger than 1 MiB");
}

#[test]
fn says_nothing_when_told_to_and_json_when_asked() {
    let sandbox = Sandbox::new();

    sandbox
        .run_with_stdin(&["add", "A", "-q"], CANARY)
        .succeeds()
        .says_nothing();

    let added = sandbox
        .run_with_stdin(&["add", "B", "--json"], CANARY)
        .succeeds()
        .says_nothing();
    assert_eq!(
        added.json(),
        serde_json::json!({"schema": 1, "name": "B", "environment": "dev", "version": 1, "empty": false})
    );
}
