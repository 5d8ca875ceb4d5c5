//! How often each secret was read.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::name::EnvironmentName;
use crate::store::audit_log::filter::without_version;
use crate::store::audit_log::line::Line;
use crate::timestamp::{Day, Timestamp};

/// How often a secret was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretReads {
    /// Which, as the lines have it.
    pub name: String,
    /// The environments that it was read from, as layers.
    pub environments: Vec<EnvironmentName>,
    /// How often.
    pub reads: u64,
    /// How often on each day (UTC) that had any.
    pub days: BTreeMap<Day, u64>,
}

/// How a time is parted for a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The first day.
    pub first: Day,
    /// How many days are in one column.
    pub days_each: u64,
    count: usize,
}

impl Columns {
    /// As many as fit beside a name on most terminals.
    const MOST: u64 = 62;

    /// Parts the days from the first of these reads, or from `since` if that is later,
    /// until `until`, into columns of whole days.
    pub fn of(reads: &[SecretReads], since: Timestamp, until: Timestamp) -> Self {
        let firsts = reads.iter().filter_map(|secret| secret.days.keys().next());
        let first = firsts.min().copied().unwrap_or(since.date());
        let first = first.max(since.date()).min(until.date());
        let days = u64::try_from(until.date().since(first)).unwrap_or(0) + 1;
        let days_each = days.div_ceil(Self::MOST);
        Self {
            first,
            days_each,
            count: usize::try_from(days.div_ceil(days_each)).expect("at most as many"),
        }
    }

    /// Returns how often a secret was read in each. What is later than the last day
    /// is in the last column.
    pub fn fill(self, secret: &SecretReads) -> Vec<u64> {
        let mut filled = vec![0; self.count];
        for (day, reads) in &secret.days {
            let days = u64::try_from(day.since(self.first)).unwrap_or(0);
            let column = usize::try_from(days / self.days_each).unwrap_or(usize::MAX);
            filled[column.min(self.count - 1)] += reads;
        }
        filled
    }
}

/// Counts reads.
#[derive(Default)]
pub struct Reads {
    secrets: BTreeMap<(String, Vec<EnvironmentName>), BTreeMap<Day, u64>>,
}

impl Reads {
    /// Counts those of a line.
    pub fn take(&mut self, line: &Line) {
        for name in &line.names {
            let key = (without_version(name).to_owned(), line.environments.clone());
            let days = self.secrets.entry(key).or_default();
            *days.entry(line.time.date()).or_default() += 1;
        }
    }

    /// Returns them, the most read first.
    pub fn by_secret(self) -> Vec<SecretReads> {
        let secrets = self.secrets.into_iter();
        let mut secrets: Vec<_> = secrets
            .map(|((name, environments), days)| SecretReads {
                name,
                environments,
                reads: days.values().sum(),
                days,
            })
            .collect();
        // Stable: of those that are equal, by name.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reads));
        secrets
    }
}
