//! keyvault in shells, tried in real ones: completion, the hooks, direnv; and manual
//! pages.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use insta::assert_snapshot;

use crate::sandbox::{CANARY, KEYVAULT, Sandbox, Transcript, text, tool, value_of};
use crate::terminal::{Terminal, path_with_keyvault};

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
        (&["import", "--dr"], "--dry-run"),
        (&["--no"], "--no-input"),
        (&["history", "S"], "STRIPE_KEY"),
        (&["rollback", "S"], "STRIPE_KEY"),
        (&["expire", "S"], "STRIPE_KEY"),
        (&["policy", "S"], "STRIPE_KEY"),
        (&["snooze", "S"], "STRIPE_KEY"),
        (&["hook", "set", "S"], "STRIPE_KEY"),
        (&["hook", "set", "OTHER", ""], "create verify revoke"),
        (
            &["hook", "set", "OTHER", "revoke", "--with", "S"],
            "STRIPE_KEY",
        ),
        (&["hook", "show", "S"], "STRIPE_KEY"),
        (&["hook", "remove", "OTHER", "c"], "create"),
        (&["hook", "accept", "O"], "OTHER"),
        (&["rotate", "--resume", "O"], "OTHER"),
        (&["status", "--only", "ex"], "expired exposed expiring"),
        (
            &["status", "--ignore", "due,w"],
            "due,whitespace due,weak-identity",
        ),
        (&["audit", "--secret", "O"], "OTHER"),
        (&["audit", "--outcome", "r"], "refused"),
        // What is to be new has no name yet.
        (&["add", "S"], ""),
        (&["env", "create", "p"], ""),
        (&["nonsense", "S"], ""),
    ] {
        assert_eq!(fitting(&sandbox, words), wanted, "{words:?}");
    }
}

#[test]
fn files_are_left_to_the_shell() {
    let sandbox = Sandbox::new();

    for words in [
        &["import", ""][..],
        &["add", "A", "--from-file", "x"],
        &["add", "A", "--from-file=x"],
        &["--vault", ""],
        &["get", "-i", "~/x"],
    ] {
        assert_eq!(complete(&sandbox, words).text(), "\tfiles\n", "{words:?}");
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
        (&["hook", "set", "A", "create", "--", ""], "\t6\n"),
        (
            &[
                "hook", "set", "A", "create", "--with", "B", "--", "curl", "",
            ],
            "\t8\n",
        ),
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
    // Nobody writes into it: who reads waits for ever.
    let pipe = sandbox.root().join("pipe");
    let made = sandbox.finish(sandbox.other("mkfifo").arg(&pipe));
    made.succeeds();
    assert_eq!(fitting(&sandbox, &["-i", text(&pipe), "get", "S"]), "");
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
    fs::write(sandbox.project().join("fo o"), "").expect("written");
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
        ("keyvault import f", "keyvault import fo\\ o "),
        ("keyvault add A --from-file=f", "--from-file=fo\\ o "),
    ] {
        bash.send(format!("{typed}\t"));
        bash.expect(wanted);
        bash.control('u');
    }
}

#[test]
fn zsh_completes() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);
    fs::write(sandbox.project().join("fo o"), "").expect("written");
    let Some(zsh) = tool("zsh") else { return };
    let mut zsh = Terminal::program(&sandbox, &[text(&zsh), "-f", "-i"]);
    zsh.enter("PS1='%# '; autoload -Uz compinit; compinit -D -u; unsetopt zle_bracketed_paste");
    zsh.enter("source <(keyvault completions zsh); echo sour''ced");
    zsh.expect("sourced");
    for (typed, wanted) in [
        ("keyvault get ST", "RIPE_KEY"),
        ("keyvault exec --only=ST", "RIPE_KEY"),
        ("keyvault exec -- keyvaul", "keyvault"),
        ("keyvault import f", "o\\ o"),
        ("keyvault add A --from-file=f", "o\\ o"),
    ] {
        zsh.send(format!("{typed}\t"));
        zsh.expect(wanted);
        zsh.control('u');
    }
}

