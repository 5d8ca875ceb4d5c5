//! With the tools that others have: age, jq, ssh-keygen.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::{CANARY, Sandbox, Transcript, text, tool, value_of};

/// What `age` makes of the environment `dev`.
fn decrypted(sandbox: &Sandbox, age: &Path, identity: &Path) -> String {
    let mut command = sandbox.other(age);
    let output = sandbox.finish(command.arg("-d").arg("-i").arg(identity).arg(sandbox.dev()));
    output.succeeds().text().to_owned()
}

#[test]
fn age_opens_our_files_with_our_identity() {
    let Some(age) = tool("age") else { return };
    let sandbox = Sandbox::with_secrets(&["A"]);

    let plaintext = decrypted(&sandbox, &age, &sandbox.identity());

    assert_eq!(plaintext.len() % 4096, 0);
    let mut lines = plaintext.split('\n');
    let document: serde_json::Value =
        serde_json::from_str(lines.next().expect("line 1")).expect("JSON");
    assert_eq!(document["format"], "keyvault/1");
    assert_eq!(document["environment"], "dev");
    assert_eq!(
        document["secrets"]["A"]["versions"][0]["value"],
        value_of("A")
    );
    assert_eq!(lines.next().map(str::len), Some(88), "the signature");
    assert!(
        lines
            .next()
            .expect("padding")
            .bytes()
            .all(|byte| byte == b' ')
    );
    assert_eq!(lines.next(), None);
}

#[test]
fn the_line_of_the_design_reads_a_vault_without_us() {
    let (Some(_), Some(_)) = (tool("age"), tool("jq")) else {
        return;
    };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let line = format!(
        "age -d -i '{}' .keyvault/dev.age | head -1 | jq -r '.secrets.A.versions[-1].value'",
        text(&sandbox.identity())
    );

    let transcript = sandbox.finish(sandbox.other("sh").args(["-c", &line]));

    assert_eq!(transcript.succeeds().text().trim_end(), value_of("A"));
}

#[test]
fn an_identity_of_age_keygen_is_ours_too() {
    let (Some(age), Some(keygen)) = (tool("age"), tool("age-keygen")) else {
        return;
    };
    let sandbox = Sandbox::empty();
    let identity = sandbox.project().join("key.txt");
    sandbox
        .finish(sandbox.other(keygen).arg("-o").arg(&identity))
        .succeeds();

    works_with(&sandbox, &identity, None);

    assert!(decrypted(&sandbox, &age, &identity).contains(CANARY));
}

#[test]
fn an_identity_of_age_p_opens_by_its_passphrase() {
    let (Some(_), Some(_), Some(_)) = (tool("age"), tool("age-keygen"), tool("python3")) else {
        return;
    };
    let mut sandbox = Sandbox::empty();
    // `age -p` asks on a terminal and nowhere else.
    let script = r#"
import os, pty, sys
def ask(how, out):
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("sh", ["sh", "-c", "age-keygen 2>/dev/null | age -p " + how + " -o " + out])
    for _ in range(2):
        seen = b""
        while not seen.rstrip().endswith(b":"):
            seen += os.read(terminal, 1024)
        os.write(terminal, b"made-up passphrase\n")
    try:
        while os.read(terminal, 1024): pass
    except OSError: pass
    if os.waitpid(child, 0)[1]: sys.exit(1)
ask("", "binary.age")
ask("-a", "armored.age")
"#;
    sandbox
        .finish(sandbox.other("python3").args(["-c", script]))
        .succeeds();
    let passphrase = sandbox.write("passphrase", "made-up passphrase\n");

    for name in ["binary.age", "armored.age"] {
        let identity = sandbox.project().join(name);
        fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).expect("set");
        works_with(&sandbox, &identity, Some(&passphrase));
        fs::remove_dir_all(sandbox.vault()).expect("removed");
        fs::remove_dir_all(sandbox.pins()).expect("removed");
    }
}

