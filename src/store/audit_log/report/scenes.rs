//! What is told of logs that were made by hand, and what is not.

use crate::store::audit_log::line::{Line, Outcome};
use crate::store::audit_log::report::{self, AuditReport, Columns, FINDINGS_MAX, Kind};
use crate::timestamp::{Period, Timestamp};

/// A Monday.
const BEGIN: &str = "2026-08-03T00:00:00Z";
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn begin() -> Timestamp {
    BEGIN.parse().expect("a time")
}

fn after(seconds: u64) -> Timestamp {
    begin().after(Period::from_seconds(seconds))
}

/// A read of `A` by npm, so many seconds after the beginning.
fn read(seconds: u64) -> Line {
    Line {
        line: 0,
        time: after(seconds),
        command: "exec".to_owned(),
        environments: vec!["dev".parse().expect("a name")],
        names: vec!["A@1".to_owned()],
        outcome: Outcome::Ok,
        error: None,
        allowed: Vec::new(),
        identity: Some("age1made-up".to_owned()),
        pid: 7,
        program: Some("npm".to_owned()),
        parents: vec!["zsh".to_owned()],
        tty: None,
        folder: None,
        agent: None,
        ci: None,
        reason: None,
        accepted: None,
    }
}

/// The same by another program.
fn read_by(program: &str, seconds: u64) -> Line {
    Line {
        program: Some(program.to_owned()),
        ..read(seconds)
    }
}

fn refused(error: &str, seconds: u64) -> Line {
    Line {
        outcome: Outcome::Refused,
        error: Some(error.to_owned()),
        ..read(seconds)
    }
}

fn wrong_passphrase(seconds: u64) -> Line {
    Line {
        identity: None,
        names: Vec::new(),
        ..refused("wrong-passphrase", seconds)
    }
}

/// Work from nine to five, with a read an hour, from the beginning on.
fn work(days: u64) -> Vec<Line> {
    let hours = (0..days).flat_map(|day| (9..17).map(move |hour| day * DAY + hour * HOUR));
    hours.map(read).collect()
}

/// Tells what stands out since so many days after the beginning.
fn report_since(
    day: u64,
    mut lines: Vec<Line>,
    more: impl IntoIterator<Item = Line>,
) -> AuditReport {
    lines.extend(more);
    lines.sort_by_key(|line| line.time);
    in_order(day, lines)
}

/// The same with the lines as they come.
fn in_order(day: u64, mut lines: Vec<Line>) -> AuditReport {
    for (number, line) in (1..).zip(&mut lines) {
        line.line = number;
    }
    let now = after(1000 * DAY);
    report::of(lines.into_iter(), after(day * DAY), now)
}

fn kinds(report: &AuditReport) -> Vec<Kind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

fn whys(report: &AuditReport) -> Vec<&str> {
    let findings = report.findings.iter();
    findings.map(|finding| finding.why.as_str()).collect()
}

#[test]
fn an_empty_log_says_nothing() {
    let report = report_since(0, Vec::new(), []);
    assert_eq!((report.lines, report.reads.len()), (0, 0));
    assert!(report.findings.is_empty() && !report.experience.suffices(report.until));
}

#[test]
fn every_day_alike_is_nothing_to_tell() {
    let report = report_since(0, work(120), []);
    assert_eq!(kinds(&report), []);
    assert_eq!(report.lines, 120 * 8);
}

#[test]
fn a_log_that_is_too_young_calls_nothing_unusual() {
    // At night, by a new program, a hundred times in two minutes.
    let odd = |day: u64| (0..100).map(move |n| read_by("curl", day * DAY + 3 * HOUR + n));
    assert_eq!(kinds(&report_since(0, work(13), odd(13))), []);
    // Old, and with hardly anything in it.
    let seldom = (0..6).map(|week| read(week * 7 * DAY)).collect();
    assert_eq!(kinds(&report_since(0, seldom, odd(50))), []);
    // A first line of a clock gone wrong makes no log old.
    let mut wrong = vec![Line {
        time: "1970-01-01T00:00:00Z".parse().expect("a time"),
        ..read(0)
    }];
    wrong.extend(work(10));
    assert_eq!(kinds(&report_since(0, wrong, odd(10))), []);

    let told = kinds(&report_since(0, work(15), odd(15)));
    assert_eq!(told, [Kind::Burst, Kind::FirstSeen, Kind::OffHours]);
}

