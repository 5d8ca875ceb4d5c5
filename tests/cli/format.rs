//! Files of the format, made apart from the program and signed by a member: what
//! the specification allows is read, and what it does not is refused by name.

use std::fs;

use insta::assert_snapshot;

use crate::forge::resigned;
use crate::sandbox::{CANARY, Sandbox, Transcript};

/// Changes the document of `dev`, signed and sealed anew.
fn change_document(sandbox: &Sandbox, edit: impl FnOnce(&str) -> String) {
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let file = fs::read(sandbox.dev()).expect("read");
    fs::write(sandbox.dev(), resigned(&identity, &file, edit)).expect("written");
}

/// Changes the document of `dev`, and makes sure that even a person's word does
/// not make it believed.
fn refused(edit: impl FnOnce(&str) -> String) -> Transcript {
    let sandbox = Sandbox::with_secrets(&["A"]);
    change_document(&sandbox, edit);
    sandbox
        .refused_with_stdin(&["rotate", "A"], "made up")
        .exits(6);
    sandbox.refused(&["trust", "--yes"]).exits(6)
}

#[test]
fn what_another_program_signs_by_the_specification_is_read() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let spaced = |document: &str| document.replacen(r#""A":{"#, r#" "A" : { "#, 1);

    change_document(&sandbox, spaced);
    // It is another branch of history.
    sandbox.run(&["trust", "--yes"]).succeeds();

    assert_eq!(
        sandbox.run(&["get", "A"]).text(),
        crate::sandbox::value_of("A")
    );
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();
    assert_eq!(sandbox.run(&["get", "A"]).text(), CANARY);
}

#[test]
fn what_a_later_version_wrote_is_refused_by_name() {
    assert_snapshot!(refused(|document| document.replace("keyvault/1", "keyvault/2")), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` has the format `keyvault/2`, which this version of keyvault does not know
    keyvault: hint: a later version of keyvault wrote it; update this one
    [exit 6]
    ");

    let field =
        |document: &str| document.replacen(r#""versions""#, r#""colour":"blue","versions""#, 1);
    assert_snapshot!(refused(field), @"
    --- stderr ---
    keyvault: error: `[sandbox]/project/.keyvault/dev.age` holds `colour`, which this version of keyvault does not know
    keyvault: hint: a later version of keyvault wrote it; update this one
    [exit 6]
    ");
}

#[test]
fn a_member_s_mistakes_do_not_pass() {
    let edits: [(&str, &str, &str); 7] = [
        (
            r#""state":"current""#,
            r#""state":"revoked""#,
            "a version whose record does not fit its state",
        ),
        (
            r#""state":"current""#,
            r#""state":{"current":null}"#,
            "a field is missing or not of its kind",
        ),
        (
            r#""A":{"#,
            r#""A B":{"#,
            "a field is missing or not of its kind",
        ),
        (
            r#""version":1"#,
            r#""version":0.5"#,
            "a field is missing or not of its kind",
        ),
        (
            r#""revision":2,"#,
            "",
            "a field is missing or not of its kind",
        ),
        (
            r#""secrets":{"#,
            r#""secrets":{"A":{"versions":[]},"#,
            "a secret without a version",
        ),
        ("}}}", "}}", "it is no JSON"),
    ];
    for (from, to, words) in edits {
        let changed = |document: &str| {
            assert!(document.contains(from), "{from} is in {document}");
            document.replacen(from, to, 1)
        };
        refused(changed).says(words);
    }
}

#[test]
fn padding_is_not_part_of_what_is_signed() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let plain = fs::metadata(sandbox.dev()).expect("there").len();

    sandbox.run_with_stdin(&["add", "B"], "x").succeeds();

    assert_eq!(
        fs::metadata(sandbox.dev()).expect("there").len() / 4096,
        plain / 4096,
        "no length to see"
    );
}
