//! keyvault in shells, tried in real ones: completion, manual pages.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::sandbox::{Sandbox, Transcript, text, tool};
use crate::terminal::Terminal;

/// Asks as a shell's script does, with the words up to the cursor.
fn complete(sandbox: &Sandbox, words: &[&str]) -> Transcript {
    let mut command = sandbox.command(&["--", "keyvault"]);
    command.args(words).env("KEYVAULT_COMPLETE", "bash");
    sandbox.finish(&mut command).succeeds().says_nothing()
}

/// The words that fit, without their descriptions.
fn fitting(sandbox: &Sandbox, words: &[&str]) -> String {
    let transcript = complete(sandbox, words);
    let lines = transcript.text().lines();
    let words = lines.map(|line| line.split('\t').next().expect("a part"));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_place_is_completed_by_what_fits_there() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY", "OTHER"]);
    sandbox.run(&["env", "create", "prod"]).succeeds();
    sandbox
        .run_with_stdin(&["add", "PROD_KEY", "-e", "prod"], "x")
        .succeeds();

    for (words, wanted) in [
        (&["get", "ST"][..], "STRIPE_KEY"),
        (&["get", ""], "OTHER STRIPE_KEY"),
        (&["rotate", ""], "OTHER STRIPE_KEY"),
        (&["revoke", "O"], "OTHER"),
        (&["rm", "O"], "OTHER"),
        (&["exec", "--only", "OTHER,S"], "OTHER,STRIPE_KEY"),
        (&["exec", "--except=S"], "--except=STRIPE_KEY"),
        (&["exec", "--map", "VAR=S"], "VAR=STRIPE_KEY"),
        (&["-e", "prod", "get", ""], "PROD_KEY"),
        (&["get", "--env=prod", ""], "PROD_KEY"),
        (&["get", "-eprod", ""], "PROD_KEY"),
        (&["get", "-e", "dev,prod", "P"], "PROD_KEY"),
        (&["get", "-e", "p"], "prod"),
        (&["get", "-e", "dev,p"], "dev,prod"),
        (&["env", "remove", ""], "dev prod"),
        (&["rot"], "rotate"),
        (&["completions", "f"], "fish"),
        (&["--no"], "--no-input"),
        // What is to be new has no name yet.
        (&["add", "S"], ""),
        (&["env", "create", "p"], ""),
        (&["nonsense", "S"], ""),
    ] {
        assert_eq!(fitting(&sandbox, words), wanted, "{words:?}");
    }
}

#[test]
fn behind_exec_stands_the_line_of_a_program() {
    let sandbox = Sandbox::new();

    for (words, wanted) in [
        (&["exec", ""][..], "\t2\n"),
        (&["exec", "--", ""], "\t3\n"),
        (&["run", "np"], "\t2\n"),
        (&["-e", "prod", "exec", "npm", "r"], "\t4\n"),
        (&["exec", "--only", "A", "--clean-env", "npm", "-"], "\t5\n"),
        (
            &["exec", "-qe", "prod", "--only=A", "--", "npm", ""],
            "\t6\n",
        ),
        (&["exec", "--keep-existing", "npm", ""], "\t3\n"),
    ] {
        assert_eq!(complete(&sandbox, words).text(), wanted, "{words:?}");
    }
    assert_eq!(fitting(&sandbox, &["exec", "--dry"]), "--dry-run");
}

#[test]
fn completion_leaves_nothing_behind_and_believes_no_more_than_others() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);
    assert_eq!(fitting(&sandbox, &["get", "S"]), "STRIPE_KEY");
    // As on a machine that has not seen this vault: to trust it is for a command that
    // says so.
    fs::remove_dir_all(sandbox.pins()).expect("removed");
    let before = sandbox.snapshot();
    assert_eq!(fitting(&sandbox, &["get", "S"]), "");
    assert_eq!(fitting(&sandbox, &["get", "-e", "d"]), "dev");
    assert!(sandbox.snapshot() == before, "something was remembered");

    for (what, contents) in [("damaged", "nonsense"), ("empty", "")] {
        fs::write(sandbox.dev(), contents).expect("written");
        assert_eq!(fitting(&sandbox, &["get", "S"]), "", "{what}");
    }
    fs::remove_dir_all(sandbox.vault()).expect("removed");
    assert_eq!(fitting(&sandbox, &["get", "S"]), "");
    assert_eq!(fitting(&sandbox, &["ge"]), "get");
}

