//! Comments that were assignments once: a file that is destroyed takes them along.

use std::str;

/// Returns the lines, counted from 1, whose comment gives a variable a value.
pub fn commented_out(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    lines.filter_map(|(line, number)| is_commented_out(line).then_some(number))
}

fn is_commented_out(line: &[u8]) -> bool {
    let comment = line.trim_ascii().strip_prefix(b"#").map(str::from_utf8);
    let Some(Ok(comment)) = comment else {
        return false;
    };
    let comment = comment.trim_start_matches(['#', ' ', '\t']);
    let comment = comment.strip_prefix("export ").unwrap_or(comment);
    let Some((name, value)) = comment.split_once('=') else {
        return false;
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(is_part);
    // `===` underlines a heading.
    is_name && !value.is_empty() && !value.starts_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_that_gives_a_value_is_found() {
        let text = b"# A=1\n#export B=2\r\nC=3 # D=4\n## E=5\n# see https://a/?b=c\n# F=\n# == x\n# G==\n  #H='\n#1=2\n#\xff=1\n";
        let lines: Vec<_> = commented_out(text).collect();
        assert_eq!(lines, [1, 2, 4, 9]);
    }
}
