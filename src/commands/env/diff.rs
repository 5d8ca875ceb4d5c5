//! `keyvault env diff`.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::name::{EnvironmentName, SecretName};
use crate::ui::{Report, table};
use crate::vault::compare::Difference;

/// Runs the command.
///
/// # Errors
///
/// Whatever keeps either of the environments from being opened.
pub fn run(first: &EnvironmentName, second: &EnvironmentName, cx: &Context) -> Result<()> {
    let store = cx.store()?;
    // A mistyped one is told before a passphrase is asked for.
    [first, second]
        .iter()
        .try_for_each(|name| store.require(name))?;
    let one = cx.open(&store, first)?.environment()?;
    let other = cx.open(&store, second)?.environment()?;
    Ok(cx.ui.answer(&Comparison {
        first,
        second,
        difference: Difference::between(&one, &other),
    })?)
}

#[derive(Serialize)]
struct Comparison<'a> {
    first: &'a EnvironmentName,
    second: &'a EnvironmentName,
    #[serde(flatten)]
    difference: Difference<'a>,
}

impl Report for Comparison<'_> {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            first,
            second,
            difference,
        } = self;
        let lists = [
            (&difference.only_first, format!("only in {first}")),
            (&difference.only_second, format!("only in {second}")),
            (&difference.different, "another value".to_owned()),
            (&difference.same, "same value".to_owned()),
        ];
        let rows = lists.iter().flat_map(|(names, what)| {
            let names = names.iter();
            names.map(move |name| vec![name.to_string(), what.clone()])
        });
        let mut rows: Vec<Vec<String>> = rows.collect();
        rows.sort();
        table::write(out, &["NAME", "DIFFERENCE"], rows)
    }

    /// The names that differ.
    fn bare(&self, out: &mut dyn Write) -> io::Result<()> {
        let Difference {
            only_first,
            only_second,
            different,
            ..
        } = &self.difference;
        let mut names: Vec<&&SecretName> = only_first
            .iter()
            .chain(only_second)
            .chain(different)
            .collect();
        names.sort();
        names.iter().try_for_each(|name| writeln!(out, "{name}"))
    }
}
