use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::sandbox::{KEYVAULT, Sandbox, Transcript};
use crate::terminal::Terminal;

/// A text of which a terminal would obey each part.
const EVIL: &str = "\u{1b}]0;x\u{7}\u{7f}\u{9b}2J\u{202e}";

/// Puts a log in the place of the one that is there, in segments as they are given.
fn forge(sandbox: &Sandbox, segments: &[&[String]]) {
    let folder = log(sandbox);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("made");
    let mut number = 1;
    for lines in segments {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(folder.join(format!("{number:012}.jsonl")), text).expect("written");
        number += lines.len();
    }
}

/// The folder of the log, which is named as the one of the pins is.
fn log(sandbox: &Sandbox) -> PathBuf {
    let pins = fs::read_dir(sandbox.pins()).expect("listed").next();
    let pins = pins.expect("one vault was seen").expect("listed");
    sandbox.audit().join(pins.file_name())
}

/// A line: a read of `A` by npm at noon of a day in November 2026, with what is changed.
fn line(number: u64, day: u32, changes: Value) -> String {
    let mut line = json!({
        "line": number, "time": format!("2026-11-{day:02}T12:00:00Z"), "command": "exec",
        "environments": ["dev"], "names": ["A@1"], "outcome": "ok",
        "identity": "age1made-up", "pid": 7, "program": "npm", "parents": ["zsh", "tmux"],
    });
    for (field, value) in changes.as_object().expect("an object") {
        line[field] = value.clone();
    }
    line["prev"] = "00".into();
    line["mac"] = format!("mac-of-{number}").into();
    line.to_string()
}

/// A log of some uses.
fn some() -> Vec<String> {
    vec![
        line(
            1,
            1,
            json!({ "command": "add", "names": ["A"], "program": null }),
        ),
        line(2, 2, json!({})),
        line(
            3,
            3,
            json!({ "command": "get", "names": ["B@2"], "program": null, "environments": ["base", "prod"],
                    "parents": ["deploy.sh", "bash", "runner"], "ci": "github", "reason": "ticket 42" }),
        ),
        line(
            4,
            4,
            json!({ "command": "get", "names": ["B"], "program": null, "outcome": "refused", "error": "revoked" }),
        ),
        line(
            5,
            5,
            json!({ "names": ["A@1", "B@2", "C@1", "D@7", "E@1"], "agent": "claude", "allowed": ["expired"] }),
        ),
        line(
            6,
            6,
            json!({ "identity": null, "names": [], "environments": [], "outcome": "refused", "error": "wrong-passphrase" }),
        ),
    ]
}

fn with(lines: &[String]) -> Sandbox {
    let sandbox = Sandbox::new();
    forge(&sandbox, &[lines]);
    sandbox
}

/// The numbers of the lines that an answer has.
fn numbers(transcript: Transcript) -> Vec<u64> {
    let json = transcript.succeeds().json();
    let lines = json["lines"].as_array().expect("a list");
    let numbers = lines.iter().map(|line| line["line"].as_u64());
    numbers.collect::<Option<_>>().expect("numbers")
}

/// Makes sure that no part of a text is obeyed by a terminal.
#[track_caller]
fn is_harmless(text: &str) {
    let obeyed = |c: char| (c.is_control() && !"\n\r\t".contains(c)) || c == '\u{202e}';
    assert!(!text.contains(obeyed), "{text:?}");
}

