//! How far members' audit logs had come: each save notes it in what is signed, so that
//! a log which was cut is seen by colleagues, too.

use serde::{Deserialize, Deserializer, Serialize};

use crate::name::MemberName;
use crate::seal::digest::{LogId, LogMac};
use crate::timestamp::Timestamp;
use crate::vault::strict;

/// Most logs that are remembered: each is of one member on one machine.
pub const LOGS_MAX: usize = 64;

/// How far a log had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Which log.
    pub log: LogId,
    /// Whose.
    pub by: MemberName,
    /// The number of its last line.
    pub line: u64,
    /// The MAC of that line.
    pub mac: LogMac,
    /// When that was noted.
    pub at: Timestamp,
}

/// Most logs of one member: that many machines, and clones on them.
const LOGS_OF_MEMBER_MAX: usize = 8;

/// Notes how far a log has come, in the place of what was noted of it before. Of too many
/// logs the one that was noted first is forgotten: of a member, and then of all.
///
/// What is noted never goes back: where the log was further, that stays.
pub fn note(logs: &mut Vec<LogHead>, head: LogHead) {
    if let Some(known) = logs.iter_mut().find(|known| known.log == head.log) {
        if known.line < head.line {
            *known = head;
        }
        return;
    }
    let by = head.by.clone();
    logs.push(head);
    while logs.iter().filter(|known| known.by == by).count() > LOGS_OF_MEMBER_MAX {
        forget_oldest(logs, |known| known.by == by);
    }
    while logs.len() > LOGS_MAX {
        forget_oldest(logs, |_| true);
    }
}

/// Notes what another list has of logs that went further there, or that are not in this
/// one, as far as there is room.
pub fn note_highest(logs: &mut Vec<LogHead>, others: &[LogHead]) {
    for other in others {
        match logs.iter().position(|known| known.log == other.log) {
            Some(at) if logs[at].line < other.line => logs[at] = other.clone(),
            None if logs.len() < LOGS_MAX => logs.push(other.clone()),
            _ => {}
        }
    }
}

/// Finds the logs that came less far by now than they had come before, or another way:
/// each as it was with what is told of it now.
pub fn gone_back<'a>(
    before: &'a [LogHead],
    now: &'a [LogHead],
) -> impl Iterator<Item = (&'a LogHead, &'a LogHead)> {
    before.iter().filter_map(|before| {
        let now = now.iter().find(|now| now.log == before.log)?;
        let is_less = now.line < before.line;
        let is_other = now.line == before.line && now.mac != before.mac;
        (is_less || is_other).then_some((before, now))
    })
}

fn forget_oldest(logs: &mut Vec<LogHead>, which: impl Fn(&LogHead) -> bool) {
    let ages = logs.iter().enumerate().filter(|(_, known)| which(known));
    let oldest = ages.min_by_key(|(_, known)| known.at).map(|(at, _)| at);
    if let Some(oldest) = oldest {
        logs.remove(oldest);
    }
}

/// Reads the heads, each log once.
///
/// # Errors
///
/// What reading them says.
pub fn each_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LogHead>, D::Error> {
    let heads: Vec<LogHead> = strict::at_most::<LOGS_MAX, _, _>(deserializer)?;
    let mut logs: Vec<LogId> = heads.iter().map(|head| head.log).collect();
    logs.sort_unstable();
    if logs.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(strict::ours("a log that comes twice"));
    }
    Ok(heads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(log: u8, by: &str, line: u64, minute: u64) -> LogHead {
        LogHead {
            log: [log; 8].into(),
            by: by.parse().expect("a name"),
            line,
            mac: [line as u8; 32].into(),
            at: format!("2026-11-22T12:{minute:02}:00Z")
                .parse()
                .expect("a time"),
        }
    }

    fn lines(logs: &[LogHead]) -> Vec<u64> {
        logs.iter().map(|head| head.line).collect()
    }

    #[test]
    fn what_is_noted_goes_on_and_never_back() {
        let mut logs = vec![head(1, "alice", 5, 0), head(2, "bob", 7, 1)];
        note(&mut logs, head(1, "alice", 6, 2));
        assert_eq!(lines(&logs), [6, 7]);
        note(&mut logs, head(1, "alice", 4, 3));
        assert_eq!(lines(&logs), [6, 7]);
    }

    #[test]
    fn of_too_many_logs_the_oldest_is_forgotten() {
        let mut logs = vec![head(100, "bob", 1, 0)];
        for log in 0..9 {
            note(&mut logs, head(log, "alice", 1, u64::from(log) + 1));
        }
        let kept: Vec<LogId> = logs.iter().map(|head| head.log).collect();
        assert_eq!(kept.len(), 9);
        assert!(kept.contains(&[100; 8].into()), "it is another member's");
        assert!(!kept.contains(&[0; 8].into()), "it was alice's oldest");

        let mut logs: Vec<LogHead> = (0..64)
            .map(|log| head(log, &format!("member-{log}"), 1, u64::from(log % 60)))
            .collect();
        note(&mut logs, head(200, "alice", 1, 59));
        assert_eq!(logs.len(), LOGS_MAX);
        assert!(logs.iter().all(|known| known.log != [0; 8].into()));
    }

    #[test]
    fn the_highest_of_two_lists_is_kept_and_less_is_noticed() {
        let before = [head(1, "alice", 5, 0), head(2, "bob", 7, 0)];
        let now = [
            head(1, "alice", 6, 1),
            head(2, "bob", 3, 1),
            head(3, "bob", 1, 1),
        ];
        let back: Vec<_> = gone_back(&before, &now).collect();
        assert_eq!(back, [(&before[1], &now[1])]);
        let mut logs = now.to_vec();
        note_highest(&mut logs, &before);
        assert_eq!(lines(&logs), [6, 7, 1]);
        let other = LogHead {
            mac: [9; 32].into(),
            ..before[0].clone()
        };
        assert_eq!(gone_back(&before, &[other]).count(), 1);
    }
}
