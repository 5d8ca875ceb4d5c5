//! Secrets out of files of other tools, and into a vault.

use crate::context::{Context, Founding};
use crate::dotenv::{self, Dialect, Disagreement, Outside};
use crate::error::{Error, Result, shown};
use crate::interchange::read::{self, Choice, Chosen, Form, Malformed, Place, Twice};
use crate::name::EnvironmentName;
use crate::secret_value::SecretValue;
use crate::store::plaintext::Plaintext;
use crate::store::{OpenedFile, VaultStore};
use crate::vault::import::{Imported, Offered, OnConflict, Plan};

/// How many lines a note lists.
const LINES_IN_NOTE: usize = 6;

/// The largest `.env` file of which it is said how others read it, in bytes: to read
/// it six times takes that much longer, and no person wrote a larger one.
const COMPARED_MAX: usize = 1 << 20;

/// How files are read.
pub struct Reading<'a> {
    /// How they are written, where that was said.
    pub form: Option<Form>,
    /// Whose rules `.env` files follow, where that was said.
    pub dialect: Option<Dialect>,
    /// Whether references to other variables are resolved.
    pub expand: bool,
    /// Which secrets are wanted.
    pub choice: Choice<'a>,
    /// Whether the last of two of one name counts.
    pub last_wins: bool,
}

/// What files hold.
pub struct Secrets {
    /// The secrets that are wanted.
    pub offered: Offered,
    /// How many values were not asked for.
    pub left_out: usize,
}

impl Context {
    /// Finds secrets in files, and tells what in them may surprise.
    ///
    /// # Errors
    ///
    /// [`Error::BadImport`]; [`Error::Usage`] for a name that is wanted and not there.
    pub fn find_secrets(&self, files: &[Plaintext], reading: &Reading<'_>) -> Result<Secrets> {
        let only = reading.choice.only;
        let (mut left_out, mut met) = (0, vec![false; only.len()]);
        let mut pairs = Vec::with_capacity(files.len());
        for file in files {
            let chosen = self.choose(file, reading).map_err(|bad| Error::BadImport {
                path: file.path().to_owned(),
                place: bad.place.map(|place| place.to_string()),
                what: bad.what,
                hint: bad.hint,
            })?;
            left_out += chosen.left_out;
            met.iter_mut()
                .zip(chosen.met)
                .for_each(|(met, here)| *met |= here);
            pairs.push(chosen.pairs);
        }
        if let Some((pattern, _)) = only.iter().zip(met).find(|(_, met)| !met) {
            return Err(Error::Usage {
                message: format!("`--only {pattern}` matches no name in what is to be imported"),
                hint: "nothing was imported; names are those of the file, without a prefix"
                    .to_owned(),
            });
        }
        let offered = read::merge(pairs, reading.last_wins).map_err(|twice| {
            let Twice {
                name,
                first,
                second,
            } = twice;
            let path = |file: usize| files[file].path();
            let what = format!(
                "`{name}` stands in `{}` {} already",
                shown(path(first.0)),
                first.1
            );
            Error::BadImport {
                path: path(second.0).to_owned(),
                place: Some(second.1.to_string()),
                what,
                hint: Some("nothing was imported; pass `--last-wins` to take the last one"),
            }
        })?;
        Ok(Secrets { offered, left_out })
    }

