//! Clocks that are wrong, and times at which clocks on walls do strange things.

use std::process::Command;

use insta::assert_snapshot;

use crate::rewrite::{date, save_at};
use crate::sandbox::{CANARY, KEYVAULT, Sandbox, Transcript, tool, value_of, without_times};

/// Has keyvault believe in another time, which stands still. It is linked statically, so
/// that what it asks the system is answered by an emulator, and that one is lied to.
struct Faked {
    faketime: std::path::PathBuf,
    emulator: std::path::PathBuf,
}

impl Faked {
    fn find() -> Option<Self> {
        Some(Self {
            faketime: tool("faketime")?,
            emulator: tool(&format!("qemu-{}", std::env::consts::ARCH))?,
        })
    }

    /// A project with a vault that was made at this time, so that nothing in it has seen
    /// when the test really runs.
    fn sandbox(&self, zone: &str, now: &str) -> Sandbox {
        let sandbox = Sandbox::empty().variable("TZ", zone);
        self.run(&sandbox, now, &["init", "--no-passphrase"])
            .succeeds();
        sandbox
    }

    fn command(&self, sandbox: &Sandbox, now: &str, arguments: &[&str]) -> Command {
        let mut command = sandbox.other(&self.faketime);
        // It reads the time as one of the zone; what it starts may be in another.
        command.args(["-f", now]).arg(&self.emulator).arg(KEYVAULT);
        command.args(arguments);
        command
    }

    fn run(&self, sandbox: &Sandbox, now: &str, arguments: &[&str]) -> Transcript {
        sandbox.finish(&mut self.command(sandbox, now, arguments))
    }

