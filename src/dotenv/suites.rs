//! The public test suites of the originals, as data in `tests/cli/dotenv`: each case a
//! file and what its original reads from it. We read the same, but for a list of exceptions.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use crate::dotenv::{Dialect, Failure, parse};
    use crate::secret_value::SecretValue;

    #[derive(Deserialize)]
    struct Suite {
        cases: Vec<Case>,
    }

    type Variables = BTreeMap<String, Option<String>>;

    #[derive(Deserialize)]
    struct Case {
        file: String,
        /// What is read; a name alone is `null`.
        #[serde(default)]
        read: Variables,
        /// Whether the original refuses the file.
        #[serde(default)]
        refused: bool,
        /// What is outside, where references are resolved.
        outside: Option<BTreeMap<String, String>>,
    }

    const SUITES: [(&str, Dialect, &str); 6] = [
        (
            "dotenv",
            Dialect::Node,
            include_str!("../../tests/cli/dotenv/dotenv.json"),
        ),
        (
            "node",
            Dialect::Node,
            include_str!("../../tests/cli/dotenv/node.json"),
        ),
        (
            "python-dotenv",
            Dialect::Python,
            include_str!("../../tests/cli/dotenv/python-dotenv.json"),
        ),
        (
            "compose",
            Dialect::Compose,
            include_str!("../../tests/cli/dotenv/compose.json"),
        ),
        (
            "godotenv",
            Dialect::Compose,
            include_str!("../../tests/cli/dotenv/godotenv.json"),
        ),
        (
            "ruby",
            Dialect::Ruby,
            include_str!("../../tests/cli/dotenv/ruby.json"),
        ),
    ];

    /// A case that we read differently: whose, the file, and why.
    type Exception = (&'static str, &'static str, &'static str);

    const EXCEPTIONS: [Exception; 13] = [
        (
            "node",
            "foo\n\nbar\nbaz=whatever\nVALID_AFTER_INVALID=test\nmultiple_invalid\nlines_without_equals\nANOTHER_VALID=value\n",
            "a name alone is told, where Node passes it over",
        ),
        (
            "node",
            "MULTI_NOT_VALID_QUOTE=\"\nMULTI_NOT_VALID=THIS\n",
            "a quote that is not closed is refused, where Node takes it for the value",
        ),
        (
            "node",
            "MULTI_NOT_VALID=THIS\nIS NOT MULTILINE\n",
            "what is no assignment is refused, where Node passes it over",
        ),
        (
            "python-dotenv",
            "a: b",
            "what is no assignment is refused, where python-dotenv warns",
        ),
        (
            "python-dotenv",
            "a=\"\nb=c",
            "a quote that is not closed is refused, where python-dotenv warns",
        ),
        (
            "python-dotenv",
            "b=d\na=${b}",
            "the environment comes before the file, as in `load_dotenv()`; the case is of `dotenv_values()`",
        ),
        (
            "godotenv",
            "K='it is \\'quoted\\''\n",
            "Compose takes the backslash off a quote in single quotes",
        ),
        (
            "godotenv",
            "FOO=\"bar\\n\\ b\\az\"",
            "Compose knows more escapes, and leaves the backslash of others",
        ),
        (
            "godotenv",
            "FOO=\"bar\\\\\\n\\ b\\az\"",
            "Compose knows more escapes, and leaves the backslash of others",
        ),
        (
            "godotenv",
            "FOO=\"bar\\\\r\\ b\\az\"",
            "Compose knows more escapes, and leaves the backslash of others",
        ),
        (
            "ruby",
            "lol$wut",
            "what is no assignment is refused, where the gem passes it over",
        ),
        (
            "ruby",
            "echo=$(echo hello)",
            "a command is refused, where the gem runs it",
        ),
        (
            "ruby",
            "OPTION_A=2\nexport OH_NO_NOT_SET",
            "a name alone is told, where the gem refuses it",
        ),
    ];

    fn read(case: &Case, dialect: Dialect) -> Result<Variables, Failure> {
        let outside = |name: &str| {
            let value = case.outside.as_ref()?.get(name)?;
            Some(SecretValue::from_text(value.clone()))
        };
        let expand = case.outside.is_some();
        let mut read = Variables::new();
        for entry in parse(case.file.as_bytes(), dialect, expand.then_some(&outside))? {
            let value = entry.value.as_ref();
            let text = value.map(|value| String::from_utf8_lossy(value.expose()).into_owned());
            // A name alone takes nothing back.
            if text.is_some() || !read.contains_key(&entry.name) {
                read.insert(entry.name, text);
            }
        }
        Ok(read)
    }

    #[test]
    fn the_cases_of_the_originals_are_read_as_they_read_them() {
        let mut found = Vec::new();
        for (suite, dialect, data) in SUITES {
            let cases: Suite = serde_json::from_str(data).expect("a suite");
            for case in cases.cases {
                let read = read(&case, dialect);
                let is_same = match &read {
                    Ok(read) => !case.refused && *read == case.read,
                    Err(_) => case.refused,
                };
                if !is_same {
                    found.push((suite, case.file));
                }
            }
        }
        let mut listed = EXCEPTIONS.map(|(suite, file, _)| (suite, file.to_owned()));
        found.sort();
        listed.sort();
        assert_eq!(found, listed);
    }
}
