//! The dialect of `set -a; . ./.env`, as POSIX describes the shell
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html>) and dash and bash agree on it:
//! assignments, also several on a line or behind `export`, with its quotes, its escapes and its comments.
//!
//! A file that does more than assign is refused, since more would have happened: any
//! other command, `$(…)`, `` `…` ``, arithmetic, arrays, redirections. So are `$'…'` and `$"…"`, and
//! braces behind `export`, which shells read differently, and carriage returns at the ends of lines, which they would take into the
//! values.
//!
//! `$NAME`, `${NAME}` with `-`, `+` and `?`, and `~` are references; the file comes before
//! the environment.

use super::scope::{DEPTH_MAX, First, Scope, extend};
use super::text::{Lines, find, skip};
use super::{Statement, Statements, Value, What};

/// Reads a text.
pub fn read(text: &str, scope: &mut Scope<'_>) -> Statements {
    let mut lines = Lines::new(text);
    let mut statements = Statements::new();
    let mut lexer = Lexer {
        text,
        at: 0,
        word: 0,
        scope,
    };
    loop {
        lexer.skip(|c| is_blank(c) || c == '\n');
        match lexer.peek() {
            None => return statements,
            Some('#') => lexer.at = lexer.end_of_line(),
            Some(_) => match lexer.command() {
                Ok(words) => {
                    for word in words {
                        let line = lines.line_of(word.from);
                        let last = lines.line_of(word.to);
                        let read = Ok((word.name.to_owned(), word.value));
                        statements.push(Statement::new(line, last, read));
                    }
                }
                Err(what) => {
                    let line = lines.line_of(lexer.word);
                    statements.push(Statement::new(line, line, Err(what)));
                    // What is not closed goes on to the end.
                    lexer.at = match what {
                        What::Unclosed => text.len(),
                        _ => find(text, lexer.word, |c| c == '\n'),
                    };
                }
            },
        }
    }
}

/// One assignment of a command, or a name behind `export`.
struct Word<'a> {
    from: usize,
    to: usize,
    name: &'a str,
    value: Option<Value>,
}

/// What is being read, and how far it is.
struct Lexer<'a, 'b, 'c> {
    text: &'a str,
    at: usize,
    /// Where the word begins that is being read.
    word: usize,
    scope: &'b mut Scope<'c>,
}

/// Where a part of a value stands, which says what is special in it.
#[derive(Clone, Copy)]
struct Place {
    /// In double quotes.
    is_quoted: bool,
    /// How many references stand around it.
    depth: usize,
}