#[test]
fn a_new_program_is_told_once_with_all_that_it_read() {
    let day = 30 * DAY + 10 * HOUR;
    let more = [
        read_by("curl", day),
        read_by("npm", day + 1),
        Line {
            names: vec!["B@2".to_owned()],
            ..read_by("curl", day + DAY)
        },
    ];
    let report = report_since(0, work(40), more.clone());
    assert_eq!(kinds(&report), [Kind::FirstSeen]);
    assert_eq!(
        whys(&report),
        [
            "the program `curl` reads for the first time: 2 reads of `A@1`, `B@2`; none of the 242 reads in the 30d before was its own"
        ]
    );
    let finding = &report.findings[0];
    assert_eq!((finding.from, finding.to), (after(day), after(day + DAY)));
    assert_eq!((finding.line, finding.lines), (243, 2));

    // Who came before the time that is meant is known by then.
    assert_eq!(kinds(&report_since(31, work(40), more)), []);
}

#[test]
fn a_new_agent_ci_system_or_identity_is_told_too() {
    let day = 30 * DAY + 10 * HOUR;
    for (line, who) in [
        (
            Line {
                agent: Some("claude".to_owned()),
                ..read(day)
            },
            "the agent `claude`",
        ),
        (
            Line {
                ci: Some("github".to_owned()),
                ..read(day)
            },
            "the CI system `github`",
        ),
        (
            Line {
                identity: Some("age1another".to_owned()),
                ..read(day)
            },
            "the identity `age1another`",
        ),
        // Without a program of its own it is the one that asked.
        (
            Line {
                command: "get".to_owned(),
                program: None,
                parents: vec!["python3".to_owned(), "zsh".to_owned()],
                ..read(day)
            },
            "the program `python3`",
        ),
    ] {
        let report = report_since(0, work(40), [line]);
        assert_eq!(kinds(&report), [Kind::FirstSeen], "{who}");
        assert!(report.findings[0].why.starts_with(who), "{who}");
    }
}

#[test]
fn what_changes_secrets_reads_none() {
    let change = Line {
        command: "rotate".to_owned(),
        names: vec!["A".to_owned()],
        program: None,
        ..read(30 * DAY + 3 * HOUR)
    };
    let report = report_since(30, work(30), [change]);
    assert_eq!(kinds(&report), []);
    assert_eq!((report.lines, report.reads.len()), (1, 0));
}

#[test]
fn what_a_hook_is_given_is_read_by_it() {
    let hook = Line {
        command: "rotate".to_owned(),
        ..read_by("./mint", 30 * DAY + 10 * HOUR)
    };
    let report = report_since(30, work(30), [hook]);
    assert_eq!(kinds(&report), [Kind::FirstSeen]);
    assert!(report.findings[0].why.contains("`./mint`"));
    assert_eq!(report.reads.len(), 1);
}

#[test]
fn reads_at_night_are_told_together_with_how_often_that_was() {
    let night = 30 * DAY + 3 * HOUR;
    let odd = [0, 10 * MINUTE, 2 * HOUR].map(|later| read(night + later));
    let report = report_since(0, work(40), odd);
    assert_eq!(kinds(&report), [Kind::OffHours]);
    assert_eq!(
        whys(&report),
        [
            "3 reads of `A@1`, first by `npm`; on 0 of the 30 days with reads before was anything read within an hour of 03:00 UTC"
        ]
    );
    let finding = &report.findings[0];
    assert_eq!(
        (finding.from, finding.to),
        (after(night), after(night + 2 * HOUR))
    );
}

#[test]
fn a_job_of_every_night_or_every_week_is_usual() {
    for every in [1, 7] {
        let nights = (0..60).step_by(every);
        let jobs = nights.map(|day| read(day * DAY + 3 * HOUR));
        assert_eq!(kinds(&report_since(0, work(60), jobs)), [], "{every}");
    }
}

#[test]
fn an_hour_more_or_less_is_usual() {
    // Clocks on walls go forward or back, and somebody stays late.
    for hour in [8, 17] {
        let later = (30..40).map(|day| read(day * DAY + hour * HOUR));
        assert_eq!(kinds(&report_since(0, work(40), later)), [], "{hour}");
    }
    let early = [read(30 * DAY + 7 * HOUR)];
    assert_eq!(kinds(&report_since(0, work(40), early)), [Kind::OffHours]);
}

