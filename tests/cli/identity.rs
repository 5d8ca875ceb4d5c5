use insta::assert_snapshot;

use crate::sandbox::{Sandbox, read_to_string, value_of};

#[test]
fn prints_recipient_and_signer_in_one_line() {
    let sandbox = Sandbox::new();

    let transcript = sandbox.run(&["identity"]).succeeds().says_nothing();

    let words: Vec<&str> = transcript.text().trim_end().split(' ').collect();
    let [recipient, signer] = words[..] else {
        panic!("{transcript}")
    };
    assert!(recipient.starts_with("age1"), "{transcript}");
    assert_eq!(
        signer.strip_prefix("ed25519:").map(str::len),
        Some(44),
        "{transcript}"
    );
    assert!(
        read_to_string(&sandbox.identity()).contains(recipient),
        "as `age-keygen` writes it"
    );
    let json = sandbox.run(&["identity", "--json"]).json();
    assert_eq!(json["recipients"][0]["recipient"], recipient);
}

#[test]
fn without_one_says_how_to_make_it() {
    let sandbox = Sandbox::empty();

    assert_snapshot!(sandbox.refused(&["identity"]), @"
    --- stderr ---
    keyvault: error: no identity at `[sandbox]/home/.config/keyvault/identity`
    keyvault: hint: run `keyvault init` to make one, or name yours with `--identity FILE`
    [exit 4]
    ");
}

#[test]
fn a_passphrase_can_be_put_on_changed_and_taken_off() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    let line = sandbox.run(&["identity"]).text().to_owned();
    let (old, new) = (
        sandbox.write("old", "correct horse\n"),
        sandbox.write("new", "battery staple\n"),
    );
    let with = |file: &std::path::Path, arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        sandbox.finish(command.env("KEYVAULT_PASSPHRASE_FILE", file))
    };

    with(&old, &["identity", "--new-passphrase"])
        .succeeds()
        .says("with its new passphrase");
    let contents = std::fs::read(sandbox.identity()).expect("read");
    assert!(contents.starts_with(b"age-encryption.org/v1\n-> scrypt "));
    sandbox.run(&["lock"]);
    with(&new, &["get", "A"]).exits(4).says("wrong passphrase");
    assert_eq!(with(&old, &["get", "A"]).succeeds().text(), value_of("A"));
    assert_eq!(
        with(&old, &["identity"]).text(),
        line,
        "it is the same identity"
    );

    with(&old, &["identity", "--no-passphrase"])
        .succeeds()
        .says("WITHOUT a passphrase");
    assert_eq!(sandbox.run(&["get", "A"]).succeeds().text(), value_of("A"));
}
