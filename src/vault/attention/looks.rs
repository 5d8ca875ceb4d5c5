//! What a value looks like: one that nobody filled in, one that was copied with a blank
//! too many, one that is worth telling apart from others.
//!
//! Each rule would rather miss something than cry wolf: most of what is in a vault that
//! came from a `.env` are settings, as `3000`, `true` and `localhost`. Rules look at
//! whole words, since any random value may contain a short one. Nothing is copied.

use serde::Serialize;

use crate::name::SecretName;

/// Longest text that is taken for a placeholder: nobody fills in more than that.
const PLACEHOLDER_MAX: usize = 256;

/// What a person would have to fill in, as words.
const NOUNS: &[&str] = &[
    "access",
    "account",
    "api",
    "apikey",
    "app",
    "auth",
    "bucket",
    "client",
    "credentials",
    "database",
    "domain",
    "email",
    "host",
    "hostname",
    "id",
    "key",
    "keys",
    "license",
    "name",
    "org",
    "pass",
    "passphrase",
    "password",
    "private",
    "project",
    "secret",
    "string",
    "token",
    "url",
    "user",
    "username",
    "value",
];

/// Those of them that are a secret.
const SECRETS: &[&str] = &[
    "apikey",
    "credentials",
    "key",
    "pass",
    "passphrase",
    "password",
    "passwd",
    "secret",
    "token",
];

/// Words that say of a secret that it is none.
const STAND_INS: &[&str] = &["dummy", "example", "fake", "placeholder", "sample"];

/// Texts that say so by themselves.
const UNFILLED: &[&str] = &["todo", "fixme", "tbd", "placeholder", "redacted"];

/// Longest word that is taken apart: some can be in more than one way.
const COMPOUND_MAX: usize = 32;

/// What asks to be changed, in the words that people write together or apart.
const ORDERS: &[&str] = &[
    "changeme",
    "changeit",
    "changethis",
    "replaceme",
    "replacethis",
    "fillmein",
];

/// Fewest letters `x` in a row that stand for something else. In a random value of 64
/// letters and digits, six of them come together once in 10^8.
const CROSSES: usize = 6;

/// Most letters and digits beside them: the prefix by which one knows whose key it is.
const PREFIX_MAX: usize = 12;

/// Keys from the documentation of those who issue them, which they do not accept, or
/// let everybody use.
const SAMPLES: &[&str] = &[
    // Stripe's reference, signed out.
    concat!("sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"),
    concat!("sk_test_", "BQokikJOvBiI2HlWgH4olfQ2"),
    concat!("pk_test_", "TYooMQauvdEDq54NiTphI7jx"),
    // jwt.io.
    "your-256-bit-secret",
];

/// Tells whether a value looks as if it was to be replaced by the real one.
pub fn is_placeholder(value: &[u8]) -> bool {
    let Some(text) = text(value).filter(|text| text.len() <= PLACEHOLDER_MAX) else {
        return false;
    };
    let text = text.trim().trim_matches(['"', '\'']);
    !text.is_empty()
        && (is_order(text)
            || is_filler(text)
            || is_bracketed(text)
            || is_reference(text)
            || is_sample(text))
}

/// `changeme`, `your-api-key`, `TODO: ask alice`, `dummy-key`, `token-goes-here`.
fn is_order(text: &str) -> bool {
    let words: Vec<&str> = words(text).collect();
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    let one_of = |word: &str, list: &[&str]| list.iter().any(|one| one.eq_ignore_ascii_case(word));
    let has = |list: &[&str]| words.iter().any(|word| one_of(word, list));
    let is_last = |last: &str| {
        words
            .last()
            .is_some_and(|word| word.eq_ignore_ascii_case(last))
    };
    let begins = |order: &str| begins_with_order(text, order);
    let is_glued = strip_word(first, "your").is_some_and(|rest| is_made_of(rest, NOUNS));
    rest.is_empty() && one_of(first, UNFILLED)
        || ["TODO:", "TODO ", "FIXME:", "FIXME "]
            .iter()
            .any(|mark| text.starts_with(mark))
        || ORDERS.iter().any(|order| begins(order))
        || begins("replacewith")
        || is_glued
        || one_of(first, &["your"]) && (has(NOUNS) || is_last("here"))
        || one_of(first, &["my"])
            && !rest.is_empty()
            && rest.iter().all(|word| is_made_of(word, NOUNS))
            && rest.iter().any(|word| one_of(word, SECRETS))
        || is_last("here") && has(NOUNS)
        || has(STAND_INS)
            && has(SECRETS)
            && words
                .iter()
                .all(|word| one_of(word, STAND_INS) || one_of(word, NOUNS))
}

