//! Which lines of a log are asked for.

use std::collections::VecDeque;

use crate::name::EnvironmentName;
use crate::store::audit_log::line::{Line, Outcome};
use crate::timestamp::Timestamp;
use crate::vault::selection::NamePattern;

/// What a line has to be. Where nothing is said, all are wanted; of several words for
/// one thing any is enough.
#[derive(Default)]
pub struct Filter<'a> {
    /// An environment that it worked on. A line that names none may be of any: who did
    /// not get in, did not get anywhere.
    pub environments: &'a [EnvironmentName],
    /// A secret, whichever version.
    pub secrets: &'a [NamePattern],
    /// The subcommand: `env` is every one of `env`.
    pub commands: &'a [String],
    /// The program that was run, or one that keyvault was started by, as the log has it
    /// or without its folder.
    pub programs: &'a [String],
    /// How it went.
    pub outcomes: &'a [Outcome],
    /// The recipient of the identity; none of these where the list is empty and was
    /// asked for.
    pub identities: Option<&'a [String]>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl Filter<'_> {
    /// Tells whether a line is asked for.
    pub fn wants(&self, line: &Line) -> bool {
        self.is_in_time(line.time)
            && (line.environments.is_empty()
                || any_of(self.environments, |wanted| {
                    line.environments.contains(wanted)
                }))
            && any_of(self.secrets, |wanted| has_secret(line, wanted))
            && any_of(self.commands, |wanted| is_command(&line.command, wanted))
            && any_of(self.programs, |wanted| has_program(line, wanted))
            && any_of(self.outcomes, |wanted| line.outcome == *wanted)
            && self
                .identities
                .is_none_or(|wanted| line.identity.as_ref().is_some_and(|by| wanted.contains(by)))
    }

    fn is_in_time(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }
}

fn any_of<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is)
}

fn has_secret(line: &Line, wanted: &NamePattern) -> bool {
    let names = line.names.iter().map(|name| without_version(name));
    let mut names = names.filter_map(|name| name.parse().ok());
    names.any(|name| wanted.matches(&name))
}

/// Returns the secret of `NAME@3`.
pub fn without_version(name: &str) -> &str {
    name.split('@').next().unwrap_or_default()
}