#[test]
fn midnight_divides_no_night() {
    let nights = (0..40).map(|day| read(day * DAY + 23 * HOUR + 59 * MINUTE));
    let past_midnight = [read(40 * DAY + MINUTE)];
    assert_eq!(
        kinds(&report_since(0, work(40), nights.chain(past_midnight))),
        []
    );
}

#[test]
fn a_burst_is_told_with_what_was_before() {
    let noon = 30 * DAY + 12 * HOUR;
    let names = |n: u64| vec![format!("SECRET_{n}@1")];
    let burst = |start: u64, reads: u64| {
        (0..reads).map(move |n| Line {
            names: names(n),
            ..read(start + n)
        })
    };
    // From noon's usual read on.
    let report = report_since(0, work(40), burst(noon + 1, 30));
    assert_eq!(kinds(&report), [Kind::Burst]);
    assert_eq!(
        whys(&report),
        [
            "31 reads in ten minutes, of 31 secrets, among others by `npm`; the busiest ten minutes of the 30 days before had 1"
        ]
    );
    let finding = &report.findings[0];
    assert_eq!((finding.from, finding.to), (after(noon), after(noon + 30)));
    assert_eq!((finding.lines, finding.names.len()), (31, 31));

    // Few, whatever was before; or not so close together.
    assert_eq!(kinds(&report_since(0, work(40), burst(noon + 1, 18))), []);
    let slow = (0..30).map(|n| read(noon + n * MINUTE));
    assert_eq!(kinds(&report_since(0, work(40), slow)), []);
}

#[test]
fn what_reads_much_every_night_is_told_once() {
    let nightly = (30..60).flat_map(|day| (0..50).map(move |n| read(day * DAY + 12 * HOUR + n)));
    let report = report_since(0, work(60), nightly);
    assert_eq!(kinds(&report), [Kind::Burst]);
    assert_eq!(report.findings[0].from, after(30 * DAY + 12 * HOUR));

    // Once in a while it is worth being told again.
    let seldom = [30, 65].map(|day| (0..50).map(move |n| read(day * DAY + 12 * HOUR + n)));
    let report = report_since(0, work(70), seldom.into_iter().flatten());
    assert_eq!(kinds(&report), [Kind::Burst, Kind::Burst]);
}

#[test]
fn a_burst_is_more_than_three_times_what_thirty_days_had() {
    let at = |day: u64, reads: u64| (0..reads).map(move |n| read(day * DAY + 12 * HOUR + n));
    let told = |bursts: &[(u64, u64)]| {
        let bursts = bursts.iter().flat_map(|(day, reads)| at(*day, *reads));
        let report = report_since(0, work(70), bursts);
        assert!(kinds(&report).iter().all(|kind| *kind == Kind::Burst));
        let days = report.findings.iter();
        let days = days.map(|finding| finding.from.date().since(begin().date()));
        days.collect::<Vec<_>>()
    };
    // Noon's usual read comes to each.
    assert_eq!(told(&[(30, 24), (31, 74)]), [30], "three times as many");
    assert_eq!(told(&[(30, 24), (31, 75)]), [30, 31], "one more");
    assert_eq!(told(&[(30, 24), (60, 24)]), [30], "30 days later");
    assert_eq!(told(&[(30, 24), (61, 24)]), [30, 61], "31 days later");
}

#[test]
fn an_hour_is_unusual_on_fewer_than_one_day_in_twenty() {
    let night = |day: u64| read(day * DAY + 3 * HOUR);
    let told = |nights: &[u64]| {
        let report = report_since(0, work(40), nights.iter().map(|day| night(*day)));
        let days = report.findings.iter();
        let days = days.map(|finding| finding.from.date().since(begin().date()));
        days.collect::<Vec<_>>()
    };
    assert_eq!(told(&[5, 20]), [] as [i64; 0], "1 of 20 days is 5 %");
    assert_eq!(told(&[5, 21]), [21]);
    assert_eq!(told(&[5, 6, 39]), [] as [i64; 0]);

    // What was usual more than 90 days ago is not any more, nor is at once what came
    // in its place.
    let nights = (0..20).flat_map(|day| [night(day), night(day), night(day)]);
    let noons = (20..120).map(|day| read(day * DAY + 12 * HOUR));
    let again = [night(105), night(107)];
    let report = report_since(0, nights.collect(), noons.chain(again));
    let days = report.findings.iter();
    let days = days.map(|finding| finding.from.date().since(begin().date()));
    assert_eq!(days.collect::<Vec<_>>(), [20, 21, 107]);
}