#[test]
fn fish_completes() {
    let sandbox = Sandbox::with_secrets(&["STRIPE_KEY"]);
    fs::write(sandbox.project().join("fo o"), "").expect("written");
    let Some(fish) = tool("fish") else { return };
    let script = "keyvault completions fish | source
        complete --do-complete 'keyvault get ST'
        complete --do-complete 'keyvault exec --only=ST'
        complete --do-complete 'keyvault import f'
        complete --do-complete 'keyvault add A --from-file=f'
        complete --do-complete 'keyvault exec -e dev -- keyvault rot' | string replace -r '\\t.*' ''";
    let mut fish = Terminal::program(&sandbox, &[text(&fish), "--no-config", "-c", script]);

    assert_snapshot!(fish.end(), @"
    STRIPE_KEY
    --only=STRIPE_KEY
    fo o
    --from-file=fo o
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
    // What help has in lines of its own is not run together.
    let status = fs::read_to_string(man.join("keyvault-status.1")).expect("read");
    assert!(status.contains("\n.IP \\- 2\ndue: "), "{status}");
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

/// What a careless shell would change.
fn nasty() -> String {
    format!("it's \"two\"\n\nlines: $HOME `id` $(id) \\\\ \\' !x *\t\u{e9} {CANARY} '\n\n")
}

/// A project in which shells may load `A`, `B` and `NASTY`.
fn allowed() -> Sandbox {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    sandbox.add("NASTY", &nasty());
    sandbox.run(&["shell", "allow"]).succeeds();
    sandbox
}

/// Where a shell writes down what it has, to be compared byte by byte.
fn notes(sandbox: &mut Sandbox) -> PathBuf {
    sandbox.write("notes", "")
}

/// The variables of a program that the shell started, as it wrote them down.
fn noted(path: &PathBuf, name: &str) -> Option<String> {
    let notes = fs::read(path).expect("read");
    let notes = String::from_utf8(notes).expect("text");
    let start = format!("{name}=");
    let mut found = notes
        .split('\0')
        .filter_map(|entry| entry.strip_prefix(&start));
    found.next().map(str::to_owned)
}

#[test]
fn a_hook_loads_and_puts_back_in_bash() {
    let mut sandbox = allowed();
    let notes = notes(&mut sandbox);
    fs::create_dir(sandbox.project().join("deeper")).expect("made");
    let mut bash = Terminal::shell(&sandbox);
    for line in [
        "cd /",
        "export A=before",
        "B=unexported",
        "set -u",
        "PROMPT_COMMAND=('true' 'seen=$?')",
    ] {
        assert_eq!(bash.run(line), (String::new(), 0));
    }
    let (_, code) = bash.run("eval \"$(keyvault shell bash)\"; eval \"$(keyvault shell bash)\"");
    assert_eq!(code, 0);

    let project = sandbox.project();
    let (told, _) = bash.run(&format!("cd {}", project.display()));
    assert_snapshot!(told, @"keyvault: note: loaded 3 secrets from `[sandbox]/project/.keyvault`");
    bash.run("env -0 >notes");
    assert_eq!(noted(&notes, "A"), Some(value_of("A")));
    assert_eq!(noted(&notes, "B"), Some(value_of("B")));
    assert_eq!(noted(&notes, "NASTY"), Some(nasty()));
    // Neither told nor changed further down, and the status is the command's.
    assert_eq!(bash.run("cd deeper"), (String::new(), 0));
    assert_eq!(bash.run("(exit 7)"), (String::new(), 7));
    assert_eq!(bash.run("echo $seen"), ("7\n".to_owned(), 0));

    let (told, _) = bash.run("cd /");
    assert_snapshot!(told, @"keyvault: note: unloaded 3 secrets");
    let (text, _) =
        bash.run("echo $A $B ${NASTY-none} ${KEYVAULT_SHELL_STATE-none}; env | grep -c ^B=");
    assert_eq!(text, "before unexported none none\n0\n");

    // Under `set -e` a prompt does not end the shell, whatever was before.
    bash.run("set -e");
    assert_eq!(bash.run("! true").1, 1);
    bash.run(&format!("cd {}", project.display()));
    assert_eq!(bash.run("! true").1, 1);
}

/// Of which a shell would lose something, or which it does not let go: what is behind
/// them in the code has to come and go all the same.
#[test]
fn a_variable_that_is_more_than_text_stays_as_it_is() {
    let sandbox = Sandbox::with_secrets(&["ARRAY", "READONLY", "Z"]);
    sandbox.add("NUMBER", "a[$(echo ran >&2)]");
    sandbox.run(&["shell", "allow"]).succeeds();
    for (program, of) in [("bash", "bash"), ("zsh", "zsh")] {
        let Some(program) = tool(program) else {
            continue;
        };
        let script = format!(
            r#"ARRAY=(one two); readonly READONLY=old; export NUMBER; typeset -i NUMBER=7
            hook() {{ eval "$(keyvault --no-input shell env {of})"; }}
            hook; echo "${{#Z}} ${{ARRAY[*]}} $READONLY $NUMBER"
            hook; cd /; hook
            echo "${{Z-none}} ${{KEYVAULT_SHELL_STATE-none}} ${{ARRAY[*]}} $READONLY $NUMBER""#
        );
        let mut shell = sandbox.other(&program);
        shell.env("PATH", path_with_keyvault());
        let told = sandbox.finish(shell.args(["-c", &script]));
        let length = value_of("Z").len();
        let printed = format!("{length} one two old 7\nnone none one two old 7\n");
        assert_eq!(told.text(), printed, "{of}");
        let warned = |name: &str| {
            format!("`{name}` is not loaded: the shell has another kind of variable of this name")
        };
        for name in ["ARRAY", "READONLY", "NUMBER"] {
            assert_eq!(
                told.stderr.matches(&warned(name)).count(),
                1,
                "{of}: {name}"
            );
        }
        assert!(!told.stderr.contains("ran"), "{of}");
    }
}

#[test]
fn a_shell_within_the_shell_puts_back_the_same() {
    let sandbox = allowed().variable("A", "before");
    let mut bash = Terminal::shell(&sandbox);
    bash.run("eval \"$(keyvault shell bash)\"");
    bash.run("export PROMPT_COMMAND; export -f _keyvault_hook");
    bash.run("export PS1");
    bash.send("bash --norc --noprofile --noediting -i\n");
    bash.prompt();
    bash.run("cd /");

    assert_eq!(
        bash.run("echo $A ${B-none}"),
        ("before none\n".to_owned(), 0)
    );
}

#[test]
fn what_a_command_changes_is_there_at_the_next_prompt_and_a_still_folder_costs_nothing() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut bash = Terminal::shell(&sandbox);
    let (told, _) = bash.run("eval \"$(keyvault shell bash)\"");
    assert_snapshot!(told, @"keyvault: note: `[sandbox]/project/.keyvault` is not loaded; `keyvault shell allow` lets shells load it, and `keyvault shell deny` ends this note");
    assert_eq!(bash.run("echo ${A-none}").0, "none\n");

    let (told, _) = bash.run("keyvault shell allow");
    assert_snapshot!(told, @"
    allowed `[sandbox]/project/.keyvault`: shells with keyvault's hook load it from here on
    keyvault: note: loaded 1 secret from `[sandbox]/project/.keyvault`
    ");
    bash.run("keyvault add LATER --generate 20");
    assert_eq!(bash.run("echo ${#LATER}").0, "20\n");
    bash.run("printf 12345 | keyvault add PIPED");
    assert_eq!(bash.run("echo ${#PIPED}").0, "5\n");

    // Where the folder is the same, no program is started: not even one that is no more.
    bash.run("command() { echo started; }");
    assert_eq!(bash.run("true"), (String::new(), 0));
    bash.run("unset -f command");

    let (told, _) = bash.run("keyvault shell deny");
    assert_snapshot!(told, @"
    denied `[sandbox]/project/.keyvault`: no shell loads it from here on
    keyvault: note: unloaded 3 secrets
    ");
    assert_eq!(bash.run("echo ${A-none}").0, "none\n");
}

#[test]
fn a_hook_loads_and_puts_back_in_zsh() {
    let Some(zsh) = tool("zsh") else { return };
    let mut sandbox = allowed();
    let notes = notes(&mut sandbox);
    let script = format!(
        r#"cd /; export A=before; B=unexported; setopt nounset errexit ksharrays
        eval "$(keyvault shell zsh)"
        cd {0}; env -0 >notes
        (cd /; echo "$A" | grep -c canary)
        cd /; echo "$A $B ${{NASTY-none}} ${{KEYVAULT_SHELL_STATE-none}}"; env | grep -c ^B= || true
        cd {0}; echo "$A" | grep -c canary"#,
        text(&sandbox.project())
    );
    let mut zsh = Terminal::program(&sandbox, &[text(&zsh), "-f", "-c", &script]);

    assert_snapshot!(zsh.end(), @"
    keyvault: note: loaded 3 secrets from `[sandbox]/project/.keyvault`
    1
    keyvault: note: unloaded 3 secrets
    before unexported none none
    0
    keyvault: note: loaded 3 secrets from `[sandbox]/project/.keyvault`
    1
    [exit 0]
    ");
    assert_eq!(noted(&notes, "A"), Some(value_of("A")));
    assert_eq!(noted(&notes, "NASTY"), Some(nasty()));
}

#[test]
fn a_hook_loads_and_puts_back_in_fish() {
    let Some(fish) = tool("fish") else { return };
    let mut sandbox = allowed()
        .variable("TERM", "xterm")
        .variable("NO_COLOR", "1");
    let notes = notes(&mut sandbox);
    let script = format!(
        r#"cd /; set -gx A before; set -g B un exported
        keyvault shell fish | source
        cd {0}; env -0 >notes; false; echo $status; cd .
        cd /; echo $A (count $B) (set -q NASTY; or echo none) (set -q KEYVAULT_SHELL_STATE; or echo none)
        env | grep -c ^B=; exit 0"#,
        text(&sandbox.project())
    );
    let mut fish = Terminal::program(&sandbox, &[text(&fish), "--no-config", "-i", "-c", &script]);

    assert_snapshot!(fish.end(), @"
    keyvault: note: loaded 3 secrets from `[sandbox]/project/.keyvault`
    1
    keyvault: note: unloaded 3 secrets
    before 2 none none
    0
    [exit 0]
    ");
    assert_eq!(noted(&notes, "A"), Some(value_of("A")));
    assert_eq!(noted(&notes, "NASTY"), Some(nasty()));
}

#[test]
fn what_a_command_changes_is_there_at_the_next_prompt_of_other_shells() {
    for (shell, option, hook) in [
        ("zsh", "-f", "eval \"$(keyvault shell zsh)\""),
        ("fish", "--no-config", "keyvault shell fish | source"),
    ] {
        let Some(path) = tool(shell) else { continue };
        let sandbox = Sandbox::with_secrets(&["A"])
            .variable("TERM", "xterm")
            .variable("NO_COLOR", "1");
        let mut terminal = Terminal::program(&sandbox, &[text(&path), option, "-i"]);
        terminal.enter(hook);
        terminal.expect("is not loaded; `keyvault shell allow`");
        terminal.enter("keyvault shell allow");
        terminal.expect("loaded 1 secret from");
        terminal.enter("keyvault shell deny");
        terminal.expect("unloaded 1 secret");
    }
}

#[test]
fn direnv_loads_exact_values() {
    let Some(direnv) = tool("direnv") else { return };
    let mut sandbox = allowed();
    let notes = notes(&mut sandbox);
    let lines = sandbox.run(&["shell", "direnv"]).succeeds();
    fs::write(sandbox.project().join(".envrc"), lines.text()).expect("written");
    let path = PathBuf::from(KEYVAULT);
    let path = format!(
        "{}:{}",
        text(path.parent().expect("a folder")),
        std::env::var("PATH").expect("set")
    );
    let direnv = |arguments: &[&str]| {
        let mut command = sandbox.other(&direnv);
        sandbox
            .finish(command.args(arguments).env("PATH", &path))
            .succeeds()
    };
    direnv(&["allow"]);
    direnv(&["exec", ".", "sh", "-c", "env -0 >notes"]);

    assert_eq!(noted(&notes, "A"), Some(value_of("A")));
    assert_eq!(noted(&notes, "NASTY"), Some(nasty()));
}

/// Runs what a hook runs.
fn load(sandbox: &Sandbox) -> Transcript {
    sandbox
        .run(&["--no-input", "shell", "env", "bash"])
        .succeeds()
}

#[test]
fn only_the_vault_that_was_allowed_is_loaded() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    assert!(
        !load(&sandbox).text().contains("export A="),
        "nobody allowed it"
    );
    sandbox.run(&["shell", "allow"]).succeeds();
    assert!(load(&sandbox).text().contains("export A="));

    // Another one in its place, of which this machine knows nothing.
    fs::remove_dir_all(sandbox.vault()).expect("removed");
    fs::remove_dir_all(sandbox.pins()).expect("removed");
    sandbox.run(&["init", "--no-passphrase"]).succeeds();
    sandbox.add("A", &value_of("A"));
    let load = load(&sandbox);
    assert!(!load.text().contains("export A="), "{load}");
    load.says("another vault was allowed here");
}

#[test]
fn what_exec_would_refuse_is_not_loaded() {
    let sandbox = allowed();
    for name in ["PATH", "IFS", "BASH_ENV"] {
        sandbox.run_with_stdin(&["add", name], "x").succeeds();
        let load = load(&sandbox);
        assert!(!load.text().contains("export A="), "{load}");
        load.says(&format!("`{name}` has a name that would take the shell"));
        sandbox.run(&["shell", "env", "direnv"]).exits(1).says(name);
        sandbox.run(&["remove", name, "--yes"]).succeeds();
    }
    sandbox.run(&["revoke", "A"]).succeeds();
    let load = load(&sandbox);
    assert!(!load.text().contains("export A="), "{load}");
    assert!(load.text().contains("export B="), "{load}");
    sandbox.run_with_stdin(&["add", "NUL"], "a\0b").succeeds();
    let load = self::load(&sandbox);
    assert!(!load.text().contains("export B="), "{load}");
    load.says("`NUL` holds a NUL byte");
}

/// As a file for `exec --env-file` might, before a shell is started.
#[test]
fn what_somebody_else_says_was_loaded_is_not_put_back_over_the_shell() {
    let state = ":A=b2xk,IFS=b2xk,PATH=b2xk";
    let sandbox = Sandbox::empty().variable("KEYVAULT_SHELL_STATE", state);
    let code = load(&sandbox);
    assert!(code.text().contains("export A='old'"), "{code}");
    assert!(
        !code.text().contains("PATH") && !code.text().contains("IFS"),
        "{code}"
    );

    let mut sandbox = Sandbox::with_secrets(&[]);
    sandbox.write("dev.env", format!("KEYVAULT_SHELL_STATE={state}\n"));
    let line = ["exec", "--env-file", "dev.env", "--", "true"];
    sandbox
        .refused(&line)
        .says("`KEYVAULT_SHELL_STATE`")
        .exits(125);
}

#[test]
fn a_locked_identity_is_a_note_and_no_question() {
    let sandbox = Sandbox::locked().variable("KEYVAULT_PASSPHRASE_COMMAND", "touch ../asked");
    sandbox.run_with_stdin(&["shell", "deny"], "").succeeds();
    load(&sandbox).says_nothing();
    // As if it had been allowed in another session.
    let decisions = sandbox.home().join(".local/state/keyvault/shell");
    let decision = fs::read_dir(&decisions).expect("listed").flatten().next();
    let decision = decision.expect("one").path();
    let record = fs::read_to_string(&decision).expect("read");
    let id = "0".repeat(32);
    fs::write(&decision, record.replace("null", &format!("\"{id}\""))).expect("written");

    let first = load(&sandbox);

    assert_eq!(first.stderr.lines().count(), 1);
    let state = first.text().trim();
    let state = state
        .strip_prefix("export KEYVAULT_SHELL_STATE=")
        .expect("remembered");
    let state = state.trim_matches('\'').to_owned();
    first.says("your identity is locked; run `keyvault unlock`");
    // Once: the shell knows that it was told.
    let sandbox = sandbox.variable("KEYVAULT_SHELL_STATE", state);
    assert_eq!(load(&sandbox).says_nothing().text(), "");
    assert!(
        !sandbox.root().join("asked").exists(),
        "a command was asked"
    );
}

#[test]
fn a_decision_on_no_vault_is_refused() {
    let sandbox = Sandbox::empty();
    sandbox.refused(&["shell", "allow"]).exits(3);
    sandbox.refused(&["shell", "deny", "nowhere"]).exits(3);
}