    fn run_with_stdin(&self, sandbox: &Sandbox, now: &str, arguments: &[&str]) -> Transcript {
        sandbox.finish_with_stdin(&mut self.command(sandbox, now, arguments), CANARY)
    }
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_good_again() {
    let sandbox = Sandbox::with_secrets(&["A", "B"]);
    date(&sandbox, "A", "2098-12-31T00:00:00Z");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();

    // As if the last save had been made by the clock as it was before.
    save_at(&sandbox, "2099-01-01T00:00:00Z");

    assert_snapshot!(without_difference(&sandbox.run(&["get", "A"])), @"
    --- stderr ---
    keyvault: warning: this machine's clock says [time], [difference] before the newest save that it has seen, of [time]; dates are judged as of [time] (if the clock of that save was wrong, run `keyvault trust` after the next one)
    keyvault: error: `A` in environment `dev` has expired (version 1, at [time])
    keyvault: hint: run `keyvault rotate A --env dev` to give it a new value, or `keyvault expire A@1 [difference] --env dev` if it is good for longer
    [exit 5]
    ");
    assert_snapshot!(without_difference(&sandbox.run(&["get", "B"])), @"
    --- stdout ---
    B canary-of-the-tests-not-a-key[no line feed]
    --- stderr ---
    keyvault: warning: this machine's clock says [time], [difference] before the newest save that it has seen, of [time]; dates are judged as of [time] (if the clock of that save was wrong, run `keyvault trust` after the next one)
    [exit 0]
    ");
    sandbox.run(&["get", "B", "-q"]).succeeds().says_nothing();
    sandbox.run(&["exec", "--", "true"]).exits(125);
    let status = sandbox.run(&["status"]).exits(8);
    assert!(status.text().contains("expired"), "{status}");
    // It is said once, however often something is opened.
    let add = sandbox.run_with_stdin(&["add", "C"], "made-up").succeeds();
    assert_eq!(add.stderr.matches("warning").count(), 1, "{add}");
    // And a save by the clock as it is does not make it forgotten.
    sandbox
        .run(&["get", "A"])
        .exits(5)
        .says("this machine's clock says");
    let late = sandbox.run_with_stdin(&["add", "D", "--expires", "2098-12-31"], "made-up");
    late.exits(2).says("it is 2099-01-01T00:00:00Z");
    let given = sandbox.run(&["get", "A", "--allow-expired"]).succeeds();
    assert_eq!(given.text(), value_of("A"));
}

#[test]
fn a_save_by_a_clock_far_ahead_is_forgotten_on_a_person_s_word() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    date(&sandbox, "A", "2098-12-31T00:00:00Z");
    save_at(&sandbox, "2099-01-01T00:00:00Z");

    // As long as it is the last one there is nothing better to go by.
    sandbox
        .run(&["trust"])
        .succeeds()
        .says("is as this machine saw it last");
    sandbox.run(&["get", "A"]).exits(5);
    sandbox.add("B", "made-up");
    sandbox.run(&["get", "A"]).exits(5);
    assert_snapshot!(sandbox.refused(&["trust"]), @"
    --- stderr ---
    environment `dev` was saved by a clock that said 2099-01-01T00:00:00Z, and by an earlier one since: by that dates would be judged again
    keyvault: error: `Trust environment dev as it is now?` was not asked: there is no terminal, or input is switched off
    keyvault: hint: pass `--yes` to say yes beforehand
    [exit 2]
    ");
    assert_snapshot!(sandbox.run(&["trust", "--yes"]), @"
    --- stderr ---
    environment `dev` was saved by a clock that said 2099-01-01T00:00:00Z, and by an earlier one since: by that dates would be judged again
    environment `dev` is trusted as it is now (revision 3)
    [exit 0]
    ");
    sandbox.run(&["get", "A"]).succeeds().says_nothing();
    sandbox
        .run(&["trust"])
        .succeeds()
        .says("is as this machine saw it last");
}

/// A text without the times of the run and what lies between them.
fn without_difference(transcript: &Transcript) -> String {
    let text = without_times(transcript);
    let words = text.split_inclusive(' ').map(|word| {
        let digits = word.trim_end().strip_suffix(['d', 'y']).unwrap_or_default();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { "[difference] " } else { word }
    });
    words.collect()
}

#[test]
fn a_save_by_a_clock_that_is_a_little_ahead_is_ordinary() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    let soon = jiff::Timestamp::now().as_second() + 30 * 60;
    let soon = jiff::Timestamp::from_second(soon)
        .expect("in range")
        .to_string();
    let before = jiff::Timestamp::now().as_second() + 20 * 60;
    let before = jiff::Timestamp::from_second(before)
        .expect("in range")
        .to_string();
    date(&sandbox, "A", &before);
    sandbox.run(&["get", "A"]).succeeds().says_nothing();

    save_at(&sandbox, &soon);

    let refused = sandbox.run(&["get", "A"]).exits(5);
    assert!(!refused.stderr.contains("clock"), "{refused}");
}

#[test]
fn an_older_commit_is_judged_by_the_time_that_was_seen() {
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.make_git_work_tree();
    date(&sandbox, "A", "2098-12-31T00:00:00Z");
    let older = std::fs::read(sandbox.dev()).expect("read");
    save_at(&sandbox, "2099-01-01T00:00:00Z");
    std::fs::write(sandbox.dev(), older).expect("written");

    sandbox
        .run(&["get", "A"])
        .exits(5)
        .says("this machine's clock says");
}

#[test]
fn the_zone_of_who_looks_plays_no_part() {
    for zone in ["UTC", "America/New_York", "Pacific/Kiritimati"] {
        let sandbox = Sandbox::with_secrets(&["A"]).variable("TZ", zone);

        let json = sandbox.run(&["expire", "A", "2099-03-08", "--json"]).json();

        assert_eq!(json["expires_at"], "2099-03-08T00:00:00Z", "{zone}");
        let list = sandbox.run(&["list"]);
        assert!(list.text().contains("2099-03-08T00:00:00Z"), "{list}");
    }
}

#[test]
fn days_have_24_hours_whatever_the_calendar_does() {
    let Some(faked) = Faked::find() else { return };
    for (zone, now, period, expected) in [
        // In New York the hour from 2 to 3 does not come, and later one comes twice.
        (
            "America/New_York",
            "2027-03-14 01:30:00",
            "1h",
            "2027-03-14T07:30:00Z",
        ),
        (
            "America/New_York",
            "2027-03-13 12:00:00",
            "1d",
            "2027-03-14T17:00:00Z",
        ),
        (
            "America/New_York",
            "2027-11-06 12:00:00",
            "1d",
            "2027-11-07T16:00:00Z",
        ),
        ("UTC", "2028-02-28 12:00:00", "1d", "2028-02-29T12:00:00Z"),
        ("UTC", "2027-02-28 12:00:00", "1d", "2027-03-01T12:00:00Z"),
        ("UTC", "2027-12-31 23:59:59", "1s", "2028-01-01T00:00:00Z"),
    ] {
        let sandbox = faked.sandbox(zone, now);
        let run = |arguments: &[&str]| faked.run(&sandbox, now, arguments).succeeds();
        let add = ["add", "A", "--expires", period, "--rotate-every", period];
        faked.run_with_stdin(&sandbox, now, &add).succeeds();

        let list = run(&["list", "--json"]).json();
        let policy = run(&["policy", "--json"]).json();

        assert_eq!(list["secrets"][0]["expires_at"], expected, "{zone} {now}");
        assert_eq!(policy["secrets"][0]["due_at"], expected, "{zone} {now}");
        run(&["get", "A"]);
    }
}

#[test]
fn a_value_is_served_up_to_its_second_and_not_in_it() {
    let Some(faked) = Faked::find() else { return };
    let begin = "2027-12-31 00:00:00";
    let sandbox = faked.sandbox("UTC", begin);
    let add = ["add", "A", "--expires", "2028-02-29"];
    faked.run_with_stdin(&sandbox, begin, &add).succeeds();
    let get = |now: &str| faked.run(&sandbox, now, &["get", "A"]);

    get("2028-02-28 23:59:59").succeeds().says_nothing();
    get("2028-02-29 00:00:00").exits(5);
    // Opening is no save: what was seen is what others have written.
    get("2028-02-28 23:59:59").succeeds();
    faked
        .run_with_stdin(&sandbox, "2028-02-29 01:30:00", &["add", "B"])
        .succeeds();
    let back = get("2028-02-28 23:59:59").exits(5);
    assert_snapshot!(back, @"
    --- stderr ---
    keyvault: warning: this machine's clock says 2028-02-28T23:59:59Z, 1h before the newest save that it has seen, of 2028-02-29T01:30:00Z; dates are judged as of 2028-02-29T01:30:00Z (if the clock of that save was wrong, run `keyvault trust` after the next one)
    keyvault: error: `A` in environment `dev` has expired (version 1, at 2028-02-29T00:00:00Z)
    keyvault: hint: run `keyvault rotate A --env dev` to give it a new value, or `keyvault expire A@1 30d --env dev` if it is good for longer
    [exit 5]
    ");
}

#[test]
fn a_clock_in_1970_is_named_and_not_believed() {
    let Some(faked) = Faked::find() else { return };
    let epoch = "1970-01-01 00:00:10";
    let empty = Sandbox::empty().variable("TZ", "UTC");
    assert_snapshot!(faked.run(&empty, epoch, &["init", "--no-passphrase"]), @"
    --- stderr ---
    keyvault: warning: this machine's clock cannot be right: it says 1970-01-01T00:00:10Z, and keyvault was begun in 2026
    made your identity `~/.config/keyvault/identity`, WITHOUT a passphrase: whoever reads this file opens your vaults
    made vault `[sandbox]/project/.keyvault` with environment `dev`, member `alice`
    next: `keyvault add NAME`, then `keyvault exec -- PROGRAM`
    [exit 0]
    ");

    let sandbox = Sandbox::with_secrets(&["A", "B"]).variable("TZ", "UTC");
    date(&sandbox, "A", "2020-01-01T00:00:00Z");
    let run = |arguments: &[&str]| faked.run(&sandbox, epoch, arguments);
    assert_snapshot!(without_times(&run(&["get", "A"])), @"
    --- stderr ---
    keyvault: warning: this machine's clock cannot be right: it says [time], and keyvault was begun in 2026; dates are judged as of [time]
    keyvault: error: `A` in environment `dev` has expired (version 1, at [time])
    keyvault: hint: run `keyvault rotate A --env dev` to give it a new value, or `keyvault expire A@1 30d --env dev` if it is good for longer
    [exit 5]
    ");
    run(&["get", "B"]).succeeds().says("cannot be right");
    run(&["exec", "--", "true"]).exits(125);
    run(&["get", "B", "-q"]).succeeds().says_nothing();
    // Nor is it a reason to forget what was seen, whatever is said.
    faked
        .run_with_stdin(&sandbox, epoch, &["add", "C"])
        .succeeds();
    run(&["trust", "--yes"]).succeeds();
    run(&["get", "A"]).exits(5);
    // A date is reckoned from what is known to have been.
    let json = run(&["expire", "B", "1d", "--json"]).succeeds().json();
    assert!(json["expires_at"].as_str() > Some("2026"), "{json}");
}

#[test]
fn nothing_is_called_unused_by_a_clock_that_is_wrong() {
    let status = ["status", "--only", "unused"];
    // The last save was made by a clock that was years ahead.
    let sandbox = Sandbox::with_secrets(&["A"]);
    sandbox.run(&["get", "A"]).succeeds();
    save_at(&sandbox, "2099-01-01T00:00:00Z");
    let told = sandbox.run(&status).succeeds();
    told.says("note: what is not used cannot be told by a clock that is wrong");

    let Some(faked) = Faked::find() else { return };
    let sandbox = faked.sandbox("UTC", "2027-01-01 12:00:00");
    let run = |now: &str, arguments: &[&str]| faked.run(&sandbox, now, arguments);
    for (now, name) in [("2027-01-01 12:00:00", "A"), ("2027-03-01 12:00:00", "B")] {
        faked
            .run_with_stdin(&sandbox, now, &["add", name])
            .succeeds();
        run(now, &["get", name]).succeeds();
    }
    let unused = |now: &str| run(now, &["status", "--only", "unused", "-q"]);
    assert_eq!(unused("2027-04-15 12:00:00").exits(8).text(), "A\n");
    // It leapt: neither is anybody to remove what is used every day, nor once somebody has
    // looked and saved by it.
    let leapt = "2037-04-16 12:00:00";
    assert_snapshot!(run(leapt, &status), @"
    --- stderr ---
    keyvault: note: what is not used cannot be told yet: this machine's audit log has nothing from 2027-03-01T12:00:00Z to 2037-04-16T12:00:00Z, or the clock leapt
    keyvault: note: nothing needs attention
    [exit 0]
    ");
    faked
        .run_with_stdin(&sandbox, leapt, &["add", "C"])
        .succeeds();
    unused(leapt).succeeds();
    // Unless it goes on for long, and was right.
    for now in ["2037-06-01 12:00:00", "2037-07-20 12:00:00"] {
        run(now, &["get", "C"]).succeeds();
    }
    assert_eq!(unused("2037-07-20 12:00:00").exits(8).text(), "A\nB\n");
}

#[test]
fn a_timer_does_not_believe_a_clock_that_leapt() {
    let Some(faked) = Faked::find() else { return };
    let start = "2027-01-01 12:00:00";
    let sandbox = faked.sandbox("UTC", start);
    let run = |now: &str, arguments: &[&str]| faked.run(&sandbox, now, arguments);
    let add = ["add", "A", "--rotate-every", "100d"];
    faked.run_with_stdin(&sandbox, start, &add).succeeds();
    let hook = "echo made-up-$KEYVAULT_ROTATION_ID";
    let hook = ["hook", "set", "A", "create", "--", "sh", "-c", hook];
    run(start, &hook).succeeds();
    let due = |now: &str| run(now, &["rotate", "--due", "--json"]);
    let rotated = |now: &str| {
        let json = due(now).succeeds().json();
        json["due"].as_array().expect("a list").len()
    };

    // Nothing was saved for longer than a clock is believed for, and it was looked at.
    assert_eq!(rotated("2027-02-15 12:00:00"), 0);
    assert_eq!(rotated("2027-04-20 12:00:00"), 1);

    // It leapt, and a save by it does not vouch for it.
    let leapt = "2027-10-01 12:00:00";
    due(leapt)
        .exits(1)
        .says("after it was last known to be right");
    faked
        .run_with_stdin(&sandbox, leapt, &["add", "B"])
        .succeeds();
    let refused = due(leapt).exits(1);
    refused.says("pass `--yes` if it is right");
    // Until a person does.
    run(leapt, &["rotate", "--due", "--yes"]).succeeds();
    assert_eq!(rotated("2027-12-20 12:00:00"), 0);
    assert_eq!(rotated("2028-01-20 12:00:00"), 1);
}
