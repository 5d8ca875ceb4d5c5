//! Findings in the Static Analysis Results Interchange Format (OASIS, SARIF 2.1.0), as
//! code hosts and editors take them.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::scan::findings::{Finding, Found, Origin, Severity};

/// Where the schema is.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Stands for the folder that was scanned.
const ROOT: &str = "%SRCROOT%";

/// Tells findings from others that hosts compare them with.
const FINGERPRINT: &str = "keyvaultId/v1";

/// The log of one scan.
#[derive(Serialize)]
pub struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Value,
    invocations: Value,
    column_kind: &'static str,
    results: Results<'a>,
    properties: Value,
}

/// What was found, of which each is made as it is written: there may be a million.
struct Results<'a> {
    findings: &'a [Finding],
    index: BTreeMap<&'a str, usize>,
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let findings = self.findings.iter();
        serializer
            .collect_seq(findings.map(|finding| result(finding, self.index[finding.what.rule()])))
    }
}

/// Returns the log of one scan.
pub fn log(found: &Found) -> Log<'_> {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in &found.findings {
        rules.entry(finding.what.rule()).or_insert(finding);
    }
    let index: BTreeMap<&str, usize> = rules
        .keys()
        .enumerate()
        .map(|(at, rule)| (*rule, at))
        .collect();
    let unread = found.scanned.unread.iter().map(|unread| {
        json!({
            "level": "warning",
            "message": { "text": format!("not scanned: {}", unread.why) },
            "locations": [{ "physicalLocation": { "artifactLocation": artifact(&unread.path) } }],
        })
    });
    let run = Run {
        tool: json!({ "driver": {
            "name": "keyvault",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
        } }),
        invocations: json!([{
            "executionSuccessful": true,
            "toolExecutionNotifications": unread.collect::<Vec<_>>(),
        }]),
        column_kind: "unicodeCodePoints",
        results: Results {
            findings: &found.findings,
            index,
        },
        properties: json!({ "scanned": found.scanned }),
    };
    Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [run],
    }
}

fn rule(finding: &Finding) -> Value {
    let severity = finding.severity();
    // By which GitHub sorts them: from 9.0 on critical, from 4.0 on medium.
    let weight = match severity {
        Severity::Error => "9.0",
        Severity::Warning => "4.0",
    };
    let mut rule = json!({
        "id": finding.what.rule(),
        "shortDescription": { "text": finding.what.in_general() },
        "defaultConfiguration": { "level": severity.as_str() },
        "properties": { "tags": ["security"], "security-severity": weight },
    });
    if let Some(source) = finding.what.source() {
        rule["helpUri"] = source.into();
    }
    rule
}

fn result(finding: &Finding, rule_index: usize) -> Value {
    let mut result = json!({
        "ruleId": finding.what.rule(),
        "ruleIndex": rule_index,
        "level": finding.severity().as_str(),
        "message": { "text": format!("{}: {}", finding.words(), finding.advice()) },
    });
    let fields = result.as_object_mut().expect("an object");
    let mut location = Map::new();
    if let Some(path) = finding.origin.path() {
        let mut physical = Map::new();
        physical.insert("artifactLocation".to_owned(), artifact(path));
        if let Some(position) = finding.position {
            let region = json!({ "startLine": position.line, "startColumn": position.column });
            physical.insert("region".to_owned(), region);
        }
        location.insert("physicalLocation".to_owned(), physical.into());
    } else {
        let name = finding.origin.to_string();
        location.insert(
            "logicalLocations".to_owned(),
            json!([{ "fullyQualifiedName": name }]),
        );
    }
    fields.insert("locations".to_owned(), json!([location]));
    if let Some(id) = finding.id {
        fields.insert("partialFingerprints".to_owned(), json!({ FINGERPRINT: id }));
    }
    let mut properties = Map::new();
    if let Some(commit) = finding.origin.commit() {
        properties.insert("commit".to_owned(), commit.into());
    }
    if let Origin::Tag(name) = &finding.origin {
        properties.insert("tag".to_owned(), name.as_str().into());
    }
    if !properties.is_empty() {
        fields.insert("properties".to_owned(), properties.into());
    }
    result
}

/// Says where a file is, by a URI (RFC 3986).
fn artifact(path: &Path) -> Value {
    if path.is_absolute() {
        return json!({ "uri": format!("file://{}", escaped(path)) });
    }
    json!({ "uri": escaped(path), "uriBaseId": ROOT })
}

