//! Which identity is used, who gives its passphrase, and how long it stays open.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use age::secrecy::ExposeSecret;
use insta::assert_snapshot;

use crate::sandbox::{
    CANARY, KEYVAULT, PASSPHRASE, Sandbox, enter_session, has_session_cache, read_to_string,
    sealed, text, tool, value_of,
};
use crate::terminal::{Terminal, eventually};

const PASSPHRASE_FILE: &str = "KEYVAULT_PASSPHRASE_FILE";
const PASSPHRASE_COMMAND: &str = "KEYVAULT_PASSPHRASE_COMMAND";

/// Makes an identity. Returns its text and its public key.
fn identity() -> (String, String) {
    let identity = age::x25519::Identity::generate();
    let text = identity.to_string().expose_secret().to_owned();
    (text, identity.to_public().to_string())
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, contents: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, contents).expect("written");
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("changed");
}

/// A locked sandbox, with the file that has its passphrase.
fn locked_with_passphrase() -> (Sandbox, PathBuf) {
    let mut sandbox = Sandbox::locked();
    let file = sandbox.write("passphrase", format!("{PASSPHRASE}\n"));
    (sandbox, file)
}

/// A command that finds the passphrase in a file.
fn with_passphrase(sandbox: &Sandbox, file: &Path, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env(PASSPHRASE_FILE, file);
    command
}

/// Unlocks the session's cache.
#[track_caller]
fn unlock(sandbox: &Sandbox, file: &Path) {
    let mut get = with_passphrase(sandbox, file, &["get", "A"]);
    sandbox.finish(&mut get).succeeds().says_nothing();
}

// Where the identity is from

#[test]
fn the_nearest_identity_is_used() {
    let identities = [identity(), identity(), identity(), identity()];
    let [option, file, variable, default] = identities.each_ref();
    let sandbox = Sandbox::empty();
    let (by_option, by_variable) = (sandbox.root().join("one"), sandbox.root().join("two"));
    write_private(&by_option, &option.0);
    write_private(&by_variable, &file.0);
    write_private(&sandbox.identity(), &default.0);
    let used = |sandbox: &Sandbox, arguments: &[&str]| {
        let printed = sandbox.run(arguments).succeeds();
        let recipient = printed.text().split(' ').next();
        recipient.unwrap_or_default().to_owned()
    };

    assert_eq!(used(&sandbox, &["identity"]), default.1);
    let sandbox = sandbox.variable("KEYVAULT_IDENTITY", &variable.0);
    assert_eq!(used(&sandbox, &["identity"]), variable.1);
    let sandbox = sandbox.variable("KEYVAULT_IDENTITY_FILE", &by_variable);
    assert_eq!(used(&sandbox, &["identity"]), file.1);
    for option_first in [true, false] {
        let identity = ["--identity", text(&by_option)];
        let arguments = if option_first {
            [&identity[..], &["identity"]].concat()
        } else {
            [&["identity"], &identity[..]].concat()
        };
        assert_eq!(used(&sandbox, &arguments), option.1);
    }
    // What is empty was not set.
    let sandbox = sandbox
        .variable("KEYVAULT_IDENTITY", "")
        .variable("KEYVAULT_IDENTITY_FILE", "");
    assert_eq!(used(&sandbox, &["identity"]), default.1);
}

