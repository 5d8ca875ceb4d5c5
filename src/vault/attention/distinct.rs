//! Values that are worth telling apart from others: most of what is in a vault that
//! came from a `.env` are settings, and two of them may well be the same.

use crate::name::SecretName;
use crate::vault::attention::text;

/// Shortest value that is worth telling apart: what is shorter is a setting, or guessed
/// by anyone.
const DISTINCT_MIN: usize = 8;

/// Shortest run of letters and digits that nobody thought of. One in a UUID, which is
/// as often no secret as it is one, has 12.
const RUN_MIN: usize = 16;

/// Parts of names that say: this is a secret.
const SECRET_PARTS: &[&str] = &[
    "APIKEY",
    "AUTH",
    "CREDENTIAL",
    "CREDENTIALS",
    "KEY",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PEPPER",
    "PRIVATE",
    "PWD",
    "SALT",
    "SECRET",
    "TOKEN",
    "SIGNING",
];

/// Last parts of names that say: this is about a secret.
const ABOUT: &[&str] = &[
    "ALG",
    "ALGORITHM",
    "DOMAIN",
    "EMAIL",
    "FILE",
    "HEADER",
    "HOST",
    "ID",
    "ISSUER",
    "LENGTH",
    "METHOD",
    "NAME",
    "PATH",
    "PORT",
    "PREFIX",
    "TTL",
    "TYPE",
    "URL",
    "USER",
    "VERSION",
];

/// Last parts of names that say: this tells things apart, and however random it looks
/// it may be known, and be the same in two environments.
const IDENTIFIERS: &[&str] = &[
    "ARN", "BUCKET", "COMMIT", "DIGEST", "DOMAIN", "HOST", "ID", "IDS", "REVISION", "SHA", "SID",
    "VERSION",
];

/// What texts begin with that everybody may know.
const PUBLIC: &[&str] = &[
    "-----BEGIN CERTIFICATE",
    "-----BEGIN PUBLIC KEY",
    "ssh-ed25519 ",
    "ssh-rsa ",
    "age1",
    // What Stripe and Clerk, Mapbox and PostHog have in every page.
    "pk_live_",
    "pk_test_",
    "pk.",
    "phc_",
];

/// Tells whether it is worth telling who else has a value, if any of them has it for a
/// secret.
pub fn may_be_told(name: &SecretName, value: &[u8]) -> bool {
    value.len() >= DISTINCT_MIN && !is_public(name, value)
}

/// Tells whether a value is a secret, by its name or its look, so that it is told where
/// there is a second of it: two settings may well be the same.
pub fn is_distinct(name: &SecretName, value: &[u8]) -> bool {
    if !may_be_told(name, value) {
        return false;
    }
    let one_of = |part: &str, list: &[&str]| list.iter().any(|one| one.eq_ignore_ascii_case(part));
    let parts = || name.as_str().split('_');
    let last_is = |list: &[&str]| parts().next_back().is_some_and(|last| one_of(last, list));
    let is_named = || parts().any(|part| one_of(part, SECRET_PARTS)) && !last_is(ABOUT);
    is_named() || !last_is(IDENTIFIERS) && has_random_run(value) || has_password(value)
}

/// Tells whether a value is meant to be known, by its name or its look.
fn is_public(name: &SecretName, value: &[u8]) -> bool {
    let is_said = name.as_str().split('_').any(|part| {
        ["PUBLIC", "PUBLISHABLE"]
            .iter()
            .any(|one| one.eq_ignore_ascii_case(part))
    });
    is_said
        || is_sentry(value)
        || PUBLIC
            .iter()
            .any(|start| value.starts_with(start.as_bytes()))
}

/// Tells whether it is where a program sends its errors, which every browser that shows
/// it may know.
fn is_sentry(value: &[u8]) -> bool {
    let host = || {
        let (_, rest) = text(value)?.split_once("://")?;
        let (user, host) = rest.split_once('@')?;
        (!user.contains(':')).then_some(host)
    };
    host().is_some_and(|host| host.contains("sentry"))
}

fn has_random_run(value: &[u8]) -> bool {
    let mut runs = value.split(|b| !b.is_ascii_alphanumeric());
    runs.any(|run| {
        run.len() >= RUN_MIN
            && run.iter().any(u8::is_ascii_digit)
            && run.iter().any(u8::is_ascii_alphabetic)
    })
}

/// Tells whether it is a URL with a password, to somewhere else than this machine.
fn has_password(value: &[u8]) -> bool {
    let password = || {
        let (_, rest) = text(value)?.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, host) = authority.rsplit_once('@')?;
        let (_, password) = user.split_once(':')?;
        let is_here = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|here| host.starts_with(here));
        (!is_here).then_some(password)
    };
    password().is_some_and(|password| password.len() >= DISTINCT_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_secrets_are_told_where_there_are_two_of_them() {
        let is_distinct =
            |name: &str, value: &str| is_distinct(&name.parse().expect("a name"), value.as_bytes());
        for (name, value) in [
            ("DB_PASSWORD", "made-up-one"),
            ("api_key", "made-up-one"),
            ("STRIPE", "made0up0one0made0up0one"),
            ("HOOK", "https://hooks.example.com/T0/made0up0one0made0up"),
            (
                "DATABASE_URL",
                "postgres://app:made-up-one@db.example.com/app",
            ),
            ("TLS", "-----BEGIN PRIVATE KEY-----\nMADE0UP0ONE0MADE0UP\n"),
        ] {
            assert!(is_distinct(name, value), "{name}");
        }
        for (name, value) in [
            ("PORT", "3000"),
            ("DB_PASSWORD", "short"),
            ("API_URL", "https://api.example.com/v1"),
            ("TOKEN_URL", "https://id.example.com/token"),
            ("REGION", "eu-central-1"),
            (
                "DATABASE_URL",
                "postgres://postgres:postgres@localhost:5432/app",
            ),
            ("TENANT_ID", "550e8400-e29b-41d4-a716-446655440000"),
            ("NEXT_PUBLIC_KEY", "made0up0one0made0up0one"),
            (
                "GOOGLE_CLIENT_ID",
                "1234-made0up0one0made0up0one.apps.example.com",
            ),
            ("AWS_ACCESS_KEY_ID", "AKIAMADE0UP0ONE0MADE"),
            ("COMMIT_SHA", "made0up0one0made0up0one"),
            ("STRIPE_KEY", "pk_live_made0up0one0made0up0one"),
            (
                "SENTRY_DSN",
                "https://made0up0one0made0up0one@o1.ingest.sentry.io/1",
            ),
            ("CA", "-----BEGIN CERTIFICATE-----\nMADE0UP0ONE0MADE0UP\n"),
            ("DEPLOY_KEY", "ssh-ed25519 MADE0UP0ONE0MADE0UP"),
        ] {
            assert!(!is_distinct(name, value), "{name}");
        }
    }
}
