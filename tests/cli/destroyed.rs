//! What was destroyed is in no file that keyvault wrote: not sealed in the vault, for
//! those who can open it, and not in the clear or in another form elsewhere.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

use crate::forge;
use crate::sandbox::{CANARY, Sandbox, contains, read_to_string, text};

/// The forms in which a value could stand in a file.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::to_string(value).expect("a text");
    let mut forms = vec![
        bytes.to_vec(),
        json.trim_matches('"').as_bytes().to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        bytes.iter().rev().copied().collect(),
        bytes.iter().flat_map(|byte| [*byte, 0]).collect(),
    ];
    // In the middle of others, each of three bytes may be the first of its four letters.
    for skipped in 0..3 {
        let whole = (bytes.len() - skipped) / 3 * 3;
        let inner = &bytes[skipped..skipped + whole];
        forms.push(BASE64_STANDARD_NO_PAD.encode(inner).into_bytes());
        forms.push(BASE64_URL_SAFE_NO_PAD.encode(inner).into_bytes());
    }
    forms
}

/// Searches every file of a sandbox, and what is sealed in it, for a value.
fn files_with(sandbox: &Sandbox, value: &str) -> Vec<String> {
    let identity = read_to_string(&sandbox.identity());
    let forms = forms(value);
    let holds = |contents: &[u8]| forms.iter().any(|form| contains(contents, form));
    let (mut found, mut opened) = (Vec::new(), 0);
    for (path, (_, contents)) in sandbox.whole_snapshot() {
        let sealed = contents.starts_with(b"age-encryption.org/v1");
        let plaintext = sealed.then(|| forge::plaintext(&identity, &contents));
        opened += usize::from(sealed);
        if holds(&contents) || plaintext.is_some_and(|plaintext| holds(plaintext.as_bytes())) {
            found.push(text(&path).to_owned());
        }
    }
    assert!(opened > 0, "no vault was found");
    found
}

/// Has a value pass through all that could leave something behind, destroys it, and
/// looks for it.
fn is_gone_after(destroy: &[&[&str]]) {
    let value = format!("to be gone: {CANARY} é\"\\/");
    let sandbox = Sandbox::with_secrets(&["B"]);
    sandbox.add("A", &value);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox
        .run(&["env", "copy", "dev", "prod", "--only", "B"])
        .succeeds();
    for line in [
        &["get", "A"][..],
        &["get", "A", "--json"],
        &["exec", "--", "true"],
        &["exec", "--mask", "--", "printenv", "A"],
        &["exec", "--file", "A", "--", "true"],
        &["export", "-f", "k8s"],
        &["list"],
        &["history", "A"],
        &["expire", "A", "3d"],
        &["exec", "--", "true"],
    ] {
        sandbox.run(line).succeeds();
    }
    sandbox
        .run_with_stdin(&["rotate", "A", "--verify", "true"], "made-up")
        .succeeds();
    sandbox.run(&["rollback", "A"]).succeeds();
    sandbox
        .run_with_stdin(&["rotate", "A"], "made-up too")
        .succeeds();
    let vault = vec![text(&sandbox.dev()).to_owned()];
    assert_eq!(files_with(&sandbox, &value), vault, "it is there before");

    for line in destroy {
        sandbox.run(line).succeeds();
    }

    assert_eq!(files_with(&sandbox, &value), [""; 0]);
}

#[test]
fn what_is_kept_no_more_is_gone() {
    is_gone_after(&[&["policy", "A", "--keep-versions", "1"]]);
    is_gone_after(&[&["policy", "--keep-versions", "1"]]);
    let rotate = ["rotate", "A", "--generate", "20", "--keep-versions", "1"];
    is_gone_after(&[&rotate]);
}

#[test]
fn what_is_revoked_is_gone() {
    is_gone_after(&[&["revoke", "A@1"]]);
    is_gone_after(&[&["revoke", "A", "--reason", "leaked"]]);
}

#[test]
fn what_is_removed_is_gone() {
    is_gone_after(&[&["remove", "A", "--yes"]]);
    is_gone_after(&[&["rollback", "A", "--to", "1"], &["remove", "A", "--yes"]]);
}
