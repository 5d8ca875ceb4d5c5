//! What a reference can refer to: earlier entries of the file, and what is outside.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::{LINE_MAX, Outside, Value, What};

/// How much all references of a file may become together, in bytes: as much as one line
/// may have. A few of them can double a value with each line.
const EXPANDED_MAX: usize = LINE_MAX;

/// How deep a reference may stand in another one's default. Each is a call.
pub const DEPTH_MAX: usize = 32;

/// Where the references of a file look, if they are to be resolved.
pub struct Scope<'a> {
    outside: Option<Outside<'a>>,
    earlier: HashMap<String, Zeroizing<Vec<u8>>>,
    room: usize,
}

/// What is asked first.
#[derive(Clone, Copy)]
pub enum First {
    /// Earlier entries of the file.
    File,
    /// What is outside.
    Outside,
}

impl<'a> Scope<'a> {
    /// Begins a file; without `outside`, references stay as they are.
    pub fn new(outside: Option<Outside<'a>>) -> Self {
        Self {
            outside,
            earlier: HashMap::new(),
            room: EXPANDED_MAX,
        }
    }

    /// Tells whether references are to be resolved.
    pub fn expands(&self) -> bool {
        self.outside.is_some()
    }

    /// Keeps an entry for the references of later ones.
    pub fn remember(&mut self, name: &str, value: Option<&Value>) {
        if let Some(value) = value.filter(|_| self.expands()) {
            self.earlier.insert(name.to_owned(), value.bytes.clone());
        }
    }

    /// Returns an earlier entry's value.
    pub fn earlier(&self, name: &str) -> Option<&[u8]> {
        self.earlier.get(name).map(|value| value.as_slice())
    }

    /// Returns what a name stands for.
    pub fn look_up(&self, name: &[u8], first: First) -> Option<Zeroizing<Vec<u8>>> {
        let name = std::str::from_utf8(name).ok()?;
        let earlier = || self.earlier.get(name).cloned();
        let outside = || {
            let value = self.outside?(name)?;
            Some(Zeroizing::new(value.expose().to_vec()))
        };
        match first {
            First::File => earlier().or_else(outside),
            First::Outside => outside().or_else(earlier),
        }
    }

    /// Appends what a reference became.
    ///
    /// # Errors
    ///
    /// If all of them together become too long.
    pub fn append(&mut self, to: &mut Zeroizing<Vec<u8>>, more: &[u8]) -> Result<(), What> {
        self.room = self
            .room
            .checked_sub(more.len())
            .ok_or(What::ExpandsTooFar)?;
        extend(to, more);
        Ok(())
    }
}

/// Appends bytes. A buffer that has to grow leaves no copy behind.
pub fn extend(to: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    let length = to.len() + more.len();
    if length > to.capacity() {
        let mut grown = Zeroizing::new(Vec::with_capacity(length.max(2 * to.capacity())));
        grown.extend_from_slice(to);
        *to = grown;
    }
    to.extend_from_slice(more);
}
