//! What an answer may look like where it goes: in colour, with bars, how wide.

use std::io::{self, IsTerminal};

use crate::ui::{RESET, Ui};

/// How wide an answer may be that goes to no terminal, or to one that does not tell.
const COLUMNS: usize = 80;

/// How many characters a bar has.
pub const BAR_WIDTH: usize = 10;

/// What an answer may look like.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Whether it may have colours.
    is_coloured: bool,
    /// What bars are drawn with; nothing where there are to be none.
    pub blocks: Option<Blocks>,
    /// How wide it may be.
    pub columns: usize,
}

/// What bars are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// Eighths of blocks (Unicode, U+2581 to U+258F).
    Unicode,
    /// `#` and its like.
    Ascii,
}

/// A style of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// What is bad.
    Red,
    /// What will be.
    Yellow,
    /// What can wait.
    Cyan,
    /// What is beside the point.
    Dim,
}

impl Ui {
    /// Tells what an answer may look like on stdout. `has_unicode` tells whether a
    /// terminal shows more than ASCII.
    pub fn look(&self, has_unicode: bool) -> Look {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        let blocks = if has_unicode {
            Blocks::Unicode
        } else {
            Blocks::Ascii
        };
        let size = rustix::termios::tcgetwinsize(&out).ok();
        let columns = size.map_or(0, |size| usize::from(size.ws_col));
        Look {
            is_coloured: self.is_coloured(&out),
            blocks: is_terminal.then_some(blocks),
            columns: if columns == 0 { COLUMNS } else { columns },
        }
    }
}

impl Look {
    /// Draws how much of a whole a part is; nothing where there are to be no bars. What
    /// is more than the whole fills it.
    pub fn bar(&self, part: u64, whole: u64) -> String {
        const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
        let steps = |per_character: usize| {
            let all = (BAR_WIDTH * per_character) as u128;
            let filled = u128::from(part) * all / u128::from(whole.max(1));
            usize::try_from(filled.min(all)).expect("it is small")
        };
        match self.blocks {
            None => String::new(),
            Some(Blocks::Ascii) => {
                let filled = if part >= whole { BAR_WIDTH } else { steps(1) };
                format!("[{}{}]", "#".repeat(filled), "-".repeat(BAR_WIDTH - filled))
            }
            Some(Blocks::Unicode) => {
                let filled = if part >= whole {
                    8 * BAR_WIDTH
                } else {
                    steps(8)
                };
                let mut bar = "█".repeat(filled / 8);
                if filled % 8 > 0 {
                    bar.push(EIGHTHS[filled % 8]);
                }
                bar + &"░".repeat(BAR_WIDTH - filled.div_ceil(8))
            }
        }
    }

    /// Writes a text in a style, where there are to be colours.
    pub fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Red => "\u{1b}[1;31m",
            Style::Yellow => "\u{1b}[33m",
            Style::Cyan => "\u{1b}[36m",
            Style::Dim => "\u{1b}[2m",
        };
        if self.is_coloured && !text.is_empty() {
            format!("{code}{text}{RESET}")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(blocks: Option<Blocks>) -> Look {
        Look {
            is_coloured: false,
            blocks,
            columns: COLUMNS,
        }
    }

    #[test]
    fn a_bar_is_as_long_as_it_should_be() {
        for (part, whole, unicode, ascii) in [
            (0, 90, "░░░░░░░░░░", "[----------]"),
            (1, 80, "▏░░░░░░░░░", "[----------]"),
            (45, 90, "█████░░░░░", "[#####-----]"),
            (89, 90, "█████████▉", "[#########-]"),
            (90, 90, "██████████", "[##########]"),
            (u64::MAX, 1, "██████████", "[##########]"),
            (0, 0, "██████████", "[##########]"),
        ] {
            assert_eq!(
                look(Some(Blocks::Unicode)).bar(part, whole),
                unicode,
                "{part}/{whole}"
            );
            assert_eq!(
                look(Some(Blocks::Ascii)).bar(part, whole),
                ascii,
                "{part}/{whole}"
            );
            assert_eq!(look(None).bar(part, whole), "");
        }
    }
}