#[test]
fn a_named_identity_that_is_missing_is_not_replaced_by_another() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let missing = sandbox.root().join("missing");
    assert_snapshot!(sandbox.refused(&["--identity", text(&missing), "get", "A"]), @"
    --- stderr ---
    keyvault: error: no identity at `[sandbox]/missing`
    keyvault: hint: run `keyvault --identity [sandbox]/missing init` to make one, or name yours with `--identity FILE`
    [exit 4]
    ");
    let sandbox = sandbox.variable("KEYVAULT_IDENTITY_FILE", &missing);
    sandbox.refused(&["get", "A"]).exits(4);
    let sandbox = sandbox
        .variable("KEYVAULT_IDENTITY_FILE", "")
        .variable("KEYVAULT_IDENTITY", CANARY);
    assert_snapshot!(sandbox.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: the identity in `KEYVAULT_IDENTITY` cannot be used: line 1 is no age identity
    keyvault: hint: an age identity, plain or with a passphrase, or an ssh-ed25519 private key opens a vault
    [exit 4]
    ");
}

#[test]
fn an_identity_in_a_variable_does_everything_without_a_prompt() {
    let (text, recipient) = identity();
    let sandbox = Sandbox::empty().variable("KEYVAULT_IDENTITY", text);

    sandbox.run(&["init"]).succeeds();
    sandbox.add("A", CANARY);
    assert_eq!(sandbox.run(&["get", "A"]).says_nothing().text(), CANARY);
    let new = format!("new {CANARY}");
    let rotated = sandbox.run_with_stdin(&["rotate", "A"], &new);
    rotated.succeeds().says("version 2");
    let printed = sandbox.run(&["exec", "--", "printenv", "A"]);
    assert_eq!(printed.succeeds().says_nothing().text(), format!("{new}\n"));
    sandbox.run(&["list"]).succeeds().says_nothing();
    assert_eq!(sandbox.run(&["list", "-q"]).text(), "A\n");
    let public = sandbox.run(&["identity"]).succeeds();
    assert!(public.text().starts_with(&recipient), "{public}");
    assert!(!sandbox.identity().exists(), "nobody asked for this file");
}

#[test]
fn a_sealed_identity_in_a_variable_is_unlocked_as_one_in_a_file() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    let sealed = fs::read(sandbox.identity()).expect("read");
    let mut armored = Vec::new();
    let mut writer =
        age::armor::ArmoredWriter::wrap_output(&mut armored, age::armor::Format::AsciiArmor)
            .expect("memory takes it");
    std::io::Write::write_all(&mut writer, &sealed).expect("memory takes it");
    writer.finish().expect("memory takes it");
    fs::remove_file(sandbox.identity()).expect("removed");
    let armored = String::from_utf8(armored).expect("text");
    let sandbox = sandbox.variable("KEYVAULT_IDENTITY", armored);

    assert_snapshot!(sandbox.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: the identity in `KEYVAULT_IDENTITY` wants its passphrase, and there is no terminal to ask on
    keyvault: hint: set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first
    [exit 4]
    ");
    unlock(&sandbox, &file);
    assert_eq!(sandbox.run(&["get", "A"]).text(), value_of("A"));
}

// Where nobody can be asked

#[test]
fn without_an_identity_it_says_how_to_get_one() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    fs::remove_file(sandbox.identity()).expect("removed");
    assert_snapshot!(sandbox.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: no identity at `[sandbox]/home/.config/keyvault/identity`
    keyvault: hint: run `keyvault init` to make one, or name yours with `--identity FILE`
    [exit 4]
    ");
    sandbox.refused_with_stdin(&["add", "B"], CANARY).exits(4);
    sandbox.refused(&["exec", "--", "true"]).exits(125);
}

#[test]
fn without_a_terminal_it_says_what_to_set() {
    let sandbox = Sandbox::locked();
    assert_snapshot!(sandbox.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: identity `[sandbox]/home/.config/keyvault/identity` wants its passphrase, and there is no terminal to ask on
    keyvault: hint: set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first
    [exit 4]
    ");
    sandbox.refused_with_stdin(&["add", "B"], CANARY).exits(4);
    sandbox
        .refused_with_stdin(&["rotate", "A"], CANARY)
        .exits(4);
    sandbox.refused(&["list"]).exits(4);
    sandbox.refused(&["unlock"]).exits(4);
    sandbox.refused(&["identity", "--no-passphrase"]).exits(4);
    assert_snapshot!(sandbox.refused(&["exec", "--", "true"]), @"
    --- stderr ---
    keyvault: error: identity `[sandbox]/home/.config/keyvault/identity` wants its passphrase, and there is no terminal to ask on
    keyvault: hint: set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first
    [exit 125]
    ");
    Sandbox::empty().refused(&["init"]).exits(4);
}

#[test]
fn with_input_switched_off_it_says_so() {
    let sandbox = Sandbox::locked();
    assert_snapshot!(sandbox.refused(&["get", "A", "--no-input"]), @"
    --- stderr ---
    keyvault: error: identity `[sandbox]/home/.config/keyvault/identity` wants its passphrase, and input is switched off
    keyvault: hint: set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first
    [exit 4]
    ");
    let sandbox = sandbox.variable("KEYVAULT_NO_INPUT", "1");
    sandbox.refused(&["get", "A"]).exits(4).says("switched off");
}

// Who gives the passphrase

#[test]
fn a_file_gives_the_passphrase() {
    let mut sandbox = Sandbox::locked();
    for contents in [
        PASSPHRASE.to_owned(),
        format!("{PASSPHRASE}\n"),
        format!("{PASSPHRASE}\r\n"),
    ] {
        enter_session();
        let file = sandbox.write("passphrase", contents);
        unlock(&sandbox, &file);
    }
}

#[test]
fn a_file_that_does_not_give_the_passphrase_is_named() {
    let (mut sandbox, _) = locked_with_passphrase();
    let mut refused = |contents: &str| {
        let file = sandbox.write("passphrase", contents);
        let before = sandbox.snapshot();
        let transcript = sandbox.finish(&mut with_passphrase(&sandbox, &file, &["get", "A"]));
        assert!(sandbox.snapshot() == before, "something was left behind");
        transcript.exits(4)
    };
    assert_snapshot!(refused("correct house\n"), @"
    --- stderr ---
    keyvault: error: wrong passphrase for identity `[sandbox]/home/.config/keyvault/identity`
    [exit 4]
    ");
    assert_snapshot!(refused("\n"), @"
    --- stderr ---
    keyvault: error: no passphrase from `KEYVAULT_PASSPHRASE_FILE`: it is empty
    [exit 4]
    ");
    refused("");
    refused(&"long ".repeat(1000)).says("longer than 4096 bytes");
    refused(&format!("{PASSPHRASE}\n\n"));
    refused(&format!(" {PASSPHRASE}\n"));
    for path in [sandbox.project().join("missing"), sandbox.home()] {
        let transcript = sandbox.finish(&mut with_passphrase(&sandbox, &path, &["get", "A"]));
        transcript.exits(4).says(PASSPHRASE_FILE);
    }
}

#[test]
fn a_command_gives_the_passphrase() {
    let (sandbox, _) = locked_with_passphrase();
    for command in [
        "cat passphrase",
        "printf %s \"$(cat passphrase)\"",
        "sed 's/$/\\r/' passphrase",
        "cat; cat passphrase; echo asked >&2",
    ] {
        enter_session();
        let mut get = sandbox.command(&["get", "A"]);
        get.env(PASSPHRASE_COMMAND, command);
        // What it reads is not what is piped into keyvault.
        let transcript = sandbox.finish_with_stdin(&mut get, "typed");
        assert_eq!(transcript.succeeds().text(), value_of("A"), "{command}");
    }
}

#[test]
fn a_command_that_does_not_give_the_passphrase_says_how_it_ended() {
    let (sandbox, _) = locked_with_passphrase();
    let refused = |command: &str| {
        let mut get = sandbox.command(&["get", "A"]);
        get.env(PASSPHRASE_COMMAND, command);
        let before = sandbox.snapshot();
        let transcript = sandbox.finish(&mut get);
        assert!(sandbox.snapshot() == before, "something was left behind");
        transcript.exits(4)
    };
    assert_snapshot!(refused("cat passphrase; exit 3"), @"
    --- stderr ---
    keyvault: error: no passphrase from `KEYVAULT_PASSPHRASE_COMMAND`: the command ended with 3
    [exit 4]
    ");
    assert_snapshot!(refused("kill -9 $$"), @"
    --- stderr ---
    keyvault: error: no passphrase from `KEYVAULT_PASSPHRASE_COMMAND`: the command was ended by signal 9
    [exit 4]
    ");
    assert_snapshot!(refused("true"), @"
    --- stderr ---
    keyvault: error: no passphrase from `KEYVAULT_PASSPHRASE_COMMAND`: it is empty
    [exit 4]
    ");
    assert_snapshot!(refused("no-such-program 2>/dev/null"), @"
    --- stderr ---
    keyvault: error: no passphrase from `KEYVAULT_PASSPHRASE_COMMAND`: the command ended with 127
    [exit 4]
    ");
    assert_snapshot!(refused("echo correct house"), @"
    --- stderr ---
    keyvault: error: wrong passphrase for identity `[sandbox]/home/.config/keyvault/identity`
    [exit 4]
    ");
}

/// It is not asked before it is needed, and not where there is nothing to unlock.
#[test]
fn nobody_gives_a_passphrase_in_vain() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, _) = locked_with_passphrase();
    let asked = sandbox.project().join("asked");
    let sandbox = sandbox.variable(PASSPHRASE_COMMAND, "echo >>asked; cat passphrase");
    sandbox.run(&["get", "A", "-e", "none"]).exits(3);
    sandbox.run(&["--vault", "none", "get", "A"]).exits(3);
    sandbox.run(&["env", "list"]).succeeds();
    assert!(!asked.exists(), "it was asked for nothing");
    sandbox.run(&["get", "A"]).succeeds();
    sandbox.run(&["get", "A"]).succeeds();
    assert_eq!(read_to_string(&asked), "\n", "it was not asked once");
}

#[test]
fn a_pipe_gives_the_passphrase_or_the_identity() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, _) = locked_with_passphrase();
    let bash = |command: &str| {
        let mut bash = sandbox.other("bash");
        bash.args(["-c", command, KEYVAULT]);
        sandbox.finish(&mut bash).succeeds().text().to_owned()
    };
    let get = "KEYVAULT_PASSPHRASE_FILE=<(cat passphrase) $0 get A";
    assert_eq!(bash(get), value_of("A"));
    let identity = "$0 get A -i <(cat ~/.config/keyvault/identity)";
    assert_eq!(bash(identity), value_of("A"), "and it is open by now");
}

#[test]
fn a_file_goes_before_a_command() {
    let (sandbox, file) = locked_with_passphrase();
    let sandbox = sandbox.variable(PASSPHRASE_COMMAND, "echo wrong");
    unlock(&sandbox, &file);
}

#[test]
fn init_and_identity_take_a_new_passphrase_from_a_file_as_well() {
    if !has_session_cache() {
        return;
    }
    let mut sandbox = Sandbox::empty();
    let file = sandbox.write("passphrase", format!("{PASSPHRASE}\r\n"));
    let init = &mut with_passphrase(&sandbox, &file, &["init"]);
    sandbox.finish(init).succeeds();
    let unlocked = sandbox.run(&["identity"]).succeeds();

    enter_session();
    sandbox.refused(&["identity"]).exits(4);
    let identity = &mut with_passphrase(&sandbox, &file, &["identity"]);
    assert_eq!(sandbox.finish(identity).text(), unlocked.text());
}

// How long it stays open

#[test]
fn a_passphrase_is_given_once_in_a_session() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    sandbox.refused(&["get", "A"]).exits(4);
    unlock(&sandbox, &file);
    assert_eq!(
        sandbox.run(&["get", "A"]).says_nothing().text(),
        value_of("A")
    );
    sandbox.run_with_stdin(&["add", "B"], CANARY).succeeds();

    assert_snapshot!(sandbox.run(&["lock"]), @"
    --- stderr ---
    locked
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["lock"]), @"
    --- stderr ---
    nothing was unlocked in this session
    [exit 0]
    ");
    sandbox.refused(&["get", "A"]).exits(4);

    unlock(&sandbox, &file);
    enter_session();
    sandbox.refused(&["get", "A"]).exits(4);
}

/// It would come out the same, and be said to be new.
#[test]
fn a_new_passphrase_is_not_taken_from_where_the_old_one_is() {
    let (sandbox, file) = locked_with_passphrase();
    let before = sandbox.snapshot();
    let change = ["identity", "--new-passphrase"];
    let refusal = sandbox.finish(&mut with_passphrase(&sandbox, &file, &change));
    assert_snapshot!(refusal, @"
    --- stderr ---
    keyvault: error: where the old passphrase comes from, no new one does
    keyvault: hint: run it in a terminal, which asks; or run `keyvault identity --no-passphrase` first, and then change the file or the command
    [exit 2]
    ");
    assert!(sandbox.snapshot() == before, "something was left behind");
}

#[test]
fn a_script_does_not_wait_for_a_person_at_a_prompt() {
    let (sandbox, file) = locked_with_passphrase();
    let mut terminal = Terminal::start(&sandbox, &["get", "A"]);
    terminal.expect("Passphrase for ~/.config/keyvault/identity: ");
    unlock(&sandbox, &file);
}

#[test]
fn a_private_key_in_the_place_of_its_file_is_not_repeated() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let (secret, _) = identity();
    let by_option = sandbox.refused(&["get", "A", "-i", &secret]).exits(2);
    let sandbox = sandbox.variable("KEYVAULT_IDENTITY_FILE", &secret);
    let by_variable = sandbox.refused(&["get", "A"]).exits(2);
    let init = sandbox.refused(&["init", "--no-passphrase", "--vault", "new"]);
    let exec = sandbox
        .refused(&["exec", "--json", "--", "true"])
        .exits(125);
    for refusal in [by_option, by_variable, init, exec] {
        let said = refusal.to_string();
        assert!(!said.contains(&secret[..20]), "it was repeated");
    }
}

#[test]
fn a_new_identity_is_open_in_the_session_that_made_it() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    unlock(&sandbox, &file);
    let mut terminal = Terminal::start(&sandbox, &["identity", "--new-passphrase"]);
    for prompt in ["New passphrase for your identity: ", "The same once more: "] {
        terminal.expect(prompt);
        terminal.enter("another");
    }
    assert_eq!(terminal.end().code, Some(0));
    sandbox.run(&["get", "A"]).succeeds();
    sandbox.run(&["lock"]).succeeds();
    sandbox.refused(&["get", "A"]).exits(4);
}

#[test]
fn unlock_says_for_how_long() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    let run = |arguments: &[&str]| {
        let command = &mut with_passphrase(&sandbox, &file, arguments);
        sandbox.finish(command).succeeds()
    };
    assert_snapshot!(run(&["unlock"]), @"
    --- stderr ---
    unlocked for this session, until 15m after its last use or 8h at most
    [exit 0]
    ");
    assert_snapshot!(run(&["unlock", "--for", "90m"]), @"
    --- stderr ---
    unlocked for this session, for 90m
    [exit 0]
    ");
    let json = run(&["unlock", "--for", "2h", "--json"]).json();
    assert_eq!(json["idle"], "2h", "{json}");
    assert!(json["until"].is_string(), "{json}");
    sandbox.run(&["get", "A"]).succeeds();
    run(&["unlock", "--for", "8h", "-q"]).says_nothing();
    sandbox.run(&["get", "A"]).succeeds();
}

#[test]
fn unlock_takes_eight_hours_at_most() {
    let (sandbox, _) = locked_with_passphrase();
    assert_snapshot!(sandbox.refused(&["unlock", "--for", "9h"]), @"
    --- stderr ---
    keyvault: error: an identity stays unlocked for 8h at most
    keyvault: hint: pass a time up to that, as in `--for 8h`
    [exit 2]
    ");
    sandbox.refused(&["unlock", "--for", "0s"]).exits(2);
    sandbox.refused(&["unlock", "--for", "soon"]).exits(2);
}

#[test]
fn there_is_nothing_to_unlock_without_a_passphrase() {
    if !has_session_cache() {
        return;
    }
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run(&["unlock"]), @"
    --- stderr ---
    keyvault: note: your identity has no passphrase, so there is nothing to unlock
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["lock"]), @"
    --- stderr ---
    nothing was unlocked in this session
    [exit 0]
    ");
}

#[test]
fn a_time_that_is_up_is_up() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    let unlock = &mut with_passphrase(&sandbox, &file, &["unlock", "--for", "2s"]);
    sandbox.finish(unlock).succeeds();
    // Though it is used all the time.
    eventually("it is locked again", || {
        sandbox.run(&["get", "A"]).code == Some(4)
    });
}

#[test]
fn lock_takes_back_the_others_when_the_time_of_one_is_up() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    let (plain, _) = identity();
    let other = sandbox.root().join("other");
    write_private(&other, sealed(plain.as_bytes(), PASSPHRASE));
    let brief = ["-i", text(&other), "unlock", "--for", "1s"];
    let brief = &mut with_passphrase(&sandbox, &file, &brief);
    sandbox.finish(brief).succeeds();
    unlock(&sandbox, &file);
    eventually("the time of one is up", || {
        sandbox.run(&["-i", text(&other), "identity"]).code == Some(4)
    });

    sandbox.run(&["lock"]).succeeds().says("locked");
    sandbox.refused(&["get", "A"]).exits(4);
}

/// However long somebody takes to type the passphrase.
#[test]
fn the_time_begins_when_it_is_unlocked() {
    if !has_session_cache() {
        return;
    }
    let sandbox = Sandbox::locked();
    let mut terminal = Terminal::start(&sandbox, &["unlock", "--for", "1s", "--json"]);
    terminal.expect("Passphrase for ~/.config/keyvault/identity: ");
    thread::sleep(Duration::from_millis(2100));
    let typed = jiff::Timestamp::now().as_second();
    terminal.enter(PASSPHRASE);
    let ending = terminal.end();
    let json: serde_json::Value = serde_json::from_str(&ending.text).expect("JSON");
    let until: jiff::Timestamp = json["until"]
        .as_str()
        .and_then(|until| until.parse().ok())
        .expect("a time");
    assert!(until.as_second() > typed, "it was over before: {ending}");
}

/// The kernel's own list of keys, of those that this session may see.
#[cfg(target_os = "linux")]
fn keys() -> Vec<Vec<String>> {
    let keys = read_to_string(Path::new("/proc/keys"));
    let ours = keys.lines().filter(|line| line.contains("keyvault"));
    ours.map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_kept_is_its_possessor_s_alone_and_has_an_end() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    assert!(keys().is_empty(), "it is another session's");
    unlock(&sandbox, &file);
    let kept = keys();
    // The identity, and the keyring that it is in.
    assert_eq!(kept.len(), 2, "{kept:?}");
    for fields in &kept {
        let rights = u32::from_str_radix(&fields[4], 16).expect("rights");
        assert_eq!(rights & 0x00ff_ffff, 0, "{fields:?}");
        assert!(!fields.concat().contains("AGE-SECRET"), "{fields:?}");
    }
    let end = |wanted: [&str; 2]| {
        let kept = keys();
        let key = kept.iter().find(|fields| fields[7] == "user");
        let end = key.expect("a key")[3].clone();
        assert!(wanted.contains(&end.as_str()), "{end}");
    };
    end(["14m", "15m"]);
    let hour = &mut with_passphrase(&sandbox, &file, &["unlock", "--for", "8h"]);
    sandbox.finish(hour).succeeds();
    end(["7h", "8h"]);
    // Using it does not make it longer, nor shorter.
    sandbox.run(&["get", "A"]).succeeds();
    end(["7h", "8h"]);

    sandbox.run(&["lock"]).succeeds();
    assert!(
        keys().iter().all(|fields| fields[7] != "user"),
        "it is kept"
    );
}

#[test]
fn a_program_under_exec_has_its_secrets_and_not_the_way_to_others() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    unlock(&sandbox, &file);
    let again = ["exec", "--", KEYVAULT, "get", "A"];
    assert_snapshot!(sandbox.run(&again), @"
    --- stderr ---
    keyvault: error: identity `[sandbox]/home/.config/keyvault/identity` wants its passphrase, and there is no terminal to ask on
    keyvault: hint: set `KEYVAULT_PASSPHRASE_FILE` or `KEYVAULT_IDENTITY`, or run `keyvault unlock` in a terminal of this session first
    [exit 4]
    ");
    // Not by the passphrase either, which was for keyvault.
    sandbox
        .finish(&mut with_passphrase(&sandbox, &file, &again))
        .exits(4);
    let verify = format!("{KEYVAULT} get A");
    let rotate = ["rotate", "A", "--verify", &verify];
    sandbox
        .run_with_stdin(&rotate, format!("new {CANARY}"))
        .exits(1);
    // And nobody else has lost it.
    sandbox.run(&["get", "A"]).succeeds();
}

#[test]
fn an_identity_that_is_replaced_is_asked_for_again() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    unlock(&sandbox, &file);
    let (plain, _) = identity();
    fs::write(sandbox.identity(), sealed(plain.as_bytes(), PASSPHRASE)).expect("written");
    sandbox.refused(&["identity"]).exits(4);
}

#[test]
fn an_identity_that_others_may_read_is_not_used_though_it_is_open() {
    if !has_session_cache() {
        return;
    }
    let (sandbox, file) = locked_with_passphrase();
    unlock(&sandbox, &file);
    fs::set_permissions(sandbox.identity(), PermissionsExt::from_mode(0o640)).expect("changed");
    assert_snapshot!(sandbox.refused(&["get", "A"]), @"
    --- stderr ---
    keyvault: error: identity `[sandbox]/home/.config/keyvault/identity` can be read by others (mode 0640)
    keyvault: hint: run `chmod 600 [sandbox]/home/.config/keyvault/identity`
    [exit 4]
    ");
}

#[test]
fn where_the_kernel_keeps_nothing_it_says_so_once() {
    let Some(strace) = tool("strace") else {
        return;
    };
    for error in ["EPERM", "ENOSYS"] {
        let (sandbox, file) = locked_with_passphrase();
        let run = |arguments: &[&str], passphrase: bool| {
            let mut command = sandbox.other(&strace);
            command.args(["-f", "-o", "/dev/null", "-e", "trace=keyctl,add_key"]);
            command.args(["-e", &format!("inject=keyctl,add_key:error={error}")]);
            command.arg(KEYVAULT).args(arguments);
            if passphrase {
                command.env(PASSPHRASE_FILE, &file);
            }
            sandbox.finish(&mut command)
        };
        let first = run(&["get", "A"], true).succeeds();
        assert_eq!(first.text(), value_of("A"));
        if error == "EPERM" {
            assert_snapshot!(first, @"
            --- stdout ---
            A canary-of-the-tests-not-a-key[no line feed]
            --- stderr ---
            keyvault: note: the kernel keeps no unlocked identity for this session: operation not permitted
            [exit 0]
            ");
        }
        run(&["get", "A"], true).succeeds().says_nothing();
        run(&["exec", "--", "true"], true).succeeds().says_nothing();
        let add = run(&["add", "B", "--generate", "20"], true);
        assert_eq!(add.succeeds().stderr, "added `B` to `dev` (version 1)\n");

        run(&["get", "A"], false).exits(4);
        let unlock = run(&["unlock"], true).exits(4);
        if error == "EPERM" {
            assert_snapshot!(unlock, @"
            --- stderr ---
            keyvault: error: the kernel keeps no unlocked identity for this session: operation not permitted
            keyvault: hint: the passphrase is asked each time; `KEYVAULT_PASSPHRASE_FILE` serves scripts
            [exit 4]
            ");
        }
        run(&["lock"], false).exits(4);
    }
}

// ssh keys

#[test]
fn an_ssh_key_is_an_identity_as_well() {
    let Some(keygen) = tool("ssh-keygen") else {
        return;
    };
    if !has_session_cache() {
        return;
    }
    for passphrase in ["", PASSPHRASE] {
        let mut sandbox = Sandbox::empty();
        let file = sandbox.write("passphrase", passphrase);
        let key = sandbox.root().join("id_ed25519");
        let mut make = sandbox.other(&keygen);
        make.args(["-q", "-t", "ed25519", "-N", passphrase, "-f", text(&key)]);
        sandbox.finish(&mut make).succeeds();
        let run = |arguments: &[&str], stdin: &str| {
            let mut command = sandbox.command(&[&["-i", text(&key)], arguments].concat());
            if !passphrase.is_empty() {
                command.env(PASSPHRASE_FILE, &file);
            }
            sandbox.finish_with_stdin(&mut command, stdin).succeeds()
        };
        run(&["init"], "");
        run(&["add", "A"], CANARY);
        assert_eq!(run(&["get", "A"], "").says_nothing().text(), CANARY);
        assert!(run(&["identity"], "").text().starts_with("ssh-ed25519 "));
        // Kept by now, so that nobody has to give it again.
        let get = sandbox.run(&["-i", text(&key), "get", "A"]);
        assert_eq!(get.succeeds().text(), CANARY);
        enter_session();
        let get = sandbox.run(&["-i", text(&key), "get", "A"]);
        get.exits(if passphrase.is_empty() { 0 } else { 4 });
    }
}
