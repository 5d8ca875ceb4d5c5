//! What `exec --dry-run` tells.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::shown;
use crate::name::{EnvironmentName, SecretName};
use crate::timestamp::Timestamp;
use crate::ui::{Report, table};
use crate::vault::selection::Chosen;

/// What a program would get.
#[derive(Serialize)]
pub struct Plan<'a> {
    variables: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    variable: &'a SecretName,
    secret: Option<&'a SecretName>,
    environment: Option<&'a EnvironmentName>,
    version: Option<u32>,
    expires_at: Option<Timestamp>,
    file: bool,
    inherited: bool,
    env_file: Option<String>,
}

impl<'a> Plan<'a> {
    /// Lists what was chosen, and the variables that are kept as they are.
    pub fn of(secrets: &[Chosen<'a>], kept: Vec<&'a SecretName>) -> Self {
        let passed_on = secrets.iter().map(|secret| Line {
            variable: secret.variable,
            secret: secret.env_file.is_none().then_some(secret.name),
            environment: secret.env_file.is_none().then_some(secret.environment),
            version: secret.env_file.is_none().then_some(secret.version),
            expires_at: secret.expires_at,
            file: secret.is_file,
            inherited: false,
            env_file: secret.env_file.map(shown),
        });
        let kept = kept.into_iter().map(|variable| Line {
            variable,
            secret: None,
            environment: None,
            version: None,
            expires_at: None,
            file: false,
            inherited: true,
            env_file: None,
        });
        let mut variables: Vec<Line<'_>> = passed_on.chain(kept).collect();
        variables.sort_by_key(|line| line.variable);
        Self { variables }
    }
}

impl Report for Plan<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.variables.iter().map(|line| {
            vec![
                line.variable.to_string(),
                match (line.secret, &line.env_file) {
                    (Some(secret), _) if line.file => format!("{secret} (in a file)"),
                    (Some(secret), _) => secret.to_string(),
                    (None, Some(file)) => format!("({file})"),
                    (None, None) => "(inherited)".to_owned(),
                },
                line.environment
                    .map_or("", EnvironmentName::as_str)
                    .to_owned(),
                line.version
                    .map_or_else(String::new, |version| version.to_string()),
                line.expires_at
                    .map_or_else(String::new, |at| at.to_string()),
            ]
        });
        table::write(
            out,
            &["VARIABLE", "SECRET", "ENVIRONMENT", "VERSION", "EXPIRES"],
            rows.collect(),
        )
    }

    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        self.variables
            .iter()
            .try_for_each(|line| writeln!(out, "{}", line.variable))
    }
}