#[test]
fn an_ssh_key_of_ed25519_opens_and_signs() {
    let (Some(age), Some(keygen)) = (tool("age"), tool("ssh-keygen")) else {
        return;
    };
    let sandbox = Sandbox::empty();
    let identity = ssh_key(&sandbox, &keygen, "ed25519", "");

    works_with(&sandbox, &identity, None);

    assert!(decrypted(&sandbox, &age, &identity).contains(CANARY));
    let line = sandbox.run(&["identity", "-i", text(&identity)]).succeeds();
    let public = fs::read_to_string(identity.with_extension("pub")).expect("read");
    let public: Vec<&str> = public.split(' ').take(2).collect();
    assert!(line.text().starts_with(&public.join(" ")), "{line}");
}

#[test]
fn an_ssh_key_with_a_passphrase_opens_by_it() {
    let Some(keygen) = tool("ssh-keygen") else {
        return;
    };
    let mut sandbox = Sandbox::empty();
    let identity = ssh_key(&sandbox, &keygen, "ed25519", "made-up passphrase");
    let passphrase = sandbox.write("passphrase", "made-up passphrase");

    works_with(&sandbox, &identity, Some(&passphrase));

    let wrong = sandbox.write("wrong", "another");
    let mut command = sandbox.command(&["get", "A", "-i", text(&identity)]);
    sandbox.run(&["lock"]);
    let refused = sandbox.finish(command.env("KEYVAULT_PASSPHRASE_FILE", wrong));
    refused.exits(4).says("wrong passphrase");
}

#[test]
fn other_ssh_keys_are_refused_by_kind() {
    let Some(keygen) = tool("ssh-keygen") else {
        return;
    };
    let sandbox = Sandbox::empty();
    let rsa = ssh_key(&sandbox, &keygen, "rsa", "");
    let ecdsa = ssh_key(&sandbox, &keygen, "ecdsa", "");

    for identity in [rsa, ecdsa] {
        let refused = sandbox
            .refused(&["identity", "-i", text(&identity)])
            .exits(4);
        refused.says("`ssh-ed25519`");
    }
}

#[test]
fn a_file_with_several_identities_is_tried_whole() {
    let Some(keygen) = tool("age-keygen") else {
        return;
    };
    let sandbox = Sandbox::with_secrets(&["A"]);
    let other = sandbox.finish(&mut sandbox.other(keygen)).text().to_owned();
    let ours = fs::read_to_string(sandbox.identity()).expect("read");
    fs::write(sandbox.identity(), format!("{other}\n{ours}")).expect("written");

    assert_eq!(sandbox.run(&["get", "A"]).succeeds().text(), value_of("A"));
    sandbox.run_with_stdin(&["rotate", "A"], CANARY).succeeds();
    assert_eq!(sandbox.run(&["identity"]).text().lines().count(), 2);
}

fn ssh_key(sandbox: &Sandbox, keygen: &Path, kind: &str, passphrase: &str) -> PathBuf {
    let path = sandbox.project().join(format!("id_{kind}"));
    let mut command: Command = sandbox.other(keygen);
    command
        .args(["-q", "-t", kind, "-N", passphrase, "-C", "a comment", "-f"])
        .arg(&path);
    sandbox.finish(&mut command).succeeds();
    path
}

/// Makes a vault with an identity, adds a secret and gets it back.
fn works_with(sandbox: &Sandbox, identity: &Path, passphrase: Option<&Path>) {
    let run = |arguments: &[&str], stdin: &str| -> Transcript {
        let mut command = sandbox.command(arguments);
        command.arg("-i").arg(identity);
        if let Some(passphrase) = passphrase {
            command.env("KEYVAULT_PASSPHRASE_FILE", passphrase);
        }
        sandbox.finish_with_stdin(&mut command, stdin).succeeds()
    };
    run(&["init"], "");
    run(&["add", "A"], CANARY);
    assert_eq!(run(&["get", "A"], "").text(), CANARY);
}
