//! `exec --env-file`: a file of plain settings and of references to secrets, which can
//! be committed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::child::environment::{can_carry, is_dangerous};
use crate::context::Context;
use crate::dotenv::{self, Dialect};
use crate::error::{Error, MISFITS_MAX, Misfit, Result};
use crate::name::SecretName;
use crate::secret_value::SecretValue;
use crate::store::plaintext::Plaintext;
use crate::template;
use crate::timestamp::Timestamp;
use crate::vault::layers::{Layers, Served};
use crate::vault::secret::Serving;

/// The largest file: settings are few and short.
const FILE_MAX: u64 = 1 << 20;

/// A variable that a file sets.
pub struct Setting<'a> {
    /// Its value, with what it refers to filled in.
    pub value: SecretValue,
    /// The file.
    pub file: PathBuf,
    /// The secrets that it refers to.
    pub secrets: Vec<(SecretName, Served<'a>)>,
}

impl Setting<'_> {
    /// Returns when the first of the values in it expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let dates = self.secrets.iter();
        let dates = dates.filter_map(|(_, served)| served.version.expires_at);
        dates.min()
    }
}

/// Reads files, of which a later one wins, as does a later line.
///
/// # Errors
///
/// [`Error::BadImport`] for a line that is not understood; [`Error::DangerousSetting`]:
/// who may commit the file is not therefore to take the program over;
/// [`Error::Unfilled`], with references that cannot be filled in.
pub fn read<'a>(
    files: &[PathBuf],
    allow_dangerous: &[SecretName],
    serving: Serving,
    cx: &Context,
    layers: &'a Layers,
) -> Result<BTreeMap<SecretName, Setting<'a>>> {
    let mut settings = BTreeMap::new();
    for file in files {
        let text = cx.read_text(file, FILE_MAX)?;
        let lines = lines(&text)?;
        refuse_dangerous(&lines, allow_dangerous, text.path())?;
        let mut misfits = Vec::new();
        for Line { at, name, value } in lines {
            match filled(at, &value, serving, layers) {
                Ok((value, secrets)) => {
                    let file = text.path().to_owned();
                    let setting = Setting {
                        value,
                        file,
                        secrets,
                    };
                    settings.insert(name, setting);
                }
                Err(wrong) => misfits.extend(wrong),
            }
            if misfits.len() >= MISFITS_MAX {
                break;
            }
        }
        if !misfits.is_empty() {
            let path = text.path().to_owned();
            return Err(Error::Unfilled { path, misfits });
        }
    }
    Ok(settings)
}

/// A line that sets a variable.
struct Line {
    at: usize,
    name: SecretName,
    value: SecretValue,
}

fn lines(text: &Plaintext) -> Result<Vec<Line>> {
    let bad = |line: usize, what: String, hint: Option<_>| Error::BadImport {
        path: text.path().to_owned(),
        place: Some(format!("line {line}")),
        what,
        hint: hint.or(Some("nothing was run; mend the file")),
    };
    let entries = dotenv::parse(text.bytes(), Dialect::Node, None);
    let entries = entries.map_err(|failure| bad(failure.line, failure.what.to_string(), None))?;
    let lines = entries.into_iter().map(|entry| {
        let at = entry.line;
        let name = entry.name.parse().map_err(|_| {
            let what =
                "its name is not one of letters, digits and `_` that does not start with a digit";
            bad(at, what.to_owned(), None)
        })?;
        let value = entry.value.ok_or_else(|| {
            let hint = "write `NAME=keyvault://NAME` for a secret";
            bad(at, "a name without a value".to_owned(), Some(hint))
        })?;
        Ok(Line { at, name, value })
    });
    lines.collect()
}

fn refuse_dangerous(lines: &[Line], allowed: &[SecretName], path: &Path) -> Result<()> {
    let is_refused = |name: &&SecretName| is_dangerous(name.as_str()) && !allowed.contains(name);
    let refused = lines.iter().map(|line| &line.name).filter(is_refused);
    let variables: BTreeSet<_> = refused.cloned().collect();
    if variables.is_empty() {
        return Ok(());
    }
    Err(Error::DangerousSetting {
        variables: variables.into_iter().collect(),
        path: path.to_owned(),
    })
}

/// A value that was filled in, and the secrets that it refers to.
type Filled<'a> = (SecretValue, Vec<(SecretName, Served<'a>)>);

/// Fills a value in. Where in its line a reference stands is not known any more.
fn filled<'a>(
    line: usize,
    value: &SecretValue,
    serving: Serving,
    layers: &'a Layers,
) -> Result<Filled<'a>, Vec<Misfit>> {
    let secrets = RefCell::new(Vec::new());
    let filled = template::fill(value.expose(), |reference| {
        let served = layers.serve(reference.environment.as_ref(), &reference.name, serving)?;
        secrets.borrow_mut().push((reference.name.clone(), served));
        Ok(served.value)
    });
    let in_file = |misfit: Misfit| Misfit {
        line: line + misfit.line - 1,
        column: None,
        ..misfit
    };
    match filled {
        Ok(filled) => {
            let value = SecretValue::new(filled.bytes);
            if can_carry(&value) {
                Ok((value, secrets.into_inner()))
            } else {
                Err(vec![with_nul(line)])
            }
        }
        Err(misfits) => Err(misfits.into_iter().map(in_file).collect()),
    }
}

fn with_nul(line: usize) -> Misfit {
    Misfit {
        line,
        column: None,
        error: Error::Usage {
            message: "what it refers to holds a NUL byte, which no environment variable can carry"
                .to_owned(),
            hint: "write `{{ NAME | base64 }}`, and let the program decode it".to_owned(),
        },
    }
}
