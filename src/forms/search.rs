//! The search for values in whatever form they come.
//!
//! # How it looks
//!
//! All forms are sorted, so the longest that a text begins with, and whether a longer one
//! may follow, is one binary search. It is done only where four bytes are the first four
//! of some form, which a table of bits tells; and another tells it for several places at
//! once, where all forms are longer than four. An automaton (Aho-Corasick) would need
//! no such table, and would have hundreds of states for each form that cannot be
//! wiped, and be slower for hundreds of secrets.

use crate::forms::encodings::{Form, forms};

/// The shortest form that is looked for. What is shorter is found by chance in any text.
pub const SHORTEST: usize = 4;

/// How many places are passed over at once at most: the tables grow with it.
const STRIDE: usize = 8;

/// The forms of values, each value with its label.
pub struct Forms {
    /// Sorted, and each of them once.
    entries: Vec<Entry>,
    /// Four bytes with which forms begin.
    beginnings: Windows,
    /// Four bytes with which they go on: of their first places, as many as are passed
    /// over at once.
    inside: Windows,
    /// How many that is: of so many places in a row, one is in `inside` if a form begins
    /// at the first of them.
    stride: usize,
    /// By one byte: whether a form begins so.
    first: [bool; 256],
    longest: usize,
}

struct Entry {
    form: Form,
    label: usize,
    /// The longest other entry that this one begins with.
    shorter: Option<usize>,
}

/// What a text is, as far as it goes.
pub struct Found {
    /// The longest form that it begins with: its length and its label.
    pub form: Option<(usize, usize)>,
    /// Whether all of it is the beginning of a longer form.
    pub is_open: bool,
}

