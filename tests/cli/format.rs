//! Files of the format, made apart from the program and signed by a member: what
//! the specification allows is read, and what it does not is refused by name.

use std::fs;
use std::iter;

use insta::assert_snapshot;
use sha2::{Digest, Sha256};

use crate::forge::{resigned, signature};
use crate::sandbox::{CANARY, Sandbox, Transcript};

/// A moment in the life of forged rosters.
const FORGED_AT: &str = "2026-11-22T12:00:00Z";

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
    let edits: [(&str, &str, &str); 11] = [
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
            r#""version":1"#,
            r#""version":0"#,
            "a number that is not within 1 and 2147483647",
        ),
        (
            r#""version":1"#,
            r#""version":4294967295"#,
            "a number that is not within 1 and 2147483647",
        ),
        (
            r#""revision":2,"#,
            "",
            "a field is missing or not of its kind",
        ),
        (
            r#""revision":2"#,
            r#""revision":0"#,
            "a number that is not within 1 and 9007199254740991",
        ),
        (
            r#""revision":2"#,
            r#""revision":18446744073709551615"#,
            "a number that is not within 1 and 9007199254740991",
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

/// Returns what stands behind one text and before the next other one.
fn between<'a>(text: &'a str, one: &str, other: &str) -> &'a str {
    let (_, rest) = text.split_once(one).expect("it is there");
    rest.split_once(other).expect("it ends").0
}

/// Puts a roster of so many links into a document. In the last of them there are
/// so many who read, beside the one who writes.
fn with_roster(document: &str, identity: &str, links: usize, readers: usize) -> String {
    let vault = between(document, r#""vault":""#, r#"""#);
    let link = between(document, r#""roster":["#, r#"],"secrets""#);
    let writer = between(link, r#""members":["#, "]");
    let everybody = iter::once(writer.to_owned()).chain((0..readers).map(reader));
    let everybody = everybody.collect::<Vec<_>>().join(",");
    let (mut roster, mut previous) = (Vec::new(), "null".to_owned());
    for n in 1..=links {
        let members = if n == links { &everybody } else { writer };
        let changed = format!(r#""members":[{members}],"by":"alice","at":"{FORGED_AT}""#);
        let signed =
            format!(r#"{{"vault":"{vault}","environment":"dev","previous":{previous},{changed}}}"#);
        let signature = signature(identity, "keyvault/roster/v1", &signed);
        roster.push(format!(r#"{{{changed},"signature":"{signature}"}}"#));
        let digest = Sha256::digest(signed);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        previous = format!(r#""{digest}""#);
    }
    document.replace(link, &roster.join(","))
}

fn reader(n: usize) -> String {
    let recipient = age::x25519::Identity::generate().to_public();
    format!(r#"{{"name":"reader-{n}","recipient":"{recipient}","added_at":"{FORGED_AT}"}}"#)
}

#[test]
fn the_longest_roster_is_read_and_remembered() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let identity = fs::read_to_string(sandbox.identity()).expect("read");
    let change = |links, readers| {
        change_document(&sandbox, |document| {
            with_roster(document, &identity, links, readers)
        });
    };

    change(4096, 249);
    sandbox.run(&["trust", "--yes"]).succeeds();
    for value in ["one", "two"] {
        sandbox.run_with_stdin(&["rotate", "A"], value).succeeds();
        let got = sandbox.run(&["get", "A"]).succeeds().says_nothing();
        assert_eq!(got.text(), value);
    }

    change(4097, 0);
    let refusal = sandbox.refused(&["trust", "--yes"]).exits(6);
    refusal.says("a roster of too many changes");
}

/// Puts a secret `LARGE` into a document, whose version before the current one has
/// so many bytes.
fn with_large(document: &str, size: usize) -> String {
    let version = |number, state, value: &str| {
        format!(
            r#"{{"version":{number},"state":"{state}","created_at":"{FORGED_AT}","created_by":"alice","value":"{value}"}}"#
        )
    };
    let previous = version(1, "previous", &"x".repeat(size));
    let large = format!(
        r#","LARGE":{{"versions":[{previous},{}]}}}}}}"#,
        version(2, "current", "small")
    );
    document.strip_suffix("}}").expect("its end").to_owned() + &large
}

#[test]
fn an_environment_that_is_full_is_said_to_be_full() {
    const ALMOST_FULL: usize = 63 << 20;
    let sandbox = Sandbox::with_secrets(&["A"]);
    change_document(&sandbox, |document| with_large(document, ALMOST_FULL));
    sandbox.run(&["trust", "--yes"]).succeeds();

    let refusal = sandbox.refused_with_stdin(&["rotate", "A"], "y".repeat(1 << 20));

    assert_snapshot!(refusal, @"
    --- stderr ---
    keyvault: error: environment `dev` would be larger than 64 MiB, more than a vault file can be
    keyvault: hint: nothing was changed; run `keyvault policy --keep-versions 2 --env dev` to keep fewer old values, or `keyvault remove NAME --env dev` for what is not needed
    [exit 1]
    ");

    sandbox.run(&["revoke", "LARGE@previous"]).succeeds();
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();
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
