//! Who reads for the first time.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::audit_log::line::Line;
use crate::store::audit_log::report::{Experience, Finding, Incident, Kind, count, quoted, reader};

/// What a reader is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Identity,
    Agent,
    Ci,
    Program,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "the identity",
            Self::Agent => "the agent",
            Self::Ci => "the CI system",
            Self::Program => "the program",
        }
    }
}

type Newcomer = (Role, String);

/// Tells a program, an agent, a CI system or an identity that is in no line before,
/// once the log has [`Experience`]: a stolen identity is used by another tool than its
/// owner's, and an agent that began to read secrets is something to know.
///
/// Each is told once, with all that it read since. It is not told by secret: `exec`
/// hands all of them over, so that each new script would be told forty times.
#[derive(Default)]
pub struct Newcomers {
    known: BTreeSet<Newcomer>,
    new: BTreeMap<Newcomer, (Incident, String)>,
}

impl Newcomers {
    /// Judges a read, where there is a past to judge it by.
    pub fn take(&mut self, line: &Line, past: Option<&Experience>) {
        let roles = [
            (Role::Identity, line.identity.as_deref()),
            (Role::Agent, line.agent.as_deref()),
            (Role::Ci, line.ci.as_deref()),
            (Role::Program, reader(line)),
        ];
        for (role, name) in roles {
            let Some(name) = name else {
                continue;
            };
            let newcomer = (role, name.to_owned());
            if let Some((incident, _)) = self.new.get_mut(&newcomer) {
                incident.take(line);
            } else if !self.known.contains(&newcomer) {
                match past {
                    Some(past) => {
                        let why = before(past, line);
                        self.new.insert(newcomer, (Incident::of(line), why));
                    }
                    None => {
                        self.known.insert(newcomer);
                    }
                }
            }
        }
    }

    /// Returns what was found.
    pub fn findings(self) -> Vec<Finding> {
        let found = self
            .new
            .into_iter()
            .map(|((role, name), (incident, before))| {
                let why = format!(
                    "{} {} reads for the first time: {} of {}; {before}",
                    role.as_str(),
                    quoted(&name),
                    count(incident.lines, "read", "reads"),
                    incident.secrets(),
                );
                incident.found(Kind::FirstSeen, why)
            });
        found.collect()
    }
}

fn before(past: &Experience, line: &Line) -> String {
    let age = past.since.map(|since| since.age(line.time).rounded());
    let age = age.map_or_else(String::new, |age| format!(" in the {age}"));
    let reads = count(past.reads, "read", "reads");
    format!("none of the {reads}{age} before was its own")
}