#[test]
fn hours_are_judged_by_ten_days_at_least() {
    // Old enough, with reads on nine days, or ten.
    for (days, told) in [(9, vec![]), (10, vec![Kind::OffHours])] {
        let weeks = work(days);
        let report = report_since(0, weeks, [read(20 * DAY + 3 * HOUR)]);
        assert_eq!(kinds(&report), told, "{days}");
    }
}

#[test]
fn wrong_passphrases_are_told_from_the_third_on() {
    let tried = |gap: u64, times: u64| (0..times).map(move |n| wrong_passphrase(HOUR + n * gap));
    let told = |lines: Vec<Line>| report_since(0, lines, []);
    assert_eq!(kinds(&told(tried(5, 2).collect())), []);
    assert_eq!(kinds(&told(tried(11 * MINUTE, 5).collect())), []);

    let report = told(tried(MINUTE, 4).collect());
    assert_eq!(kinds(&report), [Kind::FailedUnlocks]);
    assert_eq!(
        whys(&report),
        [
            "4 passphrases within 3m did not open the identity, and it was not used in the ten minutes behind them"
        ]
    );

    for (used, end) in [
        (MINUTE, "and then it was used"),
        (20 * MINUTE, "and it was not used in"),
    ] {
        let then = read(HOUR + 3 * MINUTE + used);
        let report = told(tried(MINUTE, 4).chain([then]).collect());
        assert!(whys(&report)[0].contains(end), "{:?}", whys(&report));
    }
}

#[test]
fn a_session_that_is_open_hides_no_wrong_passphrases() {
    let both = (0..5).flat_map(|n| [wrong_passphrase(n * MINUTE), read(n * MINUTE + 30)]);
    let report = report_since(0, Vec::new(), both);
    assert_eq!(kinds(&report), [Kind::FailedUnlocks]);
    assert!(whys(&report)[0].starts_with("5 passphrases within 4m"));
}

#[test]
fn refusals_are_told_by_kind_and_secret() {
    let of = |name: &str, line: Line| Line {
        names: vec![name.to_owned()],
        ..line
    };
    let lines = vec![
        of("A", refused("revoked", 0)),
        of("A", refused("revoked", DAY)),
        of("B", refused("expired", DAY)),
        Line {
            names: Vec::new(),
            program: None,
            parents: Vec::new(),
            ..refused("unexpected", 2 * DAY)
        },
        Line {
            allowed: vec!["expired".to_owned()],
            ..of("B", read(3 * DAY))
        },
        Line {
            command: "audit".to_owned(),
            outcome: Outcome::Failed,
            names: Vec::new(),
            program: None,
            ..refused("head-lost", 3 * DAY)
        },
        // Allowed, and failed for a reason of its own.
        Line {
            outcome: Outcome::Failed,
            error: Some("io".to_owned()),
            ..read(4 * DAY)
        },
    ];
    let report = report_since(0, lines, []);
    assert_eq!(
        kinds(&report),
        [
            Kind::Untrusted,
            Kind::Untrusted,
            Kind::Refused,
            Kind::Refused,
            Kind::Allowed
        ]
    );
    assert_eq!(
        whys(&report),
        [
            "refused 1 time as `unexpected`",
            "noted 1 time as `head-lost`, to `zsh`",
            "refused 2 times as `revoked`: `A`, to `npm`",
            "refused 1 time as `expired`: `B`, to `npm`",
            "allowed 1 time as `expired`: `B`, to `npm`",
        ]
    );
}

#[test]
fn a_clock_that_goes_back_is_told_and_hides_nothing() {
    let mut lines = work(30);
    lines.push(read(20 * DAY + 3 * HOUR));
    lines.extend([read(30 * DAY + 9 * HOUR)]);
    let report = in_order(25, lines.clone());
    assert_eq!(kinds(&report), [Kind::ClockBack]);
    assert_eq!(
        whys(&report),
        ["9d before the line that it follows, which is of 2026-09-01T16:00:00Z"]
    );
    // At most an hour is corrected by time servers.
    lines[240] = read(29 * DAY + 15 * HOUR);
    assert_eq!(kinds(&in_order(25, lines)), []);
}

