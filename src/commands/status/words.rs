//! The words for what needs attention: why, and what mends it.

use crate::context::Context;
use crate::store::manifest::MANIFEST;
use crate::timestamp::Timestamp;
use crate::vault::attention::{Attention, Kind, Place, RevokedAs, StraySpace};

/// How many others with the same value are named in the table; JSON has all.
const SHARERS_SHOWN: usize = 2;

/// Returns the command that mends it.
pub fn mend(cx: &Context, attention: &Attention) -> String {
    let Some((name, environment)) = attention.name.as_ref().zip(attention.environment.as_ref())
    else {
        return cx.mend_of_identity();
    };
    let words = match attention.kind {
        Kind::Missing if attention.version.is_none() => format!("add {name}"),
        // It asks first: somebody else may use it.
        Kind::Unused => format!("remove {name}"),
        // Going on would bring it into use.
        Kind::Exposed if attention.is_to_abort => format!("rotate {name} --abort"),
        // It does what is owed as well, and of this secret alone.
        Kind::Interrupted | Kind::Lingering => format!("rotate {name} --resume"),
        // No other can begin.
        _ if attention.is_rotating => format!("rotate {name} --resume"),
        _ => format!("rotate {name}"),
    };
    let command = cx
        .ui
        .as_typed(&format!("`keyvault {words} --env {environment}`"));
    command.trim_matches('`').to_owned()
}

/// Says why it needs attention.
pub fn why(attention: &Attention, now: Timestamp) -> String {
    let age = |time: Option<Timestamp>| {
        time.map(|time| time.age(now).rounded().to_string())
            .unwrap_or_default()
    };
    let since = age(attention.since);
    match attention.kind {
        Kind::Expired => format!("expired {since} ago"),
        Kind::Leaked => format!("found by `scan` {since} ago"),
        Kind::Exposed => exposed(attention),
        Kind::Interrupted => match &attention.started_by {
            Some(by) => format!("begun {since} ago by {by}"),
            None => format!("begun {since} ago"),
        },
        Kind::Missing if attention.version.is_some() => {
            format!("listed in {MANIFEST}, and revoked")
        }
        Kind::Missing => format!("listed in {MANIFEST}"),
        Kind::Placeholder => "looks like a placeholder".to_owned(),
        Kind::Expiring => {
            let left = attention
                .expires_at
                .map(|at| at.until(now).rounded().to_string());
            format!("expires in {}", left.unwrap_or_default())
        }
        Kind::Due => {
            let every = attention
                .rotate_every
                .map(|every| format!(" (every {every})"));
            format!("due since {since}{}", every.unwrap_or_default())
        }
        Kind::Lingering => {
            let version = attention.version.unwrap_or_default();
            format!("version {version} overdue since {since}")
        }
        Kind::Reused => format!("same value as {}", sharers(attention)),
        Kind::Whitespace => match attention.stray_space {
            Some(StraySpace::Start) => "white space in front".to_owned(),
            Some(StraySpace::End) => "white space at the end".to_owned(),
            _ => "an invisible character".to_owned(),
        },
        Kind::Unused if attention.last_used.is_some() => format!("last used here {since} ago"),
        Kind::Unused => format!("not used here in {since}"),
        Kind::WeakIdentity => "your identity has no passphrase".to_owned(),
    }
}

/// Says as what a value was revoked, and why: in the same environment by its name alone.
fn exposed(attention: &Attention) -> String {
    let pending = if attention.is_pending {
        format!("version {}, ", attention.version.unwrap_or_default())
    } else {
        String::new()
    };
    let Some((first, others)) = attention.revoked_as.split_first() else {
        return format!("{pending}revoked");
    };
    let RevokedAs {
        place: Place { name, environment },
        version,
        reason,
        ..
    } = first;
    let mut words = format!("{pending}revoked as {name}@{version}");
    if Some(environment) != attention.environment.as_ref() {
        words += &format!(" in {environment}");
    }
    if let Some(reason) = reason {
        words += &format!(" ({reason})");
    }
    if !others.is_empty() {
        words += &format!(" and {} more", others.len());
    }
    words
}

/// Names those that have the same value: in the same environment by their names alone.
fn sharers(attention: &Attention) -> String {
    let shown = attention.shared_with.iter().take(SHARERS_SHOWN);
    let shown = shown.map(|Place { name, environment }| {
        if Some(environment) == attention.environment.as_ref() {
            name.to_string()
        } else if Some(name) == attention.name.as_ref() {
            format!("in {environment}")
        } else {
            format!("{name} in {environment}")
        }
    });
    let shown: Vec<String> = shown.collect();
    match attention.shared_with.len().saturating_sub(SHARERS_SHOWN) {
        0 => shown.join(" and "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns how old a value is and how old it should become, in seconds, where that is
/// known: until it expires or is due, whatever comes first.
pub fn life(attention: &Attention, now: Timestamp) -> Option<(u64, u64)> {
    let made = attention.created_at?;
    let dates = [attention.expires_at, attention.due_at];
    let to = dates.into_iter().flatten().min()?;
    // One that came back is older than its version: as old as its period goes back to.
    let period = attention.due_at.zip(attention.rotate_every);
    let from = period.map_or(made, |(due, every)| due.before(every).min(made));
    Some((from.age(now).as_seconds(), from.age(to).as_seconds()))
}

/// Counts things: `1 secret`, `2 secrets`.
pub fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_s_life_begins_when_it_was_made_first() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let life = |due_at: Option<&str>, expires_at: Option<&str>| {
            let attention = Attention {
                kind: Kind::Due,
                name: None,
                environment: None,
                since: None,
                version: None,
                created_at: Some(at("2026-11-11T00:00:00Z")),
                expires_at: expires_at.map(at),
                due_at: due_at.map(at),
                rotate_every: due_at.and_then(|_| "10d".parse().ok()),
                started_by: None,
                shared_with: Vec::new(),
                revoked_as: Vec::new(),
                stray_space: None,
                last_used: None,
                snoozed_until: None,
                is_pending: false,
                is_to_abort: false,
                is_rotating: false,
            };
            let days = |seconds: u64| seconds / (24 * 60 * 60);
            let life = super::life(&attention, at("2026-11-21T00:00:00Z"));
            life.map(|(age, life)| (days(age), days(life)))
        };
        assert_eq!(life(None, None), None);
        assert_eq!(life(None, Some("2026-12-01T00:00:00Z")), Some((10, 20)));
        assert_eq!(life(Some("2026-11-21T00:00:00Z"), None), Some((10, 10)));
        // It came back in a version that was made when it was due already.
        assert_eq!(life(Some("2026-11-01T00:00:00Z"), None), Some((30, 10)));
        let expires_first = Some("2026-10-27T00:00:00Z");
        assert_eq!(
            life(Some("2026-11-01T00:00:00Z"), expires_first),
            Some((30, 5))
        );
    }
}