fn is_command(command: &str, wanted: &str) -> bool {
    let rest = command.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn has_program(line: &Line, wanted: &str) -> bool {
    let mut programs = line.program.iter().chain(&line.parents);
    programs.any(|program| program == wanted || program.rsplit('/').next() == Some(wanted))
}

/// The last lines of a log that are asked for, the newest last, and how many are
/// before them.
#[derive(Debug, Default)]
pub struct Tail {
    /// The lines.
    pub lines: VecDeque<Line>,
    /// How many are before them.
    pub earlier: u64,
}

impl Tail {
    /// Reads a log to its end and keeps as many lines as that.
    pub fn of(lines: impl Iterator<Item = Line>, filter: &Filter<'_>, most: usize) -> Self {
        let mut tail = Self::default();
        for line in lines.filter(|line| filter.wants(line)) {
            tail.lines.push_back(line);
            if tail.lines.len() > most {
                tail.lines.pop_front();
                tail.earlier += 1;
            }
        }
        tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> Line {
        let json = format!(
            r#"{{"line":1,"time":"2026-11-22T12:00:00Z","command":"get","outcome":"ok","pid":7,{json}}}"#
        );
        serde_json::from_str(&json).expect("a line")
    }

    fn patterns(texts: &[&str]) -> Vec<NamePattern> {
        let patterns = texts.iter().map(|text| text.parse());
        patterns.collect::<Result<_, _>>().expect("patterns")
    }

    #[test]
    fn all_are_wanted_where_nothing_is_said() {
        assert!(Filter::default().wants(&line(r#""names":[]"#)));
    }

    #[test]
    fn a_secret_is_meant_in_any_version() {
        let used = line(r#""names":["STRIPE_KEY@3","DB_URL"]"#);
        for (texts, wanted) in [
            (&["STRIPE_KEY"][..], true),
            (&["STRIPE_*"], true),
            (&["A", "DB_URL"], true),
            (&["STRIPE"], false),
            (&["stripe_key"], false),
        ] {
            let secrets = patterns(texts);
            let filter = Filter {
                secrets: &secrets,
                ..Filter::default()
            };
            assert_eq!(filter.wants(&used), wanted, "{texts:?}");
            assert!(!filter.wants(&line(r#""tty":"x""#)), "it names none");
        }
    }

    #[test]
    fn a_command_is_meant_with_those_below_it() {
        for (command, wanted, is) in [
            ("get", "get", true),
            ("env copy", "env", true),
            ("env copy", "env copy", true),
            ("get", "ge", false),
            ("environment", "env", false),
            ("env", "env copy", false),
        ] {
            assert_eq!(is_command(command, wanted), is, "{command} {wanted}");
        }
    }

    #[test]
    fn a_program_is_meant_wherever_it_stands() {
        let used = line(r#""program":"/usr/bin/npm","parents":["bash","/opt/ci/runner"]"#);
        for (program, wanted) in [
            ("npm", true),
            ("/usr/bin/npm", true),
            ("bash", true),
            ("runner", true),
            ("bin/npm", false),
            ("bas", false),
            ("", false),
        ] {
            let programs = [program.to_owned()];
            let filter = Filter {
                programs: &programs,
                ..Filter::default()
            };
            assert_eq!(filter.wants(&used), wanted, "{program}");
        }
    }

    #[test]
    fn a_time_is_from_the_first_second_to_before_the_last() {
        let at = |text: &str| Some(text.parse().expect("a time"));
        let used = line(r#""names":[]"#);
        for (since, until, wanted) in [
            (at("2026-11-22T12:00:00Z"), None, true),
            (at("2026-11-22T12:00:01Z"), None, false),
            (None, at("2026-11-22T12:00:00Z"), false),
            (None, at("2026-11-22T12:00:01Z"), true),
        ] {
            let filter = Filter {
                since,
                until,
                ..Filter::default()
            };
            assert_eq!(filter.wants(&used), wanted, "{since:?} {until:?}");
        }
    }

    #[test]
    fn an_identity_that_nobody_has_did_nothing() {
        let used = line(r#""identity":"age1made-up""#);
        let (ours, nobody) = (["age1made-up".to_owned()], []);
        for (identities, wanted) in [(&ours[..], true), (&nobody[..], false)] {
            let filter = Filter {
                identities: Some(identities),
                ..Filter::default()
            };
            assert_eq!(filter.wants(&used), wanted);
            assert!(!filter.wants(&line(r#""names":[]"#)), "nobody opened it");
        }
    }

    #[test]
    fn an_outcome_and_an_environment_are_wanted_together() {
        let used = line(r#""environments":["base","dev"]"#);
        let [dev, prod] = ["dev", "prod"].map(|name| [name.parse().expect("a name")]);
        for (environments, outcome, wanted) in [
            (&dev, Outcome::Ok, true),
            (&prod, Outcome::Ok, false),
            (&dev, Outcome::Refused, false),
        ] {
            let filter = Filter {
                environments,
                outcomes: &[outcome],
                ..Filter::default()
            };
            assert_eq!(filter.wants(&used), wanted);
            let nowhere = Filter {
                environments,
                ..Filter::default()
            };
            assert!(nowhere.wants(&line(r#""names":[]"#)), "it may be of any");
        }
    }

    #[test]
    fn the_last_lines_are_kept_and_the_others_counted() {
        let lines = (1..=5).map(|number| Line {
            line: number,
            ..line(r#""names":[]"#)
        });
        let tail = Tail::of(lines, &Filter::default(), 2);
        let numbers: Vec<u64> = tail.lines.iter().map(|line| line.line).collect();
        assert_eq!((numbers, tail.earlier), (vec![4, 5], 3));
    }
}
