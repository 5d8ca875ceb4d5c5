//! Findings as workflow commands of GitHub Actions, which show them beside the lines
//! that they are on (GitHub's documentation, "Workflow commands for GitHub Actions").

use std::io::{self, Write};

use crate::error::is_unshowable;
use crate::scan::findings::Found;

/// Writes a command a line.
///
/// # Errors
///
/// As `out` does.
pub fn write(found: &Found, out: &mut dyn Write) -> io::Result<()> {
    for finding in &found.findings {
        let mut properties = Vec::new();
        // What a commit of the past has is on no line that could be shown.
        let is_past = finding.origin.commit().is_some();
        let file = finding.origin.path().filter(|_| !is_past);
        if let Some(path) = file {
            properties.push(("file", path.to_string_lossy().into_owned()));
            if let Some(position) = finding.position {
                properties.push(("line", position.line.to_string()));
                properties.push(("col", position.column.to_string()));
            }
        }
        properties.push(("title", finding.what.in_general()));
        let properties: Vec<String> = properties
            .into_iter()
            .map(|(name, value)| format!("{name}={}", escaped(&value, true)))
            .collect();
        let place = match file {
            Some(_) => String::new(),
            None => format!("{}: ", finding.place()),
        };
        let message = format!(
            "{place}{}: {}; or allow it: {}",
            finding.words(),
            finding.advice(),
            finding.allowing()
        );
        writeln!(
            out,
            "::{} {}::{}",
            finding.severity().as_str(),
            properties.join(","),
            escaped(&message, false)
        )?;
    }
    Ok(())
}

/// Escapes what would end a command, or a property of one.
fn escaped(text: &str, in_property: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => escaped.push_str("%25"),
            '\r' => escaped.push_str("%0D"),
            '\n' => escaped.push_str("%0A"),
            ':' if in_property => escaped.push_str("%3A"),
            ',' if in_property => escaped.push_str("%2C"),
            // Whoever reads the log may do so in a terminal.
            c if is_unshowable(c) => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::findings::samples;

    #[test]
    fn each_finding_is_a_command() {
        let mut text = Vec::new();
        write(&samples::found(), &mut text).expect("written");
        let text = String::from_utf8(text).expect("a text");
        let lines: Vec<&str> = text.lines().collect();

        assert_eq!(
            lines[0],
            "::error file=src/a b.ts,line=12,col=15,title=OpenAI project API key::OpenAI project API key, sk-proj-… (164 characters): take it out, and keep it with `keyvault add NAME`; if it was ever committed or sent, revoke it at OpenAI; or allow it: `keyvault scan allow 0123456789abcdef --reason WHY`"
        );
        assert_eq!(
            lines[1],
            "::warning title=value of a secret in the vault::89e6c98d92:notes.md:1:1: previous value of `STRIPE_KEY@2` in `dev`: make sure that it was revoked where it came from, since it stays in the history; or allow it: `keyvault scan allow fedcba9876543210 --reason WHY`"
        );
        assert!(
            lines[5].starts_with("::warning title=OpenAI project API key::v1 (tag):1:9: OpenAI")
        );
        assert!(lines[2].starts_with("::error file=apps/web/.env,title=`.env` file"));
        assert!(
            lines[7].starts_with("::error file=a%2Cb%3Ac%25%0A\\u{1b}[2J.ts,line=1,"),
            "{}",
            lines[7]
        );
        assert_eq!(lines.len(), samples::found().findings.len());
    }
}