#[test]
fn shows_who_used_what() {
    let sandbox = with(&some());

    assert_snapshot!(sandbox.run(&["audit"]).succeeds(), @"
    --- stdout ---
    TIME                  COMMAND  ENVIRONMENT  SECRETS           OUTCOME                    PROGRAM  FROM                 UNDER   REASON
    2026-11-01T12:00:00Z  add      dev          A                 ok                                  zsh < tmux
    2026-11-02T12:00:00Z  exec     dev          A@1               ok                         npm      zsh < tmux
    2026-11-03T12:00:00Z  get      base,prod    B@2               ok                                  deploy.sh < bash +1  github  ticket 42
    2026-11-04T12:00:00Z  get      dev          B                 refused, revoked                    zsh < tmux
    2026-11-05T12:00:00Z  exec     dev          A@1, B@2, C@1 +2  ok, expired allowed        npm      zsh < tmux           claude
    2026-11-06T12:00:00Z  exec                                    refused, wrong-passphrase  npm      zsh < tmux
    [exit 0]
    ");
    assert_snapshot!(sandbox.run(&["audit", "-q"]).succeeds(), @"
    --- stdout ---
    2026-11-01T12:00:00Z	add	ok	A
    2026-11-02T12:00:00Z	exec	ok	A@1
    2026-11-03T12:00:00Z	get	ok	B@2
    2026-11-04T12:00:00Z	get	refused	B
    2026-11-05T12:00:00Z	exec	ok	A@1,B@2,C@1,D@7,E@1
    2026-11-06T12:00:00Z	exec	refused	
    [exit 0]
    ");
}

#[test]
fn json_has_the_lines_whole() {
    let sandbox = with(&some());

    let json = sandbox
        .run(&["audit", "-n", "2", "--json"])
        .succeeds()
        .json();

    assert_eq!(
        (&json["earlier"], &json["unreadable"]),
        (&json!(4), &json!(0))
    );
    let names = json!(["A@1", "B@2", "C@1", "D@7", "E@1"]);
    assert_eq!(json["lines"][0]["names"], names);
    assert_eq!(json["lines"][0]["parents"], json!(["zsh", "tmux"]));
    assert_eq!(json["lines"][1]["error"], "wrong-passphrase");
}

#[test]
fn each_option_chooses_lines() {
    let sandbox = with(&some());
    for (options, expected) in [
        (&["--secret", "B"][..], &[3, 4, 5][..]),
        (&["--secret", "[C-E]"], &[5]),
        (&["--secret", "C,B", "--command", "get"], &[3, 4]),
        (&["--command", "get,add"], &[1, 3, 4]),
        (&["--program", "npm"], &[2, 5, 6]),
        (&["--program", "bash"], &[3]),
        (&["--outcome", "refused"], &[4, 6]),
        (&["--outcome", "ok,refused", "-n", "1"], &[6]),
        (&["--by", "age1made-up"], &[1, 2, 3, 4, 5]),
        (&["--by", "nobody"], &[]),
        (&["--since", "2026-11-05"], &[5, 6]),
        (&["--until", "2026-11-02T12:00:00Z"], &[1]),
        (&["--since", "2026-11-02", "--until", "2026-11-04"], &[2, 3]),
        // What names none may have been of any.
        (&["--env", "prod"], &[3, 6]),
        (&["-n", "0"], &[]),
    ] {
        let arguments = [&["audit", "--json"], options].concat();
        assert_eq!(numbers(sandbox.run(&arguments)), expected, "{options:?}");
    }
}

#[test]
fn a_length_of_time_is_counted_back_from_now() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let listed = sandbox.run(&["list", "--json"]).json();
    let now = &listed["secrets"][0]["created_at"];
    let lines = [
        line(1, 1, json!({ "time": "2026-01-01T00:00:00Z" })),
        line(2, 2, json!({ "time": now })),
    ];
    forge(&sandbox, &[&lines]);

    assert_eq!(
        numbers(sandbox.run(&["audit", "--since", "12h", "--json"])),
        [2]
    );
    assert_eq!(
        numbers(sandbox.run(&["audit", "--until", "12h", "--json"])),
        [1]
    );
    let exported = sandbox
        .run(&["audit", "export", "--since", "12h"])
        .succeeds();
    assert_eq!(exported.text(), format!("{}\n", lines[1]));
    let report = sandbox.run(&["audit", "report", "--since", "12h", "--json"]);
    assert_eq!(report.succeeds().json()["lines"], 1);
}

#[test]
fn the_last_fifty_are_shown_and_the_others_counted() {
    let lines: Vec<String> = (1..=52).map(|number| line(number, 1, json!({}))).collect();
    let sandbox = with(&lines);

    let run = sandbox.run(&["audit", "-q"]).succeeds().says_nothing();
    assert_eq!(run.text().lines().count(), 50);
    let run = sandbox.run(&["audit"]).succeeds();
    assert_eq!(
        run.stderr,
        "keyvault: note: there are 2 lines before these; `-n` shows more\n"
    );
    let run = sandbox.run(&["audit", "-n", "51"]).succeeds();
    assert_eq!(
        run.stderr,
        "keyvault: note: there is one line before these; `-n` shows more\n"
    );
    let run = sandbox
        .run(&["audit", "-n", "52"])
        .succeeds()
        .says_nothing();
    assert_eq!(run.text().lines().count(), 53);
}

#[test]
fn a_member_is_meant_by_name_and_named_where_there_are_several() {
    let sandbox = Sandbox::new();
    let identity = sandbox.run(&["identity"]).succeeds();
    let recipient = identity.text().split(' ').next().expect("a recipient");
    forge(
        &sandbox,
        &[&[
            line(1, 1, json!({})),
            line(2, 2, json!({ "identity": recipient })),
        ]],
    );

    assert_eq!(
        numbers(sandbox.run(&["audit", "--by", "alice", "--json"])),
        [2]
    );
    assert_snapshot!(sandbox.run(&["audit"]).succeeds(), @"
    --- stdout ---
    TIME                  COMMAND  ENVIRONMENT  SECRETS  OUTCOME  PROGRAM  FROM        BY
    2026-11-01T12:00:00Z  exec     dev          A@1      ok       npm      zsh < tmux  age1made-up
    2026-11-02T12:00:00Z  exec     dev          A@1      ok       npm      zsh < tmux  alice
    [exit 0]
    ");
    // Where it is always the same one, that is nothing to tell.
    let run = sandbox.run(&["audit", "--by", "alice"]).succeeds();
    assert!(!run.text().contains("BY"), "{run}");
}

#[test]
fn a_vault_without_a_log_says_so() {
    let sandbox = Sandbox::new();
    let _ = fs::remove_dir_all(log(&sandbox));

    assert_snapshot!(sandbox.run(&["audit"]).succeeds(), @"
    --- stderr ---
    keyvault: note: nothing was logged of this vault yet
    [exit 0]
    ");
    let run = sandbox.run(&["audit", "--json"]).succeeds();
    assert_eq!(run.json()["lines"], json!([]));
    sandbox
        .run(&["audit", "report"])
        .succeeds()
        .says("nothing was logged since");
    let exported = sandbox.run(&["audit", "export"]).succeeds().says_nothing();
    assert_eq!(exported.text(), "");
    forge(&sandbox, &[&some()]);
    assert_snapshot!(sandbox.run(&["audit", "--secret", "X"]).succeeds(), @"
    --- stderr ---
    keyvault: note: no line of the log is one of those
    [exit 0]
    ");
}

#[test]
fn nobody_is_asked_for_a_passphrase() {
    let sandbox = Sandbox::locked();
    forge(&sandbox, &[&some()]);
    for arguments in [&["audit"][..], &["audit", "report"], &["audit", "export"]] {
        let run = sandbox.run(arguments).succeeds();
        assert!(!run.text().is_empty(), "{run}");
    }
}

#[test]
fn nothing_is_written_by_looking() {
    let sandbox = with(&some());
    let before = sandbox.whole_snapshot();
    for arguments in [&["audit"][..], &["audit", "report"], &["audit", "export"]] {
        sandbox.run(arguments).succeeds();
    }
    sandbox.run(&["audit", "--since", "tomorrow"]).exits(2);
    assert!(
        sandbox.whole_snapshot() == before,
        "something was left behind"
    );
}

/// Six weeks of work, and what stands out in the last of them.
fn six_weeks() -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |time: String, changes: Value| {
        let mut line: Value = serde_json::from_str(&line(1, 1, changes)).expect("JSON");
        line["line"] = (lines.len() + 1).into();
        line["time"] = time.into();
        lines.push(line.to_string());
    };
    for (month, day) in (1..=31)
        .map(|day| (10, day))
        .chain((1..=11).map(|day| (11, day)))
    {
        for hour in [9, 12, 15] {
            add(format!("2026-{month}-{day:02}T{hour:02}:00:00Z"), json!({}));
        }
    }
    for n in 0..25 {
        let names = json!([format!("S{n}@1")]);
        let changes =
            json!({ "command": "get", "names": names, "program": null, "parents": ["python3"] });
        add(format!("2026-11-12T03:00:{n:02}Z"), changes);
    }
    for n in 0..3 {
        let changes = json!({ "identity": null, "names": [], "outcome": "refused", "error": "wrong-passphrase" });
        add(format!("2026-11-12T09:00:{n:02}Z"), changes);
    }
    lines
}

#[test]
fn the_report_says_what_stands_out_and_why() {
    let sandbox = with(&six_weeks());
    let report = ["audit", "report", "--since", "2026-11-01"];

    assert_snapshot!(sandbox.run(&[&report[..], &["-q"]].concat()).succeeds(), @"
    --- stdout ---
    failed-unlocks	2026-11-12T09:00:00Z	3 passphrases within 2s did not open the identity, and it was not used in the ten minutes behind them
    burst	2026-11-12T03:00:00Z	25 reads in ten minutes, of 25 secrets, among others by `python3`; the busiest ten minutes of the 30 days before had 1
    first-seen	2026-11-12T03:00:00Z	the program `python3` reads for the first time: 25 reads of `S0@1`, `S10@1`, `S11@1` and 22 more; none of the 126 reads in the 41d before was its own
    off-hours	2026-11-12T03:00:00Z	25 reads of `S0@1`, `S10@1`, `S11@1` and 22 more, first by `python3`; on 0 of the 42 days with reads before was anything read within an hour of 03:00 UTC
    [exit 0]
    ");
    let json = sandbox
        .run(&[&report[..], &["--json"]].concat())
        .succeeds()
        .json();
    assert_eq!(json["lines"], 11 * 3 + 25 + 3);
    assert_eq!(json["reads"][0]["name"], "A");
    assert_eq!(json["reads"][0]["days"]["2026-11-11"], 3);
    let burst = &json["findings"][1];
    assert_eq!(
        (&burst["kind"], &burst["lines"]),
        (&json!("burst"), &json!(25))
    );
    assert_eq!(
        (&burst["from"], &burst["line"]),
        (&json!("2026-11-12T03:00:00Z"), &json!(127))
    );
    assert_eq!(burst["names"].as_array().map(Vec::len), Some(25));

    // Before the last day there is nothing to tell.
    let calm = sandbox
        .run(&["audit", "report", "--since", "2026-11-13"])
        .succeeds();
    calm.says("nothing was logged since 2026-11-13T00:00:00Z");
}

#[test]
fn a_young_log_is_said_to_be_young() {
    let sandbox = with(&some());

    let run = sandbox
        .run(&["audit", "report", "--since", "2026-11-01"])
        .succeeds();

    let run = run.says(
        "the log is too young to know what is unusual: it has 3 reads on 3 days, and it takes 50 reads on 7 days, the first 14 days ago",
    );
    assert!(!run.text().contains("first-seen"), "{run}");
}

#[test]
fn the_chart_is_numbers_in_a_pipe_and_bars_on_a_terminal() {
    let sandbox = with(&some());
    let report = ["audit", "report", "--since", "2026-11-01"];

    let run = sandbox.run(&report).succeeds();
    let row = run.text().lines().nth(1).expect("a row");
    let numbers = row.split_whitespace().last().expect("numbers");
    let numbers: Vec<u64> = numbers
        .split(',')
        .map(|number| number.parse().expect("one"))
        .collect();
    // How many days stand for one number depends on today.
    assert_eq!(numbers.iter().sum::<u64>(), 2, "{run}");

    for (locale, bar, nothing) in [("C.UTF-8", "█", "·"), ("C", "#", ".")] {
        let sandbox = with(&some()).variable("LC_ALL", locale);
        let shown = Terminal::start(&sandbox, &report).end().text;
        let row = shown
            .lines()
            .find(|line| line.starts_with("A "))
            .expect("a row");
        let bars = row.split_whitespace().last().expect("bars");
        assert!(bars.starts_with(bar), "{locale}: {shown}");
        assert!(
            bars.chars()
                .all(|c| c.to_string() == bar || c.to_string() == nothing),
            "{bars}"
        );
    }
}

#[test]
fn an_export_is_what_the_log_has() {
    let lines = some();
    let sandbox = Sandbox::new();
    forge(&sandbox, &[&lines[..2], &lines[2..]]);
    let text = |lines: &[String]| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };

    let all = sandbox.run(&["audit", "export"]).succeeds().says_nothing();
    assert_eq!(all.text(), text(&lines));
    // Already JSON, and no document with a schema of ours around it.
    assert_eq!(
        sandbox.run(&["audit", "export", "--json"]).text(),
        text(&lines)
    );
    let some = [
        "audit",
        "export",
        "--since",
        "2026-11-02",
        "--until",
        "2026-11-05",
    ];
    assert_eq!(sandbox.run(&some).succeeds().text(), text(&lines[1..4]));
    assert_eq!(
        sandbox.run(&["audit", "export", "-e", "prod"]).text(),
        text(&[lines[2].clone(), lines[5].clone()])
    );
}

#[test]
fn an_export_goes_into_a_file_of_its_owner() {
    let lines = some();
    let sandbox = with(&lines);
    let file = sandbox.project().join("audit.jsonl");

    sandbox
        .run(&["audit", "export", "-o", "audit.jsonl"])
        .succeeds()
        .says_nothing();
    let written = fs::read_to_string(&file).expect("read");
    assert_eq!(written.lines().collect::<Vec<_>>(), lines);
    assert_eq!(
        fs::metadata(&file).expect("there").permissions().mode() & 0o777,
        0o600
    );

    sandbox
        .refused(&[
            "audit",
            "export",
            "--since",
            "2026-11-05",
            "-o",
            "audit.jsonl",
        ])
        .exits(2);
    let again = [
        "audit",
        "export",
        "--since",
        "2026-11-05",
        "-o",
        "audit.jsonl",
        "--yes",
        "--json",
    ];
    let written = sandbox.run(&again).succeeds().json();
    assert_eq!(
        (&written["lines"], &written["unreadable"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(fs::read_to_string(&file).expect("read").lines().count(), 2);
}

#[test]
fn an_export_that_fails_leaves_the_file_before_it() {
    let lines = some();
    let sandbox = with(&lines);
    let file = sandbox.project().join("audit.jsonl");
    fs::write(&file, "the one before").expect("written");
    // The second segment cannot be read as one.
    fs::create_dir(log(&sandbox).join(format!("{:012}.jsonl", lines.len() + 1))).expect("made");

    sandbox
        .refused(&["audit", "export", "-o", "audit.jsonl", "--yes"])
        .exits(1);
    sandbox.run(&["audit", "export"]).exits(1);
    assert_eq!(fs::read_to_string(&file).expect("read"), "the one before");
}

#[test]
fn a_log_is_exported_and_read_that_memory_does_not_hold() {
    const LINES: u64 = 40_000;
    let folder = "x".repeat(1000);
    let lines = (1..=LINES).map(|number| line(number, 1, json!({ "folder": folder })));
    let sandbox = with(&lines.collect::<Vec<_>>());
    // In KiB, of address space: less than the log is long.
    let limited = |rest: &str| {
        let script = format!("ulimit -v 40000 && exec {KEYVAULT} audit {rest} | wc -l");
        sandbox.finish(
            sandbox
                .other("bash")
                .args(["-o", "pipefail", "-c", &script]),
        )
    };
    assert!(
        fs::metadata(log(&sandbox).join("000000000001.jsonl"))
            .expect("there")
            .len()
            > 45 << 20
    );

    assert_eq!(
        limited("export").succeeds().text().trim(),
        LINES.to_string()
    );
    assert_eq!(limited("-q").succeeds().text().trim(), "50");
}

/// Lines with what a terminal obeys wherever there is room for it, and lines that are
/// none.
fn hostile() -> Vec<String> {
    let texts = json!([EVIL, EVIL]);
    let everywhere = json!({
        "command": format!("get{EVIL}"), "names": texts, "error": EVIL, "allowed": texts,
        "identity": EVIL, "program": EVIL, "parents": texts, "tty": EVIL, "folder": EVIL,
        "agent": EVIL, "ci": EVIL, "outcome": "refused",
    });
    vec![
        line(1, 1, json!({ "names": [EVIL] })),
        line(2, 2, everywhere),
        format!("garbage {EVIL}"),
        line(4, 4, json!({ "reason": EVIL })),
        line(5, 5, json!({ "environments": [EVIL] })),
        String::new(),
        "{}".to_owned(),
        line(8, 8, json!({})),
    ]
}

#[test]
fn nothing_in_a_log_is_obeyed_by_a_terminal() {
    let sandbox = with(&hostile());
    for arguments in [
        &["audit"][..],
        &["audit", "-q"],
        &["audit", "--json"],
        &["audit", "report"],
        &["audit", "report", "--json"],
        &["audit", "report", "-q"],
    ] {
        let run = sandbox
            .run(&[arguments, &["--since", "2026-01-01"]].concat())
            .succeeds();
        is_harmless(run.text());
        is_harmless(&run.stderr);
    }
    // Escaped, it is still the same text.
    let json = sandbox.run(&["audit", "--json"]).json();
    assert_eq!(json["lines"][1]["program"], EVIL);

    // A pipe gets the bytes of which the MAC is; a terminal does not.
    let lines = hostile();
    let expected = [0, 1, 7].map(|at: usize| lines[at].clone() + "\n").concat();
    assert_eq!(sandbox.run(&["audit", "export"]).text(), expected);
    let shown = Terminal::start(&sandbox, &["audit", "export"]).end().text;
    is_harmless(&shown);
    let second = shown
        .lines()
        .find(|line| line.contains("\"line\":2,"))
        .expect("shown");
    let second: Value = serde_json::from_str(second).expect("JSON");
    assert_eq!(second["folder"], EVIL);
}

#[test]
fn lines_that_do_not_read_are_left_out_and_told() {
    let sandbox = with(&hostile());
    for arguments in [&["audit"][..], &["audit", "report"], &["audit", "export"]] {
        let run = sandbox.run(arguments).succeeds();
        run.says("warning: 5 lines of the log do not read and were left out; run `keyvault audit verify` to see what was changed");
    }
    assert_eq!(sandbox.run(&["audit", "--json"]).json()["unreadable"], 5);
    assert_eq!(numbers(sandbox.run(&["audit", "--json"])), [1, 2, 8]);
}

/// A part of a log that looks like all of it would hide what is behind.
#[test]
fn a_log_that_cannot_be_read_to_its_end_is_a_failure() {
    let sandbox = with(&some());
    fs::create_dir(log(&sandbox).join("000000000099.jsonl")).expect("made");
    for arguments in [
        &["audit"][..],
        &["audit", "--json"],
        &["audit", "report"],
        &["audit", "report", "-q"],
    ] {
        let refusal = sandbox.refused(arguments).exits(1);
        assert_eq!(refusal.text(), "", "{refusal}");
        refusal.says("000000000099.jsonl`: it is not a regular file");
    }
    sandbox.run(&["audit", "export"]).exits(1);
    sandbox
        .run(&["status", "--ignore", "weak-identity"])
        .says("what is not used cannot be told: cannot read `");
}

#[test]
fn what_does_not_fit_is_refused() {
    let sandbox = with(&some());
    for arguments in [
        &["audit", "--since", "tomorrow"][..],
        &["audit", "--since", "-7d"],
        &["audit", "--until", "2026-02-30"],
        &["audit", "--outcome", "good"],
        &["audit", "--secret", "A B"],
        &["audit", "-n", "-1"],
        &["audit", "report", "--since", "x"],
        &["audit", "export", "--since", "x", "-o", "file"],
        &["audit", "STRIPE_KEY"],
        &["audit", "report", "more"],
    ] {
        sandbox.refused(arguments).exits(2);
    }
    assert_snapshot!(sandbox.refused(&["audit", "--since", "7d", "report"]), @"
    --- stderr ---
    keyvault: error: an option stands before the part of `audit` that it is not for
    keyvault: hint: put it behind, as in `keyvault audit report --since 7d`; those that choose lines go with `keyvault audit` alone
    [exit 2]
    ");
    assert_snapshot!(sandbox.refused(&["audit", "--since", "yesterday"]), @"
    --- stderr ---
    keyvault: error: `--since` has a value that does not fit: a time is `7d` ago, or a date as in `2026-12-31`, which begins at midnight UTC, or `2026-12-31T12:00:00Z`
    keyvault: hint: run `keyvault audit --help`
    [exit 2]
    ");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let lines: Vec<String> = (1..=5000)
        .map(|number| line(number, 1, json!({})))
        .collect();
    let sandbox = with(&lines);
    for rest in ["export", "-n 5000 -q"] {
        let script = format!("{KEYVAULT} audit {rest} | head -1");
        let run = sandbox.finish(
            sandbox
                .other("bash")
                .args(["-o", "pipefail", "-c", &script]),
        );
        assert_eq!(run.succeeds().says_nothing().text().lines().count(), 1);
    }
}

#[test]
fn the_options_of_every_command_stand_where_they_like() {
    let sandbox = with(&some());
    for arguments in [
        &["--json", "audit", "report"][..],
        &["audit", "--json", "report"],
        &["audit", "report", "--json"],
    ] {
        let json = sandbox.run(arguments).succeeds().json();
        assert!(json["findings"].is_array(), "{arguments:?}");
    }
    let there = sandbox.vault();
    let elsewhere = sandbox.finish(
        sandbox
            .command(&["audit", "-q", "--vault"])
            .arg(&there)
            .current_dir(Path::new("/")),
    );
    assert_eq!(elsewhere.succeeds().text().lines().count(), 6);
}

#[test]
fn each_way_out_is_counted_as_a_read_and_no_change_is() {
    let mut sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.write("template", "{{ A }}");
    sandbox.run(&["rotate", "A", "--generate", "20"]).succeeds();
    for (reads, arguments) in (1..).zip([
        &["get", "A"][..],
        &["exec", "--", "true"],
        &["export"],
        &["render", "template"],
        &["shell", "env", "direnv"],
    ]) {
        sandbox.run(arguments).succeeds();
        let report = sandbox
            .run(&["audit", "report", "--json"])
            .succeeds()
            .json();
        assert_eq!(report["reads"][0]["reads"], reads, "{arguments:?}");
    }

    let run = sandbox.run(&["audit", "--json"]).succeeds().json();
    let lines = run["lines"].as_array().expect("a list");
    let commands = lines.iter().map(|line| line["command"].as_str());
    let commands: Vec<&str> = commands.collect::<Option<_>>().expect("texts");
    assert_eq!(
        commands,
        [
            "init", "add", "rotate", "get", "exec", "export", "render", "shell"
        ]
    );
}

#[test]
fn passphrases_that_were_tried_are_told() {
    let sandbox = Sandbox::locked();
    let wrong = sandbox.home().join("wrong");
    fs::write(&wrong, "another one").expect("written");
    let sandbox = sandbox.variable("KEYVAULT_PASSPHRASE_FILE", &wrong);
    for _ in 0..3 {
        sandbox.run(&["get", "A"]).exits(4);
    }

    let run = sandbox.run(&["audit", "report", "-q"]).succeeds();

    assert!(run.text().starts_with("failed-unlocks\t"), "{run}");
    assert_eq!(
        numbers(sandbox.run(&["audit", "--outcome", "refused", "--json"])).len(),
        3
    );
}
