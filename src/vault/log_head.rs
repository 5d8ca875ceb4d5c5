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