impl Forms {
    /// Takes values with their labels. Of those that have a form in common, the one with
    /// the lower label is found.
    pub fn of<'a>(values: impl IntoIterator<Item = (usize, &'a [u8])>) -> Self {
        let forms = values.into_iter().flat_map(|(label, value)| {
            let forms = forms(value).into_iter();
            forms.map(move |form| (label, form))
        });
        let long = forms.filter(|(_, form)| form.len() >= SHORTEST);
        let entries = long.map(|(label, form)| Entry {
            form,
            label,
            shorter: None,
        });
        Self::sorted(entries.collect())
    }

    fn sorted(mut entries: Vec<Entry>) -> Self {
        // The first of equal ones has the first label.
        entries.sort_by(|a, b| a.form.cmp(&b.form).then(a.label.cmp(&b.label)));
        entries.dedup_by(|later, first| later.form == first.form);
        // All that an entry begins with stand before it, each of them beginning with
        // the one before.
        let mut chain: Vec<usize> = Vec::new();
        for n in 0..entries.len() {
            let is_none = |last: &mut usize| !entries[n].form.starts_with(&entries[*last].form);
            while chain.pop_if(is_none).is_some() {}
            entries[n].shorter = chain.last().copied();
            chain.push(n);
        }
        let lengths = entries.iter().map(|entry| entry.form.len());
        let shortest = lengths.clone().min().unwrap_or(SHORTEST);
        // A table that is too full slows down more than passing over speeds up.
        let fitting = (Windows::MOST / entries.len().max(1)).clamp(1, STRIDE);
        let stride = (shortest + 1 - SHORTEST).min(fitting);
        let mut all = Self {
            beginnings: Windows::new(entries.len()),
            inside: Windows::new(stride * entries.len()),
            stride,
            first: [false; 256],
            longest: lengths.max().unwrap_or(0),
            entries: Vec::new(),
        };
        for entry in &entries {
            let mut windows = entry.form.windows(SHORTEST).take(stride).map(window);
            all.inside.extend(&mut windows);
            all.beginnings.extend([window(&entry.form)]);
            all.first[usize::from(entry.form[0])] = true;
        }
        all.entries = entries;
        all
    }

    /// Returns the next place, at or behind another, where a form may begin.
    pub fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        // Of each row of places only the last is looked at.
        loop {
            let lasts = text.get(at + self.stride - 1..).unwrap_or_default();
            let lasts = lasts.windows(SHORTEST).step_by(self.stride);
            let rows = lasts.len();
            let hit = lasts.map(window).position(|last| self.inside.has(last));
            let Some(hit) = hit else {
                at += rows * self.stride;
                break;
            };
            at += hit * self.stride;
            let row = text[at..].windows(SHORTEST).take(self.stride);
            if let Some(found) = row.map(window).position(|one| self.beginnings.has(one)) {
                return Some(at + found);
            }
            at += self.stride;
        }
        // Where less is left, the beginning of a form may be cut off.
        let mut rest = (at..text.len()).map(|at| (at, &text[at..]));
        let found = rest.find(|(_, rest)| match rest.first_chunk() {
            Some(window) => self.beginnings.has(u32::from_le_bytes(*window)),
            None => self.first[usize::from(rest[0])],
        });
        found.map(|(at, _)| at)
    }

    /// Looks for a form at the beginning of a text.
    pub fn look(&self, text: &[u8]) -> Found {
        let head = &text[..text.len().min(self.longest)];
        // What begins with the head stands right behind it, and what the head begins
        // with before it: the last one before it, or what that one begins with.
        let behind = self.entries.partition_point(|entry| **entry.form <= *head);
        let next = self.entries.get(behind);
        let mut before = behind.checked_sub(1);
        while let Some(n) = before
            && !head.starts_with(&self.entries[n].form)
        {
            before = self.entries[n].shorter;
        }
        Found {
            form: before.map(|n| (self.entries[n].form.len(), self.entries[n].label)),
            is_open: next.is_some_and(|next| next.form.starts_with(text)),
        }
    }

    /// Returns the lengths of the forms of which a text is the beginning.
    pub fn begun_by(&self, text: &[u8]) -> impl Iterator<Item = usize> {
        let behind = self.entries.partition_point(|entry| **entry.form <= *text);
        let longer = self.entries[behind..].iter().map(|entry| &entry.form);
        longer
            .take_while(move |form| form.starts_with(text))
            .map(|form| form.len())
    }

    /// Returns every form, with its label.
    #[cfg(test)]
    pub fn all(&self) -> impl ExactSizeIterator<Item = (&[u8], usize)> {
        let all = self.entries.iter();
        all.map(|entry| (&entry.form[..], entry.label))
    }

    /// Returns the length of the longest form, 0 where there is none.
    pub fn longest(&self) -> usize {
        self.longest
    }
}

/// A set of four bytes each, which may have others as well.
struct Windows {
    /// By the hash.
    bits: Vec<u64>,
    /// By how much a hash of 32 bits is too large for it.
    shift: u32,
}

impl Windows {
    /// How many bits there are for each: so many that one in 64 others is taken for one.
    const BITS: usize = 64;

    /// The size: at least a cache line's, and at most what caches hold.
    const SIZES: (usize, usize) = (1 << 9, 1 << 23);

    /// For how many there is room enough.
    const MOST: usize = Self::SIZES.1 / Self::BITS;

    /// An empty set with room for this many.
    fn new(count: usize) -> Self {
        let bits = (Self::BITS * count).next_power_of_two();
        let bits = bits.clamp(Self::SIZES.0, Self::SIZES.1);
        Self {
            bits: vec![0; bits / 64],
            shift: 32 - bits.trailing_zeros(),
        }
    }

    fn extend(&mut self, windows: impl IntoIterator<Item = u32>) {
        for window in windows {
            let place = self.place(window);
            self.bits[place / 64] |= 1 << (place % 64);
        }
    }

    fn has(&self, window: u32) -> bool {
        let place = self.place(window);
        self.bits[place / 64] >> (place % 64) & 1 == 1
    }

    fn place(&self, window: u32) -> usize {
        // Fibonacci hashing: the high bits of the product depend on all of them.
        const GOLDEN: u32 = 0x9e37_79b9;
        (window.wrapping_mul(GOLDEN) >> self.shift) as usize
    }
}

fn window(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
