//! What a project that lives on `.env` files has, and the proof that its programs
//! see the same from a vault.

use std::path::PathBuf;

use crate::child;
use crate::child::environment::{self, KeepExisting, Rules};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::hardening::harden;
use crate::migration::launchers::{self, Launcher};
use crate::name::EnvironmentName;
use crate::seal::digest::Fingerprint;
use crate::store::project::{self, DotenvFile};
use crate::store::{VaultStore, folder};
use crate::vault::import::Imported;
use crate::vault::layers::Layers;
use crate::vault::secret::VersionSelector;
use crate::vault::selection::Chosen;

/// Most bytes of a file that is searched for lines that start programs.
const LAUNCHERS_MAX: u64 = 1 << 20;

/// A project's files.
pub struct Project {
    /// Its `.env` files, whatever they are for.
    pub files: Vec<DotenvFile>,
    /// Folders below with `.env` files of their own.
    pub below: Vec<PathBuf>,
    /// The lines that start its programs, each with the file's name.
    pub launchers: Vec<(&'static str, Launcher)>,
}

impl Context {
    /// Looks at the project in the working folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn look_for_dotenv(&self) -> Result<Project> {
        let folder = self.working_folder()?;
        let found = launchers::FILES.iter().filter_map(|(name, read)| {
            let text = folder::read(&folder.join(name), LAUNCHERS_MAX).ok()?;
            let text = String::from_utf8(text).ok()?;
            Some(read(&text).into_iter().map(move |found| (*name, found)))
        });
        Ok(Project {
            launchers: found.flatten().collect(),
            files: project::dotenv_files(&folder)?,
            below: project::folders_below(&folder),
        })
    }

    /// Starts a program with the secrets that were imported, as `exec` does, and makes sure
    /// that it sees each of them as it was in its file. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::NotSeen`]; whatever keeps the program from being started.
    pub fn prove(
        &self,
        store: &VaultStore,
        environment: &EnvironmentName,
        imported: &Imported,
    ) -> Result<usize> {
        let layers = Layers::new(vec![self.open(store, environment)?.environment()?]);
        // What takes programs over is not passed on here either: the file may have come
        // with somebody else's project.
        let values = imported.values.iter();
        let values: Vec<_> = values
            .filter(|(name, _)| !environment::is_dangerous(name.as_str()))
            .collect();
        if values.is_empty() {
            return Ok(0);
        }
        let mut secrets = Vec::with_capacity(values.len());
        for (name, _) in &values {
            let found = layers.secret(name)?;
            let environment = &found.environment.name;
            let selector = VersionSelector::Current;
            let (version, value) = found
                .secret
                .serve(name, selector, environment, self.now())?;
            secrets.push(Chosen {
                variable: name,
                name,
                environment,
                version: version.number,
                expires_at: version.expires_at,
                value,
                env_file: None,
                is_file: false,
            });
        }
        let inherited = environment::inherited(self.inherited(), false);
        let rules = Rules {
            keep_existing: KeepExisting::None,
            allow_dangerous: &[],
        };
        environment::admit(&inherited, &mut secrets, &rules)?;
        let versions = secrets.iter().map(Chosen::reference).collect();
        self.log_use([environment], versions, Some(child::PRINTER.as_ref()))?;
        let pairs = secrets.iter().map(|secret| (secret.variable, secret.value));
        let variables = environment::overlay(&inherited, pairs);
        self.let_go();
        let seen = child::read_environment(variables);
        harden();
        let seen = seen.map_err(|error| environment::explain(error, &secrets))?;
        let seen = environment::printed(&seen);
        let vault = layers.top().vault;
        for (name, expected) in &values {
            let found = seen.get(name.as_str().as_bytes());
            let is_same =
                found.is_some_and(|value| Fingerprint::of(value, vault.as_ref()) == *expected);
            if !is_same {
                return Err(Error::NotSeen {
                    name: name.clone(),
                    environment: environment.clone(),
                });
            }
        }
        Ok(values.len())
    }
}
