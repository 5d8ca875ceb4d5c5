//! Values that nobody filled in.
//!
//! Each rule would rather miss something than cry wolf: most of what is in a vault that
//! came from a `.env` are settings, as `3000`, `true` and `localhost`. Rules look at
//! whole words, since any random value may contain a short one. Nothing is copied.

use crate::name::SecretName;
use crate::vault::attention::text;

/// Longest text that is taken for a placeholder: nobody fills in more than that.
const PLACEHOLDER_MAX: usize = 256;

/// What a person would have to fill in, as words.
const NOUNS: &[&str] = &[
    "access",
    "account",
    "admin",
    "api",
    "apikey",
    "app",
    "auth",
    "base",
    "bearer",
    "bucket",
    "client",
    "credentials",
    "database",
    "db",
    "domain",
    "email",
    "encryption",
    "endpoint",
    "host",
    "hostname",
    "id",
    "jwt",
    "key",
    "keys",
    "license",
    "mail",
    "name",
    "org",
    "pass",
    "passphrase",
    "password",
    "private",
    "project",
    "refresh",
    "region",
    "secret",
    "server",
    "service",
    "session",
    "signing",
    "smtp",
    "string",
    "tenant",
    "token",
    "url",
    "user",
    "username",
    "value",
    "webhook",
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
const STAND_INS: &[&str] = &[
    "dummy",
    "example",
    "fake",
    "placeholder",
    "random",
    "sample",
    "some",
    // In two, as `architecture` would take it for a path.
    concat!("sup", "er"),
];

/// Words beside those that say no more.
const FILLERS: &[&str] = &["a", "an", "and", "long", "my", "secure", "the", "very"];

/// Texts that say so by themselves.
const UNFILLED: &[&str] = &["todo", "fixme", "tbd", "placeholder", "redacted"];

/// Longest word that is taken apart: some can be in more than one way.
const COMPOUND_MAX: usize = 32;

/// What asks to be changed, in the words that people write together or apart.
const ORDERS: &[&str] = &[
    "changeme",
    "changeit",
    "changethis",
    "changeinproduction",
    "pleasechangeme",
    "pleasechangethis",
    "replaceme",
    "replacethis",
    "replacewith",
    "tobechanged",
    "tobedefined",
    "tobereplaced",
    "tobeset",
    "fillmein",
    "setme",
    "generateme",
    "generatewith",
    "randomstring",
    "notareal",
];

/// Fewest letters `x` in a row that stand for something else. In a random value of 64
/// letters and digits, six of them come together once in 10^8.
const CROSSES: usize = 6;

/// Fewest of a word of nothing else, and fewest where the whole text is short.
const CROSSED_WORD: usize = 4;
const CROSSED_WORD_SHORT: usize = 3;
const SHORT: usize = 20;

/// Fewest zeros of a text of nothing else: an encryption key that is none. Fewer may be
/// a number.
const ZEROS: usize = 32;

/// Most letters and digits beside them: the prefix by which one knows whose key it is.
const PREFIX_MAX: usize = 12;

/// Keys from the documentation of those who issue them, which they do not accept, or
/// let everybody use.
const SAMPLES: &[&str] = &[
    // Stripe's reference, signed out.
    concat!("sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"),
    concat!("sk_test_", "BQokikJOvBiI2HlWgH4olfQ2"),
    concat!("pk_test_", "TYooMQauvdEDq54NiTphI7jx"),
    // Sentry's documentation.
    "https://examplePublicKey@o0.ingest.sentry.io/0",
    // jwt.io.
    "your-256-bit-secret",
];

/// Tells whether a value looks as if it was to be replaced by the real one.
pub fn is_placeholder(name: &SecretName, value: &[u8]) -> bool {
    let Some(text) = text(value).filter(|text| text.len() <= PLACEHOLDER_MAX) else {
        return false;
    };
    let text = text.trim().trim_matches(['"', '\'']);
    !text.is_empty()
        && (is_order(text)
            || is_addressed(text)
            || is_filler(text)
            || is_cut_short(text)
            || is_bracketed(text)
            || is_reference(text)
            || is_address_of_none(text)
            || is_sample(text)
            // One word may be meant: `redis` is a name for a host.
            || text == name.as_str() && text.contains('_'))
}

/// `changeme`, `TODO: ask alice`, `dummy-key`, `some-long-random-string`,
/// `token-goes-here`.
fn is_order(text: &str) -> bool {
    let words: Vec<&str> = words(text).collect();
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    let has = |list: &[&str]| words.iter().any(|word| is_one_of(word, list));
    let is_last = |last: &str| {
        words
            .last()
            .is_some_and(|word| word.eq_ignore_ascii_case(last))
    };
    let is_mine = |word: &str| {
        let rest = strip_word(word, "my");
        rest.is_some_and(|rest| !is_one_of(rest, NOUNS) && is_glued(rest))
    };
    let mut stand_ins = STAND_INS.iter().filter_map(|one| strip_word(first, one));
    rest.is_empty() && is_one_of(first, UNFILLED)
        || ["TODO:", "TODO ", "FIXME:", "FIXME "]
            .iter()
            .any(|mark| text.starts_with(mark))
        || ORDERS.iter().any(|order| begins_with_order(text, order))
        || rest.is_empty() && (is_mine(first) || stand_ins.any(is_glued))
        || is_one_of(first, &["my"])
            && !rest.is_empty()
            && rest
                .iter()
                .all(|word| is_one_of(word, STAND_INS) || is_made_of(word, NOUNS))
            && rest.iter().any(|word| is_one_of(word, SECRETS))
        || is_last("here") && has(NOUNS)
        || has(STAND_INS)
            && (has(SECRETS) || has(&["string"]))
            && words.iter().all(|word| {
                [STAND_INS, NOUNS, FILLERS]
                    .iter()
                    .any(|list| is_one_of(word, list))
            })
}

/// Tells whether a word is a secret's, written in one, with digits behind or without:
/// `secretkey`, `token1`.
fn is_glued(word: &str) -> bool {
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
    SECRETS.iter().any(|secret| {
        let start = word.len().checked_sub(secret.len());
        start.is_some_and(|start| {
            word.get(start..)
                .is_some_and(|end| is_one_of(end, &[*secret]))
        })
    }) && is_made_of(word, NOUNS)
}

/// `your-api-key`, `yourApiKey`, `sk-your-key`, `Bearer YOUR_TOKEN`.
fn is_addressed(text: &str) -> bool {
    let words: Vec<&str> = words(text).collect();
    let Some(at) = words.iter().position(|word| is_one_of(word, &["your"])) else {
        let first = words.first().and_then(|first| strip_word(first, "your"));
        return first.is_some_and(|rest| is_made_of(rest, NOUNS));
    };
    let rest = &words[at + 1..];
    let names_one = rest.iter().any(|word| is_one_of(word, NOUNS));
    let is_last = |list: &[&str]| rest.last().is_some_and(|word| is_one_of(word, list));
    if text.contains(char::is_whitespace) {
        // A sentence may speak to somebody: `Welcome to your account`.
        return words[at] == "YOUR" && names_one
            || at == 0 && (is_last(NOUNS) || is_last(&["here"]));
    }
    at == 0 && !rest.is_empty() || names_one || is_last(&["here"])
}

/// `xxx`, `***`, `sk-xxxxxxxxxxxx`, `xxxx.apps.googleusercontent.com`, 32 zeros.
fn is_filler(text: &str) -> bool {
    let is_cross = |c: char| c.eq_ignore_ascii_case(&'x');
    let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
    let crosses = text.chars().filter(|c| is_cross(*c)).count();
    let longest = text
        .split(|c| !is_cross(c))
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fewest = match text.len() {
        0..=SHORT => CROSSED_WORD_SHORT,
        _ => CROSSED_WORD,
    };
    let has_crossed_word =
        || words(text).any(|word| word.len() >= fewest && word.chars().all(is_cross));
    let first = text.chars().next().unwrap_or('x');
    let is_one_mark = !first.is_alphanumeric()
        && text.chars().all(|c| c == first)
        && (text.chars().count() >= 3 || first == '…');
    crosses >= 3 && letters == crosses && !text.contains(' ')
        || longest >= CROSSES && letters - crosses <= PREFIX_MAX
        || has_crossed_word()
        || is_one_mark
        || text.contains("******")
        || text.len() >= ZEROS && text.bytes().all(|b| b == b'0')
}

/// `ghp_...`, `sk-...abcd`, `AIzaSy...`, `-----BEGIN PRIVATE KEY-----\n…`.
fn is_cut_short(text: &str) -> bool {
    if text.starts_with("-----BEGIN ") {
        // Base64 has no dots, and neither `_` nor `-`.
        let is_your =
            |five: &[u8]| five[..4].eq_ignore_ascii_case(b"your") && b"_- ".contains(&five[4]);
        return text.contains("...")
            || text.contains('…')
            || text.as_bytes().windows(5).any(is_your);
    }
    let Some((start, end)) = text.split_once("...").or_else(|| text.split_once('…')) else {
        return false;
    };
    // A word of a language is not written so.
    let is_camel = || {
        start
            .as_bytes()
            .windows(2)
            .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
    };
    start.len() + end.len() <= 2 * PREFIX_MAX
        && (start.contains(['-', '_']) || is_camel())
        && [start, end].iter().all(|part| {
            part.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// `https://your-domain.example.com`, `postgres://USER:PASSWORD@HOST:PORT/NAME`.
fn is_address_of_none(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit(':').next().unwrap_or_default();
    port.eq_ignore_ascii_case("port") && port != authority
        || authority.split(['.', ':', '@']).any(is_addressed)
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
    let mut squared = text
        .split('[')
        .skip(1)
        .filter_map(|part| part.split_once(']'));
    let is_asked = |inner: &str| is_order(inner) || is_addressed(inner);
    within('<', '>').is_some_and(is_name)
        || within('[', ']').is_some_and(is_asked)
        || text.contains("://") && squared.any(|(inner, _)| is_name(inner) && is_asked(inner))
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
        || between("#{", "}#").is_some_and(is_capital)
        || between("__", "__").is_some_and(|inner| is_capital(inner) && inner.contains('_'))
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

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(word))
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

    fn looks_unfilled(value: &[u8]) -> bool {
        is_placeholder(&"A_KEY".parse().expect("a name"), value)
    }

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
            "your-super-secret-and-long-database-password",
            "your-tenant-id",
            "your-region",
            "your-base-url-for-azure",
            "your-email@example.com",
            "yourjwtsecret",
            "sk-your-key",
            "ghp_your_token",
            "enter_your_api_key",
            "ENTER YOUR KEY",
            "Bearer YOUR_TOKEN",
            "please-change-me",
            "TO_BE_SET",
            "generate-with-openssl",
            "fake_mail_password",
            "fakekey123",
            "supersecret",
            "my-super-secret-password",
            "mySecretKey",
            "some-long-random-string",
            "whsec_xxx",
            "xxxx.apps.googleusercontent.com",
            "sk-...abcd",
            "AIzaSy...",
            "-----BEGIN PRIVATE KEY-----\nYour-Key\n-----END PRIVATE KEY-----\n",
            "ld-*******-proxy",
            "https://your-domain.example.com",
            "https://yourdomain.com/api",
            "postgres://USER:PASSWORD@HOST:PORT/NAME",
            "postgres://app:[YOUR-PASSWORD]@db.example.com/app",
            "{{YOUR_API_KEY}}",
            "#{API_KEY}#",
            "__API_KEY__",
            "https://examplePublicKey@o0.ingest.sentry.io/0",
            " changeme\n",
        ] {
            assert!(looks_unfilled(text.as_bytes()), "{text:?}");
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
            "Welcome to your account",
            "Your password has expired",
            "Reset your password",
            "user_provided",
            "mypassword",
            "superuser",
            "example-bucket",
            "sample-app-server",
            "https://example.com/your/path",
            "to be settled",
            "set media",
            "00000000-0000-0000-0000-000000000000",
            "1...10",
            "app.config...",
            "__init__",
            "-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(!looks_unfilled(text.as_bytes()), "{text:?}");
        }
        assert!(!looks_unfilled(b"\xff\xfe<key>"));
        // A text that only begins like one.
        let long = format!("<{}>", "key ".repeat(100));
        assert!(!looks_unfilled(long.as_bytes()));
        // Nothing takes long, whatever it is given.
        assert!(!looks_unfilled(
            format!("your{}", "username".repeat(31)).as_bytes()
        ));
    }

    #[test]
    fn a_value_that_is_its_own_name_is_a_placeholder() {
        let is_own = |name: &str| is_placeholder(&name.parse().expect("a name"), name.as_bytes());
        assert!(is_own("PROJECT_ID"));
        assert!(!is_own("redis"));
        assert!(!looks_unfilled(b"PROJECT_ID"));
    }

    /// Values as providers make them, by the forms that they document, with random
    /// parts: none is taken for one that nobody filled in.
    #[test]
    fn what_providers_issue_is_no_placeholder() {
        const FORMS: &[&str] = &[
            "AKIA{16}",
            "sk_live_{24}",
            "sk-proj-{74}T3BlbkFJ{74}",
            "sk-ant-api03-{93}AA",
            "ghp_{36}",
            "github_pat_{22}_{59}",
            "glpat-{20}",
            "xoxb-{12}-{13}-{24}",
            "https://hooks.slack.com/services/T{8}/B{10}/{24}",
            "SG.{22}.{43}",
            "GOCSPX-{28}",
            "AIza{35}",
            "hvs.{90}",
            "eyJ{33}.eyJ{80}.{43}",
            "postgres://app:{24}@db.example.com:5432/app",
            "https://{32}@o1.ingest.sentry.io/1",
            "-----BEGIN PRIVATE KEY-----\n{64}\n-----END PRIVATE KEY-----\n",
            "{32}",
        ];
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        // As random as needed, and the same each time.
        let mut state: u64 = 1;
        let mut letter = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(LETTERS[usize::try_from(state >> 58).expect("below 64")])
        };
        for form in FORMS {
            for _ in 0..200 {
                let mut value = String::new();
                for (at, part) in form.split(['{', '}']).enumerate() {
                    if at % 2 == 0 {
                        value.push_str(part);
                    } else {
                        let length = part.parse().expect("a number");
                        value.extend((0..length).map(|_| letter()));
                    }
                }
                assert!(!looks_unfilled(value.as_bytes()), "{value}");
            }
        }
    }
}
