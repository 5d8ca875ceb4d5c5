use std::fs;

use insta::assert_snapshot;

use crate::forge;
use crate::sandbox::{CANARY, Sandbox, value_of};

#[test]
fn gives_out_the_exact_bytes() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    let transcript = sandbox.run(&["get", "A"]).succeeds().says_nothing();

    assert_eq!(transcript.text(), value_of("A"), "no line feed into a pipe");
    assert_eq!(sandbox.run(&["get", "-n", "A"]).text(), value_of("A"));
    assert_eq!(sandbox.run(&["get", "--plain", "A"]).text(), value_of("A"));
}

#[test]
fn gives_out_the_version_that_is_asked_for() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    for value in ["two", "three"] {
        sandbox.run_with_stdin(&["rotate", "A"], value).succeeds();
    }

    let get = |reference: &str| {
        sandbox
            .run(&["get", reference])
            .succeeds()
            .text()
            .to_owned()
    };
    assert_eq!(get("A"), "three");
    assert_eq!(get("A@current"), "three");
    assert_eq!(get("A@previous"), "two");
    assert_eq!(get("A@1"), value_of("A"));
    assert_snapshot!(sandbox.run(&["get", "A@7"]), @"
    --- stderr ---
    keyvault: error: `A` has no version 7 in environment `dev`
    keyvault: hint: run `keyvault history A --env dev` to see its versions
    [exit 3]
    ");
    sandbox
        .run(&["get", "A@pending"])
        .exits(3)
        .says("no pending version");
    sandbox
        .run(&["get", "A@latest"])
        .exits(2)
        .says("a version's number, `current`, `previous` or `pending`");
}

#[test]
fn suggests_the_name_that_was_meant() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);

    assert_snapshot!(sandbox.run(&["get", "STRYPE_KEY"]), @"
    --- stderr ---
    keyvault: error: no secret named `STRYPE_KEY` in environment `dev`
    keyvault: hint: did you mean `STRIPE_KEY`?
    [exit 3]
    ");
}

#[test]
fn a_default_stands_for_what_is_not_there() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_eq!(
        sandbox
            .run(&["get", "B", "--default", "none"])
            .succeeds()
            .text(),
        "none"
    );
    assert_eq!(
        sandbox
            .run(&["get", "A", "--default", "none"])
            .succeeds()
            .text(),
        value_of("A")
    );
    sandbox.run(&["revoke", "A"]).succeeds();
    sandbox.run(&["get", "A", "--default", "none"]).exits(5);
}

#[test]
fn several_values_need_json() {
    let mut sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox.write("bytes", [0, 255]);
    sandbox
        .run(&["add", "C", "--from-file", "bytes"])
        .succeeds();

    let json = sandbox
        .run(&["get", "A", "A@1", "C", "D", "--default", "none", "--json"])
        .json();

    assert_eq!(
        json["secrets"],
        serde_json::json!({
            "A": {"environment": "dev", "version": 1, "expires_at": null, "value": value_of("A")},
            "A@1": {"environment": "dev", "version": 1, "expires_at": null, "value": value_of("A")},
            "C": {"environment": "dev", "version": 1, "expires_at": null, "value": {"base64": "AP8="}},
            "D": {"environment": null, "version": null, "expires_at": null, "value": "none"},
        })
    );
    assert_snapshot!(sandbox.run(&["get", "A", "B"]), @"
    --- stderr ---
    keyvault: error: several values cannot be told apart on stdout
    keyvault: hint: pass `--json`, or ask for one at a time
    [exit 2]
    ");
    // All of them or none.
    assert_eq!(
        sandbox.run(&["get", "A", "D", "--json"]).exits(3).stdout,
        b""
    );
}

#[test]
fn of_layers_the_right_one_wins() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox
        .run_with_stdin(&["add", "A", "-e", "prod"], "prod")
        .succeeds();

    let get =
        |layers: &str, name: &str| sandbox.run(&["get", "-e", layers, name]).text().to_owned();
    assert_eq!(get("dev,prod", "A"), "prod");
    assert_eq!(get("prod,dev", "A"), value_of("A"));
    assert_eq!(get("dev,prod", "B"), value_of("B"));
    // A revoked secret hides the one below it, and does not let it through.
    sandbox.run(&["revoke", "-e", "prod", "A"]).succeeds();
    sandbox.run(&["get", "-e", "dev,prod", "A"]).exits(5);
}