#[test]
fn what_is_dated_in_the_future_is_told_as_well() {
    let future = read_by("curl", 2000 * DAY + 10 * HOUR);
    let report = report_since(0, work(30), [future]);
    assert_eq!(kinds(&report), [Kind::FirstSeen]);
    let columns = Columns::of(&report.reads, report.since, report.until);
    let drawn = columns.fill(&report.reads[0]);
    assert_eq!(drawn.last(), Some(&1), "it is in the last column");
    assert_eq!(drawn.iter().sum::<u64>(), 241);
}

#[test]
fn no_text_of_a_line_is_obeyed_by_a_terminal() {
    let evil = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\n";
    let lines = [
        read_by(evil, 30 * DAY + 3 * HOUR),
        Line {
            names: vec![evil.to_owned()],
            allowed: vec![evil.to_owned()],
            ..read_by(&"x".repeat(1 << 20), 30 * DAY + 4 * HOUR)
        },
        Line {
            names: vec![evil.to_owned()],
            error: Some(evil.to_owned()),
            ..refused("", 31 * DAY)
        },
    ];
    let report = report_since(0, work(40), lines);
    assert!(report.findings.len() >= 5, "{:?}", kinds(&report));
    for why in whys(&report) {
        let obeyed = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!why.contains(obeyed) && why.len() < 1000, "{why:?}");
    }
}

#[test]
fn there_is_an_end_to_the_findings_of_a_kind() {
    let programs = 0..FINDINGS_MAX as u64 + 5;
    let new = programs.map(|n| read_by(&format!("test-{n}"), 30 * DAY + 10 * HOUR + n * HOUR));
    let more = [refused("revoked", 30 * DAY)];
    let report = report_since(30, work(30), new.chain(more));
    let of = |kind| {
        kinds(&report)
            .iter()
            .filter(|found| **found == kind)
            .count()
    };
    assert_eq!((of(Kind::FirstSeen), of(Kind::Refused)), (FINDINGS_MAX, 1));
    assert!(report.more_findings >= 5);
}

#[test]
fn reads_are_counted_by_secret_and_day() {
    let both = |seconds: u64| Line {
        names: vec!["A@2".to_owned(), "B@1".to_owned()],
        ..read(seconds)
    };
    let prod = Line {
        environments: vec![
            "base".parse().expect("a name"),
            "prod".parse().expect("a name"),
        ],
        ..read(DAY)
    };
    let lines = vec![
        read(HOUR),
        both(2 * HOUR),
        both(DAY),
        prod,
        refused("expired", DAY),
    ];
    let report = report_since(0, lines, []);
    let counted: Vec<String> = report
        .reads
        .iter()
        .map(|secret| serde_json::to_string(secret).expect("written"))
        .collect();
    assert_eq!(
        counted,
        [
            r#"{"name":"A","environments":["dev"],"reads":3,"days":{"2026-08-03":2,"2026-08-04":1}}"#,
            r#"{"name":"B","environments":["dev"],"reads":2,"days":{"2026-08-03":1,"2026-08-04":1}}"#,
            r#"{"name":"A","environments":["base","prod"],"reads":1,"days":{"2026-08-04":1}}"#,
        ]
    );
}

#[test]
fn a_chart_begins_with_the_first_read_and_has_room_for_all() {
    let drawn = |lines: Vec<Line>, until: u64| {
        let report = report_since(0, lines, []);
        let columns = Columns::of(&report.reads, report.since, after(until * DAY));
        (
            columns.first.to_string(),
            columns.days_each,
            columns.fill(&report.reads[0]),
        )
    };
    let some = [2, 2, 4].map(|day| read(day * DAY + HOUR));
    let expected = ("2026-08-05".to_owned(), 1, vec![2, 0, 1, 0]);
    assert_eq!(drawn(some.to_vec(), 5), expected);

    let (_, days_each, filled) = drawn(work(200), 199);
    assert_eq!((days_each, filled.len()), (4, 50));
    assert!(filled.iter().all(|reads| *reads == 4 * 8));
    // The clock is behind the log.
    let before = drawn(vec![read(DAY)], 0);
    assert_eq!(before, ("2026-08-03".to_owned(), 1, vec![1]));
}
