//! Bytes that are looked through, a piece at a time: whatever the length of a file or of a
//! line in it, one buffer of bounded size holds what is being looked at.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;

/// How much is held at once. Nearly every file is shorter, and so one piece; beyond that
/// a longer window saves nothing.
pub const WINDOW: usize = 8 << 20;

/// The longest match that is found wherever it begins: a value of a vault may be a whole
/// file, such as a service account's, which base64 and indented lines make longer.
pub const LONGEST_MATCH: usize = 60 << 10;

/// How much is shown before the first place where a match can begin, for the word that it
/// may be in the middle of, and for what stands before it on its line.
pub const BEFORE: usize = 4 << 10;

const OVERLAP: usize = LONGEST_MATCH + BEFORE;

/// Part of a file, or all of it.
///
/// Pieces of one file overlap, and each place is the beginning of matches in one of them
/// alone: what begins in [`starts`](Self::starts) of a piece is found in that piece and is
/// not to be looked for in others.
pub struct Piece<'a> {
    /// How many bytes of the file stand before the piece.
    pub offset: u64,
    /// How many line ends are among them.
    pub lines: u64,
    /// How many characters of UTF-8 are behind the last of these.
    pub letters: u64,
    /// The bytes.
    pub bytes: &'a [u8],
    /// Where in them a match may begin, of at most [`LONGEST_MATCH`] bytes.
    pub starts: Range<usize>,
}

/// The buffer that pieces are read into, used again for each file.
pub struct Window(Vec<u8>);

impl Window {
    /// Makes one. What is never read into takes no memory: the system gives it out by
    /// the page.
    pub fn new() -> Self {
        Self(vec![0; WINDOW])
    }

    #[cfg(test)]
    fn of(size: usize) -> Self {
        Self(vec![0; size])
    }

    /// Reads to the end, hands over piece by piece, and returns how many bytes there were.
    /// Nothing is handed over where there are none.
    ///
    /// Where the length is known it saves the system call that would find the end. 0 is
    /// none: files that the system makes up as they are read have it.
    ///
    /// # Errors
    ///
    /// The reader's, once what came before was handed over.
    pub fn read(
        &mut self,
        mut from: impl Read,
        length: u64,
        mut each: impl FnMut(&Piece<'_>),
    ) -> io::Result<u64> {
        let Self(buffer) = self;
        let (mut offset, mut lines, mut letters, mut filled) = (0, 0, 0, 0);
        loop {
            let mut outcome = None;
            while outcome.is_none() && filled < buffer.len() {
                match from.read(&mut buffer[filled..]) {
                    Ok(0) => outcome = Some(Ok(())),
                    Ok(count) => {
                        filled += count;
                        if offset + filled as u64 == length {
                            outcome = Some(Ok(()));
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => outcome = Some(Err(error)),
                }
            }
            let (is_first, is_last) = (offset == 0, outcome.is_some());
            let begin = if is_first { 0 } else { BEFORE };
            let end = if is_last {
                filled
            } else {
                filled - LONGEST_MATCH
            };
            if filled > 0 {
                each(&Piece {
                    offset,
                    lines,
                    letters,
                    bytes: &buffer[..filled],
                    starts: begin..end,
                });
            }
            if let Some(outcome) = outcome {
                return outcome.map(|()| offset + filled as u64);
            }
            let gone = filled - OVERLAP;
            lines += memchr::memchr_iter(b'\n', &buffer[..gone]).count() as u64;
            let line = memchr::memrchr(b'\n', &buffer[..gone]).map(|at| at + 1);
            letters = line.map_or(letters, |_| 0) + letters_of(&buffer[line.unwrap_or(0)..gone]);
            buffer.copy_within(gone.., 0);
            offset += gone as u64;
            filled = OVERLAP;
        }
    }
}

/// Counts characters of UTF-8: what continues one counts with its first byte.
pub fn letters_of(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a few bytes at a time and is interrupted now and then.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(3) {
                return Err(ErrorKind::Interrupted.into());
            }
            let length = buffer.len().min(10_007);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn each_place_is_a_beginning_in_one_piece_alone() {
        const SIZE: usize = OVERLAP + 1000;
        for length in [
            1,
            SIZE - 1,
            SIZE,
            SIZE + 1,
            SIZE + 1000,
            3 * SIZE,
            5 * SIZE + 7,
        ] {
            let text: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            for known in [0, length as u64] {
                let (mut next, mut ended) = (0, false);
                let mut window = Window::of(SIZE);
                let read = window.read(Dripping(&text, 0), known, |piece| {
                    let offset = piece.offset as usize;
                    assert!(!ended);
                    ended = piece.starts.end == piece.bytes.len();
                    assert_eq!(&text[offset..][..piece.bytes.len()], piece.bytes);
                    assert_eq!(offset + piece.starts.start, next);
                    next = offset + piece.starts.end;
                    assert!(offset == 0 || piece.starts.start == BEFORE);
                    assert!(ended || piece.bytes.len() - piece.starts.end == LONGEST_MATCH);
                    let lines = text[..offset].iter().filter(|byte| **byte == b'\n');
                    assert_eq!(piece.lines, lines.count() as u64);
                    let line = text[..offset].iter().rposition(|byte| *byte == b'\n');
                    let line = &text[line.map_or(0, |at| at + 1)..offset];
                    assert_eq!(piece.letters, letters_of(line));
                });
                assert_eq!(read.expect("read"), length as u64);
                assert_eq!((next, ended), (length, true), "{length} {known}");
            }
        }
    }

    #[test]
    fn nothing_is_no_piece() {
        let read = Window::of(OVERLAP + 1).read(&b""[..], 0, |_| panic!("a piece"));
        assert_eq!(read.expect("read"), 0);
    }

    #[test]
    fn what_came_before_an_error_is_handed_over() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::Other.into())
            }
        }
        let mut seen = Vec::new();
        let read = Window::new().read(b"begun".chain(Failing), 9, |piece| {
            seen.extend_from_slice(piece.bytes);
        });
        assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::Other));
        assert_eq!(seen, b"begun");
    }
}