#[test]
fn a_layer_that_is_not_there_is_an_error_wherever_the_secret_is() {
    let sandbox = Sandbox::with_secrets(&["A"]);

    assert_snapshot!(sandbox.refused(&["get", "-e", "nope,dev", "A"]), @"
    --- stderr ---
    keyvault: error: no environment `nope` in `[sandbox]/project/.keyvault`
    keyvault: hint: run `keyvault env list` to see those there are, or `keyvault env create nope`
    [exit 3]
    ");
    for options in [
        &["-e", "nope,dev", "--json"][..],
        &["-e", "dev,nope"],
        &["-e", "dev,nope,dev"],
        &["-e", "nope,dev", "--default", "none"],
    ] {
        sandbox
            .refused(&[&["get", "A"], options].concat())
            .exits(3)
            .says("no environment `nope`");
    }
}

#[test]
fn options_may_stand_before_or_behind_the_command() {
    let sandbox = Sandbox::with_secrets(&["A"]).variable("KEYVAULT_ENV", "nowhere");

    for line in [
        &["-e", "dev", "get", "A"][..],
        &["get", "-e", "dev", "A"],
        &["get", "A", "--env", "dev"],
        &["get", "A", "--env=dev"],
        &["--environment", "dev", "get", "A"],
        &["get", "--profile", "dev", "A"],
        &["-e", "nowhere", "get", "-e", "dev", "A"],
    ] {
        assert_eq!(
            sandbox.run(line).succeeds().text(),
            value_of("A"),
            "{line:?}"
        );
    }
    sandbox
        .run(&["get", "A"])
        .exits(3)
        .says("no environment `nowhere`");
}

#[test]
fn a_name_that_is_none_is_not_repeated() {
    let sandbox = Sandbox::new();

    let transcript = sandbox.run(&["get", &format!("sk-{CANARY}")]).exits(2);

    transcript.says("a secret's name is letters, digits and `_`");
}

#[test]
fn what_was_revoked_says_why_and_what_to_do() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox
        .run(&["revoke", "A", "--reason", "leaked in a log"])
        .succeeds();

    assert_snapshot!(sandbox.run(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: `A` in environment `dev` is revoked (version 1: leaked in a log)
    keyvault: hint: run `keyvault rotate A --env dev` to give it a new value
    [exit 5]
    ");
}

/// So many that no more of them is held in memory than it takes.
#[test]
fn one_of_very_many_is_found() {
    const MANY: usize = 5_000;
    let sandbox = Sandbox::new();
    let name = |n: usize| format!("SECRET_{n:04}");
    let secrets: Vec<String> = (0..MANY)
        .map(|n| {
            format!(
                r#""{}":{{"versions":[{{"version":1,"state":"current","created_at":"2026-11-22T12:00:00Z","created_by":"alice","value":"{n} {CANARY}"}}]}}"#,
                name(n)
            )
        })
        .collect();
    let secrets = format!(r#""secrets":{{{}}}"#, secrets.join(","));
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let file = fs::read(sandbox.dev()).expect("read");
    let file = forge::resigned(&identity, &file, |document| {
        document.replace(r#""secrets":{}"#, &secrets)
    });
    assert!(file.len() > 512 << 10, "it is not large");
    fs::write(sandbox.dev(), file).expect("written");
    sandbox.refused(&["get", &name(0)]).exits(6);
    sandbox.run(&["trust", "--yes"]).succeeds();

    for n in (0..MANY).step_by(61).chain([MANY - 1]) {
        let got = sandbox.run(&["get", &name(n)]).succeeds().says_nothing();
        assert_eq!(got.text(), format!("{n} {CANARY}"));
    }
    sandbox.run(&["get", "SECRET_5000"]).exits(3);
    sandbox.run(&["get", "versions"]).exits(3);
    let other = sandbox.run_with_stdin(&["rotate", &name(7)], format!("new {CANARY}"));
    other.succeeds();
    assert_eq!(
        sandbox.run(&["get", &name(7)]).text(),
        format!("new {CANARY}")
    );
    sandbox.run(&["revoke", &name(7)]).succeeds();
    sandbox.run(&["get", &name(7)]).exits(5);

    let mut damaged = fs::read(sandbox.dev()).expect("read");
    *damaged.last_mut().expect("a byte") ^= 1;
    fs::write(sandbox.dev(), damaged).expect("written");
    let refusal = sandbox.refused(&["get", &name(1)]).exits(6);
    assert_eq!(
        refusal.text(),
        "",
        "it came before the last byte was authenticated"
    );
}