/// `xxx`, `***`, `sk-xxxxxxxxxxxx`, `ghp_...`.
fn is_filler(text: &str) -> bool {
    let is_cross = |c: char| c.eq_ignore_ascii_case(&'x');
    let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
    let crosses = text.chars().filter(|c| is_cross(*c)).count();
    let longest = text
        .split(|c| !is_cross(c))
        .map(str::len)
        .max()
        .unwrap_or(0);
    let first = text.chars().next().unwrap_or('x');
    let is_one_mark = !first.is_alphanumeric()
        && text.chars().all(|c| c == first)
        && (text.chars().count() >= 3 || first == '…');
    let stem = text.strip_suffix("...").or_else(|| text.strip_suffix('…'));
    let is_cut_short = stem.is_some_and(|stem| {
        stem.len() <= 2 * PREFIX_MAX
            && stem.contains(['-', '_'])
            && stem
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    crosses >= 3 && letters == crosses && !text.contains(' ')
        || longest >= CROSSES && letters - crosses <= PREFIX_MAX
        || is_one_mark
        || is_cut_short
        // Base64 has no dots.
        || text.starts_with("-----BEGIN ") && (text.contains("...") || text.contains('…'))
}

/// `<api key>`, `[REDACTED]`, `sk-<your-key>`, `postgres://<user>:<password>@host`.
fn is_bracketed(text: &str) -> bool {
    let within = |open, close| {
        let inner: &str = text.strip_prefix(open)?.strip_suffix(close)?;
        (!inner.contains([open, close])).then_some(inner)
    };
    let is_name = |inner: &str| {
        let mut bytes = inner.bytes();
        bytes.all(|b| b.is_ascii_alphanumeric() || b" _-.".contains(&b))
            && inner.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let asks = |inner: &str| {
        is_name(inner)
            && words(inner).any(|word| {
                NOUNS.iter().any(|noun| noun.eq_ignore_ascii_case(word))
                    || word.eq_ignore_ascii_case("your")
            })
    };
    let mut parts = text
        .split('<')
        .skip(1)
        .filter_map(|part| part.split_once('>'));
    within('<', '>').is_some_and(is_name)
        || within('[', ']').is_some_and(is_order)
        || !text.contains("</") && parts.any(|(inner, _)| asks(inner))
}

/// `${API_KEY}`, `{{ api_key }}`, `$API_KEY`, `%API_KEY%`, `$(openssl rand -hex 32)`: what
/// something else was to replace.
fn is_reference(text: &str) -> bool {
    let is_capital = |name: &str| {
        name.len() >= 2
            && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    let between = |open: &str, close: &str| text.strip_prefix(open)?.strip_suffix(close);
    let mut embedded = text
        .split("${")
        .skip(1)
        .filter_map(|part| part.split_once('}'));
    between("${", "}").is_some_and(|inner| is_name(inner.split(':').next().unwrap_or_default()))
        || embedded.any(|(inner, _)| is_capital(inner))
        || between("{{", "}}").is_some_and(|inner| is_name(inner.trim()))
        || between("%", "%").is_some_and(is_capital)
        || between("$(", ")").is_some_and(|inner| inner.contains(' '))
        || text
            .strip_prefix('$')
            .is_some_and(|name| name.len() >= 3 && is_capital(name))
}

/// `AKIAIOSFODNN7EXAMPLE` and other keys that everybody has.
fn is_sample(text: &str) -> bool {
    let is_aws = ["EXAMPLE", "EXAMPLEKEY"]
        .iter()
        .any(|end| text.ends_with(end));
    is_aws && text.len() >= 20 && !text.contains(' ') && text.bytes().any(|b| b.is_ascii_digit())
        || SAMPLES.contains(&text)
}

/// Where a value has a blank, a line end or an invisible character that was hardly
/// meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StraySpace {
    /// In front.
    Start,
    /// Behind.
    End,
    /// Somewhere else, where it cannot be seen, or not be told from a space.
    Inside,
}

/// Finds the first of them. Text of several lines may end in a line end, as files do.
pub fn stray_space(value: &[u8]) -> Option<StraySpace> {
    let text = text(value)?;
    let is_stray = |c: char| c.is_whitespace() || is_invisible(c);
    if text.starts_with(is_stray) {
        return Some(StraySpace::Start);
    }
    let line = text
        .strip_suffix('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let body = line.filter(|line| line.contains('\n')).unwrap_or(text);
    if body.ends_with(is_stray) {
        return Some(StraySpace::End);
    }
    // Some scripts and emoji need them; what is ASCII else does not.
    let is_hidden = |c: char| is_invisible(c) || c == '\u{a0}';
    let is_inside = text.contains(is_hidden) && text.chars().all(|c| c.is_ascii() || is_hidden(c));
    is_inside.then_some(StraySpace::Inside)
}

/// Zero width space, non-joiner and joiner, word joiner, soft hyphen, byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{ad}' | '\u{feff}'
    )
}

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

/// What texts begin with that everybody may know.
const PUBLIC: &[&str] = &[
    "-----BEGIN CERTIFICATE",
    "-----BEGIN PUBLIC KEY",
    "ssh-ed25519 ",
    "ssh-rsa ",
    "age1",
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
    let is_named = || {
        let parts = || name.as_str().split('_');
        let one_of =
            |part: &str, list: &[&str]| list.iter().any(|one| one.eq_ignore_ascii_case(part));
        parts().any(|part| one_of(part, SECRET_PARTS))
            && !parts().next_back().is_some_and(|last| one_of(last, ABOUT))
    };
    is_named() || has_random_run(value) || has_password(value)
}

/// Tells whether a value is meant to be known, by its name or its look.
fn is_public(name: &SecretName, value: &[u8]) -> bool {
    let is_said = name.as_str().split('_').any(|part| {
        ["PUBLIC", "PUBLISHABLE"]
            .iter()
            .any(|one| one.eq_ignore_ascii_case(part))
    });
    is_said
        || PUBLIC
            .iter()
            .any(|start| value.starts_with(start.as_bytes()))
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

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// Tells whether a word consists of others: `apikey`.
fn is_made_of(word: &str, others: &[&str]) -> bool {
    if word.len() > COMPOUND_MAX {
        return false;
    }
    let mut longest_first = others.iter().filter_map(|other| strip_word(word, other));
    longest_first.any(|rest| rest.is_empty() || is_made_of(rest, others))
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

/// Tells whether a text begins with an order, in one word or several, with digits
/// behind or without: `change_me`, `CHANGEME123`, and not `change media`.
fn begins_with_order(text: &str, order: &str) -> bool {
    let mut left = order;
    for word in words(text) {
        match strip_word(left, word) {
            Some("") => return true,
            Some(rest) => left = rest,
            None => {
                let end = strip_word(word, left);
                return end.is_some_and(|end| end.bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_filled_in_is_a_placeholder() {
        for text in [
            "changeme",
            "ChangeMe123!",
            "change_me",
            "CHANGE-THIS-IN-PRODUCTION",
            "replace me",
            "REPLACE_WITH_YOUR_KEY",
            "your-api-key-here",
            "YOUR_OPENAI_API_KEY",
            "yourApiKey",
            "\"your-secret\"",
            "my-secret-key",
            "insert-token-here",
            "<your key>",
            "<API_KEY>",
            "sk-<your-key>",
            "postgres://<user>:<password>@db/app",
            "[REDACTED]",
            "TODO",
            "TODO: ask for one",
            "fixme",
            "tbd",
            "placeholder",
            "dummy-key",
            "example_api_token",
            "xxx",
            "XXXX-XXXX",
            "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
            "AKIAXXXXXXXXXXXXXXXX",
            "ghp_...",
            "sk_live_…",
            "***",
            "...",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
            "${API_KEY}",
            "${API_KEY:-none}",
            "${api_key}",
            "postgres://app:${DB_PASSWORD}@db/app",
            "$API_KEY",
            "%API_KEY%",
            "{{ api_key }}",
            "$(openssl rand -hex 32)",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "your-256-bit-secret",
            " changeme\n",
        ] {
            assert!(is_placeholder(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn what_may_be_meant_is_no_placeholder() {
        for text in [
            "",
            " ",
            "3000",
            "0",
            "true",
            "no",
            "none",
            "null",
            "test",
            "development",
            "localhost",
            "127.0.0.1",
            "us-east-1",
            "x",
            "xx",
            "XXL",
            "*",
            "* * * * *",
            "*/5 * * * *",
            "-",
            "./...",
            "info,sqlx=warn",
            "postgres",
            "password",
            "secret",
            "key",
            "api-key",
            "x-api-key",
            "example.com",
            "https://example.com/hook",
            "noreply@example.com",
            "Alice <alice@example.org>",
            "todo-app",
            "sample_app",
            "my-app",
            "my_bucket_2",
            "changement",
            "change media type",
            "yourself",
            "youroffice",
            "Here we go",
            "correct horse battery staple",
            "postgres://postgres:postgres@localhost:5432/app",
            "[1, 2]",
            r#"["a","b"]"#,
            r#"{"a":"<b>"}"#,
            "<p>hello</p>",
            "a < b > c",
            "<>",
            "pa$$word",
            "$2b$12$abcdefghijklmnopqrstuv",
            "50%",
            "%d %H",
            "https://host/{id}/x",
            "sk-proj-4fXxXqZ0aXxL9wPqxxW2",
            "waiting...",
            "AAAAAAAAAAAAAAAAAAAAAAAA",
            "0123456789abcdef0123456789abcdef",
            "-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(!is_placeholder(text.as_bytes()), "{text:?}");
        }
        assert!(!is_placeholder(b"\xff\xfe<key>"));
        // A text that only begins like one.
        let long = format!("<{}>", "key ".repeat(100));
        assert!(!is_placeholder(long.as_bytes()));
        // Nothing takes long, whatever it is given.
        assert!(!is_placeholder(
            format!("your{}", "username".repeat(31)).as_bytes()
        ));
    }

    #[test]
    fn a_blank_too_many_is_found() {
        use StraySpace::{End, Inside, Start};
        for (text, expected) in [
            (" a", Some(Start)),
            ("\ta", Some(Start)),
            ("\u{feff}a", Some(Start)),
            ("\u{a0}a", Some(Start)),
            ("  ", Some(Start)),
            ("a ", Some(End)),
            ("a\n", Some(End)),
            ("a\r\n", Some(End)),
            ("a\r", Some(End)),
            ("a\u{200b}", Some(End)),
            ("a\u{a0}", Some(End)),
            ("a\u{200b}b", Some(Inside)),
            ("a\u{a0}b", Some(Inside)),
            ("a\nb\n\n", Some(End)),
            ("a\nb \n", Some(End)),
            ("", None),
            ("a", None),
            ("a b", None),
            ("a\nb", None),
            ("a\nb\n", None),
            ("a\r\nb\r\n", None),
            ("-----BEGIN X-----\nAA==\n-----END X-----\n", None),
            ("10\u{a0}\u{20ac}", None),
            ("\u{1f469}\u{200d}\u{1f4bb}", None),
        ] {
            assert_eq!(stray_space(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(stray_space(b" \xff "), None);
    }

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
            ("CA", "-----BEGIN CERTIFICATE-----\nMADE0UP0ONE0MADE0UP\n"),
            ("DEPLOY_KEY", "ssh-ed25519 MADE0UP0ONE0MADE0UP"),
        ] {
            assert!(!is_distinct(name, value), "{name}");
        }
    }
}