#[test]
fn an_identity_behind_a_passphrase_is_not_asked_for() {
    let sandbox =
        Sandbox::locked().variable("KEYVAULT_PASSPHRASE_COMMAND", "touch ../asked; echo no");

    // In a terminal, where any other command would ask.
    let line = "KEYVAULT_COMPLETE=bash keyvault -- keyvault get A; echo done";
    let mut terminal = Terminal::program(&sandbox, &["/bin/sh", "-c", line]);

    assert_snapshot!(terminal.end(), @"
    done
    [exit 0]
    ");
    assert!(
        !sandbox.root().join("asked").exists(),
        "a command was asked"
    );
    assert_eq!(
        fitting(&sandbox, &["env", "remove", ""]),
        "dev",
        "of the files alone"
    );
}

#[test]
fn bash_completes() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);
    let Some(bash) = tool("bash") else { return };
    let mut bash = Terminal::program(&sandbox, &[text(&bash), "--norc", "--noprofile", "-i"]);
    bash.prompt();
    bash.enter("source <(keyvault completions bash); echo sour''ced");
    bash.expect("sourced");
    bash.prompt();
    for (typed, wanted) in [
        ("keyvault get ST", "keyvault get STRIPE_KEY "),
        (
            "keyvault exec --only=ST",
            "keyvault exec --only=STRIPE_KEY ",
        ),
        (
            "keyvault exec --map A=ST",
            "keyvault exec --map A=STRIPE_KEY ",
        ),
        ("keyvault exec -- keyvaul", "keyvault exec -- keyvault "),
    ] {
        bash.send(format!("{typed}\t"));
        bash.expect(wanted);
        bash.control('u');
    }
}

#[test]
fn zsh_completes() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);
    let Some(zsh) = tool("zsh") else { return };
    let mut zsh = Terminal::program(&sandbox, &[text(&zsh), "-f", "-i"]);
    zsh.enter("PS1='%# '; autoload -Uz compinit; compinit -D -u; unsetopt zle_bracketed_paste");
    zsh.enter("source <(keyvault completions zsh); echo sour''ced");
    zsh.expect("sourced");
    for (typed, wanted) in [
        ("keyvault get ST", "RIPE_KEY"),
        ("keyvault exec --only=ST", "RIPE_KEY"),
        ("keyvault exec -- keyvaul", "keyvault"),
    ] {
        zsh.send(format!("{typed}\t"));
        zsh.expect(wanted);
        zsh.control('u');
    }
}

#[test]
fn fish_completes() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);
    let Some(fish) = tool("fish") else { return };
    let script = "keyvault completions fish | source
        complete --do-complete 'keyvault get ST'
        complete --do-complete 'keyvault exec --only=ST'
        complete --do-complete 'keyvault exec -e dev -- keyvault rot' | string replace -r '\\t.*' ''";
    let mut fish = Terminal::program(&sandbox, &[text(&fish), "--no-config", "-c", script]);

    assert_snapshot!(fish.end(), @"
    STRIPE_KEY
    --only=STRIPE_KEY
    rotate
    [exit 0]
    ");
}

#[test]
fn each_shell_has_a_script_that_calls_us() {
    let sandbox = Sandbox::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(&["completions", shell]).succeeds();
        let script = script.says_nothing();
        assert!(script.text().contains("KEYVAULT_COMPLETE"), "{shell}");
    }
    sandbox.refused(&["completions", "csh"]).exits(2);
}

#[test]
fn manual_pages_are_written_for_everybody_to_read() {
    let sandbox = Sandbox::empty();
    let man = sandbox.root().join("share/man1");
    fs::create_dir_all(&man).expect("made");
    fs::write(man.join("keyvault.1"), "an older one").expect("written");

    sandbox.run(&["man", "--dir", text(&man)]).succeeds();

    let page = fs::read_to_string(man.join("keyvault.1")).expect("read");
    assert_eq!(sandbox.run(&["man"]).text(), page);
    assert!(page.contains("KEYVAULT_IDENTITY_FILE"), "{page}");
    let exec = man.join("keyvault-env-create.1").metadata().expect("there");
    assert_eq!(exec.permissions().mode() & 0o777, 0o644);
    let Some(mandoc) = tool("mandoc") else { return };
    for entry in fs::read_dir(&man).expect("listed").flatten() {
        let path = entry.path();
        let mut lint = sandbox.other(&mandoc);
        // Long lines are a matter of style, and help's own.
        let lint = sandbox.finish(lint.args(["-Tlint", "-Wwarning", text(&path)]));
        assert_eq!(lint.text(), "", "{}", path.display());
    }
}

#[test]
fn a_manual_page_that_cannot_be_written_is_an_error() {
    let sandbox = Sandbox::empty();
    let file = sandbox.root().join("file");
    fs::write(&file, "").expect("written");
    sandbox
        .refused(&["man", "--dir", text(&file)])
        .exits(1)
        .says("cannot make the folder");
}
