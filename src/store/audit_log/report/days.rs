//! What each of the last days came to.

use std::collections::VecDeque;

use crate::timestamp::Day;

/// The day that is under way, and those before it, as far back as is looked.
#[derive(Default)]
pub struct Days<T> {
    past: VecDeque<(Day, T)>,
    today: Option<(Day, T)>,
}

impl<T: Default> Days<T> {
    /// Lays a day aside once another begins, and forgets those that are further back than
    /// this from then on. A day that comes back, after a clock was set back, belongs to
    /// the one that is under way.
    pub fn begin(&mut self, day: Day, look_back_days: i64) {
        match self.today.take() {
            Some(today) if day <= today.0 => {
                self.today = Some(today);
                return;
            }
            Some(today) => self.past.push_back(today),
            None => {}
        }
        self.today = Some((day, T::default()));
        let is_old = |(past, _): &(Day, T)| day.since(*past) > look_back_days;
        while self.past.front().is_some_and(is_old) {
            self.past.pop_front();
        }
    }

    /// Returns what the days before this one came to, the earliest first.
    pub fn past(&self) -> impl ExactSizeIterator<Item = &T> {
        self.past.iter().map(|(_, of)| of)
    }

    /// Returns what the day that is under way came to so far; nothing before one began.
    pub fn today(&mut self) -> Option<&mut T> {
        self.today.as_mut().map(|(_, of)| of)
    }
}