impl<'a> Lexer<'a, '_, '_> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip(&mut self, is_meant: impl Fn(char) -> bool) {
        self.at = skip(self.text, self.at, is_meant);
    }

    fn end_of_line(&self) -> usize {
        find(self.text, self.at, |c| c == '\n')
    }

    /// Takes a text if it stands here.
    fn eat(&mut self, text: &str) -> bool {
        let is_here = self.rest().starts_with(text);
        self.at += if is_here { text.len() } else { 0 };
        is_here
    }

    /// Reads one command, up to `;` or the end of the line. It may only assign.
    fn command(&mut self) -> Result<Vec<Word<'a>>, What> {
        self.word = self.at;
        let mut is_export = self.eat("export");
        if is_export && !self.peek().is_some_and(is_blank) {
            is_export = false;
            self.at = self.word;
        }
        let mut words = Vec::new();
        loop {
            self.skip(is_blank);
            if self.eat("\\\n") {
                continue;
            }
            let from = self.at;
            match self.peek() {
                None | Some('\n' | '#' | ';') => break,
                Some(_) => self.word = from,
            }
            let name = self.name();
            let is_assigned = !name.is_empty() && self.eat("=");
            let value = match is_assigned {
                true => Some(self.value(is_export)?),
                false if is_export && !name.is_empty() => None,
                false => return Err(What::NotAnAssignment),
            };
            self.expect_end_of_word()?;
            self.scope.remember(name, value.as_ref());
            words.push(Word {
                from,
                to: self.at,
                name,
                value,
            });
        }
        // `;` needs a command before it, and `export` alone prints.
        if words.is_empty() {
            return Err(What::NotAnAssignment);
        }
        self.eat(";");
        Ok(words)
    }

    fn expect_end_of_word(&mut self) -> Result<(), What> {
        match self.peek() {
            None | Some(' ' | '\t' | '\n' | ';') => Ok(()),
            Some('\\') if self.rest().starts_with("\\\n") => Ok(()),
            Some('\r') => Err(What::CarriageReturn),
            Some(_) => Err(What::NotAnAssignment),
        }
    }

    fn name(&mut self) -> &'a str {
        let from = self.at;
        if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.skip(|c| c.is_ascii_alphanumeric() || c == '_');
        }
        &self.text[from..self.at]
    }

    /// Reads the value of an assignment, up to what ends a word.
    fn value(&mut self, is_export: bool) -> Result<Value, What> {
        // No part of a value is longer than it is written, but for what is referred to.
        let mut value = Value::of(&[]);
        let mut may_be_home = true;
        let place = Place {
            is_quoted: false,
            depth: 0,
        };
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' => break,
                '|' | '&' | '<' | '>' | '(' | ')' => return Err(What::NotAnAssignment),
                '\r' if matches!(self.rest().as_bytes().get(1), None | Some(b'\n')) => {
                    return Err(What::CarriageReturn);
                }
                // bash makes several words of some, and only there.
                '{' if is_export => return Err(What::ShellsDiffer),
                '~' if may_be_home => self.home(&mut value)?,
                _ => self.part(&mut value, place)?,
            }
            may_be_home = c == ':';
        }
        Ok(value)
    }

    /// Reads one character, quotation or reference.
    fn part(&mut self, value: &mut Value, place: Place) -> Result<(), What> {
        let from = self.at;
        let Some(c) = self.take() else { return Ok(()) };
        match c {
            '\'' if !place.is_quoted => {
                let closing = find(self.text, self.at, |c| c == '\'');
                if closing == self.text.len() {
                    return Err(What::Unclosed);
                }
                extend(&mut value.bytes, &self.text.as_bytes()[self.at..closing]);
                self.at = closing + 1;
            }
            '"' if !place.is_quoted => self.quoted(value, place)?,
            '"' => return Err(What::Reference),
            '\\' => self.escaped(value, place),
            '`' => return Err(What::Command),
            '$' => self.reference(value, place)?,
            _ => extend(&mut value.bytes, &self.text.as_bytes()[from..self.at]),
        }
        Ok(())
    }

    /// Reads up to the second double quote, behind the first.
    fn quoted(&mut self, value: &mut Value, place: Place) -> Result<(), What> {
        let place = Place {
            is_quoted: true,
            ..place
        };
        loop {
            match self.peek() {
                None => return Err(What::Unclosed),
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => self.part(value, place)?,
            }
        }
    }

    /// Reads what a backslash stands before.
    fn escaped(&mut self, value: &mut Value, place: Place) {
        let from = self.at;
        match self.take() {
            Some('\n') => {}
            Some(c) => {
                let is_special = !place.is_quoted || "$`\"\\".contains(c);
                let from = if is_special { from } else { from - 1 };
                extend(&mut value.bytes, &self.text.as_bytes()[from..self.at]);
            }
            None => extend(&mut value.bytes, b"\\"),
        }
    }

    /// Reads `~`, which is someone's home.
    fn home(&mut self, value: &mut Value) -> Result<(), What> {
        self.at += 1;
        let ends = |c: char| matches!(c, '/' | ':' | ';') || is_blank(c) || c == '\n';
        let is_own = self.peek().is_none_or(ends);
        if !self.scope.expands() {
            value.refers = true;
            extend(&mut value.bytes, b"~");
            return Ok(());
        }
        let home = self.scope.look_up(b"HOME", First::File);
        let home = home.filter(|_| is_own).ok_or(What::Reference)?;
        self.scope.append(&mut value.bytes, &home)
    }

    /// Reads what is behind `$`.
    fn reference(&mut self, value: &mut Value, place: Place) -> Result<(), What> {
        let from = self.at - 1;
        match self.peek() {
            Some('(') => Err(What::Command),
            Some('\'' | '"') if !place.is_quoted => Err(What::ShellsDiffer),
            Some('{') => {
                self.at += 1;
                self.braced(from, value, place)
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self.name();
                self.append(from, name, value)
            }
            Some('0'..='9' | '@' | '*' | '#' | '?' | '$' | '!' | '-') => {
                self.at += 1;
                self.unknown(from, value)
            }
            _ => {
                extend(&mut value.bytes, b"$");
                Ok(())
            }
        }
    }

    /// Appends what a name stands for, or the reference as it is written.
    fn append(&mut self, from: usize, name: &str, value: &mut Value) -> Result<(), What> {
        if !self.scope.expands() {
            return self.unknown(from, value);
        }
        let found = self.scope.look_up(name.as_bytes(), First::File);
        self.scope
            .append(&mut value.bytes, &found.unwrap_or_default())
    }

    /// Appends a reference as it is written, which only works where none is resolved.
    fn unknown(&self, from: usize, value: &mut Value) -> Result<(), What> {
        if self.scope.expands() {
            return Err(What::Reference);
        }
        value.refers = true;
        extend(&mut value.bytes, &self.text.as_bytes()[from..self.at]);
        Ok(())
    }

    /// Reads `${…}` behind its brace.
    fn braced(&mut self, from: usize, value: &mut Value, place: Place) -> Result<(), What> {
        let name = self.name();
        if !name.is_empty() && self.eat("}") {
            return self.append(from, name, value);
        }
        let needs_text = self.eat(":");
        let operator = self.take();
        let mut word = Value::of(&[]);
        self.word(&mut word, place)?;
        let is_known = matches!(operator, Some('-' | '+' | '?'));
        if name.is_empty() || !is_known || !self.scope.expands() {
            return self.unknown(from, value);
        }
        let found = self.scope.look_up(name.as_bytes(), First::File);
        let is_there = found
            .as_ref()
            .is_some_and(|found| !needs_text || !found.is_empty());
        match (operator, is_there) {
            (Some('?'), false) => Err(What::Reference),
            (Some('+'), false) => Ok(()),
            (Some('-'), false) | (Some('+'), true) => {
                self.scope.append(&mut value.bytes, &word.bytes)
            }
            _ => self
                .scope
                .append(&mut value.bytes, &found.unwrap_or_default()),
        }
    }

    /// Reads up to the brace that closes a reference.
    fn word(&mut self, word: &mut Value, place: Place) -> Result<(), What> {
        let place = Place {
            depth: place.depth + 1,
            ..place
        };
        if place.depth > DEPTH_MAX {
            return Err(What::Reference);
        }
        loop {
            match self.peek() {
                None => return Err(What::Unclosed),
                Some('}') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') if self.rest()[1..].starts_with('}') => {
                    self.at += 2;
                    extend(&mut word.bytes, b"}");
                }
                Some('~') => return Err(What::Reference),
                Some(_) => self.part(word, place)?,
            }
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}