/// Writes a path as one of a URI: each part with what is not plain in hexadecimal, byte
/// by byte, so that names which are not text come back whole.
fn escaped(path: &Path) -> String {
    let mut uri = String::new();
    for part in path.components() {
        match part {
            Component::RootDir => uri.push('/'),
            Component::CurDir | Component::Prefix(_) => {}
            part => {
                if !uri.is_empty() && !uri.ends_with('/') {
                    uri.push('/');
                }
                for byte in part.as_os_str().as_bytes() {
                    if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                        uri.push(char::from(*byte));
                    } else {
                        uri.push_str(&format!("%{byte:02X}"));
                    }
                }
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::findings::samples;

    /// The fields that the schema knows of an object, and with `!` those that it
    /// requires (sarif-schema-2.1.0.json, `definitions`), as far as they are written here.
    const DEFINITIONS: [(&str, &str); 14] = [
        ("log", "$schema version! runs!"),
        ("run", "tool! invocations columnKind results properties"),
        ("tool", "driver!"),
        ("driver", "name! version rules"),
        (
            "rule",
            "id! shortDescription helpUri defaultConfiguration properties",
        ),
        ("text", "text!"),
        ("configuration", "level"),
        (
            "invocation",
            "executionSuccessful! toolExecutionNotifications",
        ),
        ("notification", "message! level locations"),
        (
            "result",
            "message! ruleId ruleIndex level locations partialFingerprints properties",
        ),
        ("location", "physicalLocation logicalLocations"),
        ("physical", "artifactLocation! region"),
        ("artifact", "uri uriBaseId"),
        ("region", "startLine startColumn"),
    ];

    #[track_caller]
    fn fits<'a>(definition: &str, value: &'a Value) -> &'a Map<String, Value> {
        let object = value.as_object().expect("an object");
        let known = DEFINITIONS.iter().find(|(name, _)| *name == definition);
        let (_, fields) = known.expect("a definition");
        for field in fields.split(' ') {
            if let Some(required) = field.strip_suffix('!') {
                assert!(
                    object.contains_key(required),
                    "{definition}: no `{required}`"
                );
            }
        }
        let names: Vec<&str> = fields
            .split(' ')
            .map(|field| field.trim_end_matches('!'))
            .collect();
        for field in object.keys() {
            assert!(
                names.contains(&field.as_str()),
                "{definition}: what is `{field}`?"
            );
        }
        object
    }

    fn items(value: &Value) -> &[Value] {
        value.as_array().expect("a list")
    }

    fn fits_location(location: &Value) {
        let location = fits("location", location);
        if let Some(physical) = location.get("physicalLocation") {
            let physical = fits("physical", physical);
            fits("artifact", &physical["artifactLocation"]);
            if let Some(region) = physical.get("region") {
                for number in fits("region", region).values() {
                    assert!(number.as_u64() >= Some(1), "{number}");
                }
            }
        }
    }

    #[test]
    fn the_schema_has_all_that_is_written_and_requires_no_more() {
        let log = serde_json::to_value(log(&samples::found())).expect("JSON");
        fits("log", &log);
        assert_eq!(log["version"], "2.1.0");
        for run in items(&log["runs"]) {
            let run = fits("run", run);
            let driver = fits("driver", &fits("tool", &run["tool"])["driver"]);
            let rules = items(&driver["rules"]);
            for rule in rules {
                let rule = fits("rule", rule);
                fits("text", &rule["shortDescription"]);
                fits("configuration", &rule["defaultConfiguration"]);
            }
            for invocation in items(&run["invocations"]) {
                let invocation = fits("invocation", invocation);
                for notification in items(&invocation["toolExecutionNotifications"]) {
                    let notification = fits("notification", notification);
                    fits("text", &notification["message"]);
                    items(&notification["locations"])
                        .iter()
                        .for_each(fits_location);
                }
            }
            let results = items(&run["results"]);
            assert_eq!(results.len(), samples::found().findings.len());
            for result in results {
                let result = fits("result", result);
                fits("text", &result["message"]);
                items(&result["locations"]).iter().for_each(fits_location);
                assert!(["error", "warning"].contains(&result["level"].as_str().expect("a word")));
                let index = result["ruleIndex"].as_u64().expect("a number");
                let index = usize::try_from(index).expect("small");
                assert_eq!(rules[index]["id"], result["ruleId"]);
            }
        }
    }

    #[test]
    fn a_path_is_a_uri() {
        for (path, uri) in [
            (
                "src/a b.ts",
                json!({ "uri": "src/a%20b.ts", "uriBaseId": ROOT }),
            ),
            (
                "./é:%?#",
                json!({ "uri": "%C3%A9%3A%25%3F%23", "uriBaseId": ROOT }),
            ),
            ("../x", json!({ "uri": "../x", "uriBaseId": ROOT })),
            ("/tmp/x y", json!({ "uri": "file:///tmp/x%20y" })),
        ] {
            assert_eq!(artifact(Path::new(path)), uri, "{path}");
        }
        let log = serde_json::to_value(log(&samples::found())).expect("JSON");
        let not_text = &log["runs"][0]["results"][3]["locations"][0]["physicalLocation"];
        assert_eq!(not_text["artifactLocation"]["uri"], "%FF.key");
    }
}
