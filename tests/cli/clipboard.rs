//! `get --clipboard`: with stand-ins for the tools, which write down what they are
//! given, and in a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;

use crate::sandbox::{CANARY, Sandbox, text, value_of};
use crate::terminal::{Terminal, eventually, is_alive};

/// A clipboard that is a file.
struct Clipboard {
    contents: PathBuf,
    /// All that ever was in it.
    copied: PathBuf,
    /// How the tools were called, each line with the process that called.
    calls: PathBuf,
}

impl Clipboard {
    /// Puts stand-ins for the tools, and nothing else, before the others in `PATH`.
    fn new(mut sandbox: Sandbox, display: &str) -> (Sandbox, Self) {
        let contents = sandbox.write("clipboard", "");
        let copied = sandbox.write("copied", "");
        let calls = sandbox.root().join("calls");
        let tools = sandbox.root().join("tools");
        fs::create_dir(&tools).expect("made");
        let script = format!(
            "#!/bin/sh\necho \"$PPID ${{0##*/}} $*\" >>{0}\ncase \"${{0##*/}} $*\" in\n\
             *-out*|*output*|*paste*|*save-*) cat {1} ;;\n*delete-*|*clear*) : >{1} ;;\n*set-*) ;;\n*) cat | tee -a {2} >{1} ;;\nesac\n",
            text(&calls),
            text(&contents),
            text(&copied)
        );
        for tool in ["wl-copy", "wl-paste", "xclip", "xsel", "tmux"] {
            let path = tools.join(tool);
            fs::write(&path, &script).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        }
        let path = std::env::var("PATH").expect("set");
        let sandbox = sandbox
            .variable("PATH", format!("{}:{path}", text(&tools)))
            .variable(display, "there");
        (
            sandbox,
            Self {
                contents,
                copied,
                calls,
            },
        )
    }

    fn contents(&self) -> String {
        fs::read_to_string(&self.contents).expect("read")
    }

    fn calls(&self) -> String {
        fs::read_to_string(&self.calls).unwrap_or_default()
    }

    /// Waits for the guard to look, and then for its end.
    fn guard_ends(&self) {
        let guard = || {
            let calls = self.calls();
            let mut looks = calls.lines().filter(|call| {
                ["-out", "paste", "save-"]
                    .iter()
                    .any(|look| call.contains(look))
            });
            looks.next()?.split(' ').next()?.parse().ok()
        };
        eventually("the guard looks", || guard().is_some());
        let guard = guard().expect("it was there");
        eventually("the guard ends", || !is_alive(guard));
    }
}

#[test]
fn the_value_goes_by_the_tool_of_the_display_and_is_cleared() {
    for (display, tool) in [
        ("WAYLAND_DISPLAY", "wl-copy"),
        ("DISPLAY", "xclip"),
        ("TMUX", "tmux"),
    ] {
        let (sandbox, clipboard) = Clipboard::new(Sandbox::with_secrets(&["A"]), display);

        let get = sandbox
            .run(&["get", "-c", "A", "--clear-after", "1s"])
            .succeeds();

        let copied = fs::read_to_string(&clipboard.copied).expect("read");
        assert_eq!(copied, value_of("A"), "{tool}");
        assert_eq!(get.text(), "", "{tool}");
        get.says(&format!("`A` is on the clipboard, by `{tool}`, for 1s"));
        clipboard.guard_ends();
        assert_eq!(clipboard.contents(), "", "{tool}");
        assert!(
            !clipboard.calls().contains(CANARY),
            "a value was an argument"
        );
    }
}

#[test]
fn what_was_copied_since_stays() {
    let (sandbox, clipboard) = Clipboard::new(Sandbox::with_secrets(&["A"]), "DISPLAY");
    sandbox
        .run(&["get", "-qc", "A", "--clear-after", "1s"])
        .succeeds()
        .says_nothing();
    fs::write(&clipboard.contents, "another").expect("written");

    clipboard.guard_ends();

    assert_eq!(clipboard.contents(), "another");
}

#[test]
fn without_a_display_it_goes_through_the_terminal() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let mut terminal = Terminal::start(
        &sandbox,
        &["get", "A", "--clipboard", "--clear-after", "1s"],
    );

    let value = BASE64_STANDARD.encode(value_of("A"));
    terminal.expect(&format!("\u{1b}]52;c;{value}\u{7}"));
    terminal.expect(
        "`A` went to the terminal's clipboard (OSC 52), if it has one; in 1s it is cleared",
    );
    terminal.expect("\u{1b}]52;c;\u{7}");
    assert_eq!(terminal.end().code, Some(0));
}

#[test]
fn what_cannot_be_pasted_is_refused() {
    let mut sandbox = Sandbox::with_secrets(&["A", "B"]);
    assert_snapshot!(sandbox.refused(&["get", "-c", "A"]), @"
    --- stderr ---
    keyvault: error: `A` does not go to the clipboard: there is neither a tool for it (`wl-copy`, `xclip`, `xsel`) with a display nor a terminal
    keyvault: hint: run `keyvault get A` to have it on stdout
    [exit 1]
    ");
    let long = sandbox.write("long", "x".repeat(74_995));
    sandbox
        .run(&["add", "LONG", "--from-file", text(&long)])
        .succeeds();
    let end = Terminal::start(&sandbox, &["get", "-c", "LONG"]).end();
    assert_eq!(end.code, Some(1));
    assert!(
        end.text
            .contains("it has 74995 bytes, and a terminal takes 74994 at most"),
        "{end}"
    );
    assert!(!end.text.contains("]52"), "{end}");

    let (sandbox, clipboard) = Clipboard::new(sandbox, "DISPLAY");
    sandbox.run_with_stdin(&["add", "NUL"], "a\0b").succeeds();
    for (arguments, code, words) in [
        (&["get", "-c", "NUL"][..], 1, "it holds a NUL byte"),
        (&["get", "-c", "A", "B"], 2, "the value of one secret"),
        (&["get", "-c", "A", "--json"], 2, "the value of one secret"),
        (
            &["get", "-c", "A", "--clear-after", "0s"],
            2,
            "`--clear-after 45s`",
        ),
        (&["get", "-c", "A", "--clear-after", "2h"], 2, "1h at most"),
        (
            &["get", "A", "--clear-after", "1s"],
            2,
            "`--clipboard` is missing",
        ),
        (&["get", "-c", "MISSING"], 3, "no secret named `MISSING`"),
        (&["clipboard-guard", "xclip", "1"], 2, "keyvault's own"),
    ] {
        let refused = sandbox.refused(arguments).exits(code).says(words);
        assert_eq!(refused.text(), "", "{arguments:?}");
    }
    assert_eq!(clipboard.calls(), "");
}

#[test]
fn a_tool_that_fails_is_an_error() {
    let (sandbox, _) = Clipboard::new(Sandbox::with_secrets(&["A"]), "DISPLAY");
    fs::write(sandbox.root().join("tools/xclip"), "#!/bin/sh\nexit 3\n").expect("written");

    let get = sandbox.refused(&["get", "-c", "A", "--clear-after", "1s"]);

    assert_snapshot!(get, @"
    --- stderr ---
    keyvault: error: `A` does not go to the clipboard: `xclip` ended with 3
    keyvault: hint: run `keyvault get A` to have it on stdout
    [exit 1]
    ");
}