    /// Finds what is wanted of one file.
    fn choose(&self, file: &Plaintext, reading: &Reading<'_>) -> Result<Chosen, Malformed> {
        let (bytes, path) = (file.bytes(), file.path());
        let form = reading.form.unwrap_or_else(|| Form::guess(path, bytes));
        let dialect = reading.dialect.unwrap_or_default();
        let outside = |name: &str| {
            let value = self.value_of_variable(name)?;
            Some(SecretValue::from_text(value.into_string().ok()?))
        };
        let expand: Option<Outside<'_>> = if reading.expand { Some(&outside) } else { None };
        let found = read::read(bytes, form, dialect, expand)?;
        let chosen = read::choose(found, reading.choice)?;
        let note = |places: &[Place], text: &str| {
            if let Some(lines) = lines(places.iter().map(|place| place.line)) {
                self.ui.note(&format!("`{}` {lines}: {text}", shown(path)));
            }
        };
        note(&chosen.bare, "a name without a value, left out");
        note(&chosen.others, "a field that is no text, left out");
        if form == Form::Dotenv {
            let places: Vec<_> = dotenv::commented_out(bytes).map(Place::line).collect();
            note(&places, "a value in a comment, left out");
        }
        let literally = "`$` is taken as it is written; with `--expand` it stands for a variable";
        note(&chosen.referring, literally);
        let is_compared = form == Form::Dotenv && reading.dialect.is_none();
        if is_compared && bytes.len() <= COMPARED_MAX {
            let others = dotenv::disagreements(bytes, dialect);
            if let Some(said) = disagreement(&others) {
                self.ui.note(&format!(
                    "`{}` is read as `{dialect}` does, and otherwise by {said}; name yours with `--dialect`",
                    shown(path)
                ));
            }
        }
        Ok(chosen)
    }

    /// Tells what an import would do, where there may be no such environment yet.
    ///
    /// # Errors
    ///
    /// [`Error::RevokedValue`], and whatever keeps this identity from writing there.
    pub fn plan_import(
        &self,
        store: &VaultStore,
        environment: &EnvironmentName,
        offered: &Offered,
        on_conflict: &OnConflict,
    ) -> Result<Plan> {
        if !store.has(environment)? {
            let added = offered.keys().cloned().collect();
            return Ok(Plan {
                added,
                ..Plan::default()
            });
        }
        let environment = self.open(store, environment)?.environment()?;
        self.check_writer(&environment)?;
        environment.plan_import(offered, on_conflict)
    }

    /// Imports secrets, in an environment that is made if there is none, and reads
    /// them back out of its file.
    ///
    /// # Errors
    ///
    /// Whatever kept them from being imported, and then none was; or
    /// [`Error::NotReadBack`].
    pub fn import(
        &self,
        store: &VaultStore,
        environment: &EnvironmentName,
        offered: Offered,
        on_conflict: &OnConflict,
    ) -> Result<Imported> {
        if !store.has(environment)? {
            match self.found(store, environment, Founding::Environment, None) {
                // Another keyvault came first, with the same in mind.
                Ok(_) | Err(Error::EnvironmentExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let imported = self.edit(store, environment, |environment, author| {
            environment.import(offered, on_conflict, author)
        })?;
        let saved = self
            .open(store, environment)
            .and_then(OpenedFile::environment);
        let compared = saved.and_then(|saved| saved.check_values(&imported.values));
        match compared {
            Ok(()) => Ok(imported),
            Err(error) => {
                self.ui.warn(&format!(
                    "imported into `{environment}`, and could not be read back and compared: the files are kept"
                ));
                Err(error)
            }
        }
    }
}

/// Names lines, if there are any.
fn lines(numbers: impl Iterator<Item = usize>) -> Option<String> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.dedup();
    let (first, more) = numbers.split_at(numbers.len().min(LINES_IN_NOTE));
    let listed: Vec<_> = first.iter().map(usize::to_string).collect();
    let listed = listed.join(", ");
    match (first, more) {
        ([], _) => None,
        ([_], _) => Some(format!("line {listed}")),
        (_, []) => Some(format!("lines {listed}")),
        _ => Some(format!("lines {listed} and {} more", more.len())),
    }
}

/// Says which lines which other dialects read otherwise, if there are any.
fn disagreement(found: &[Disagreement]) -> Option<String> {
    let said = Dialect::ALL.iter().filter_map(|dialect| {
        let theirs = found
            .iter()
            .filter(|found| found.dialects.contains(dialect));
        let lines = lines(theirs.map(|found| found.line))?;
        Some(format!("`{dialect}` ({lines})"))
    });
    let said = said.collect::<Vec<_>>().join(", ");
    (!said.is_empty()).then_some(said)
}
