//! Tables for people: columns by white space, no frames, so that they can be cut
//! with `awk` and copied from a terminal.

use std::io::{self, Write};

use comfy_table::Table;

/// Writes a table. Columns that are empty in every row are left out; what does
/// not fit is not wrapped, because a name in two lines is no name any more.
///
/// # Errors
///
/// As `out` does.
pub fn write(out: &mut dyn Write, head: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
    lines(head, rows)
        .iter()
        .try_for_each(|line| writeln!(out, "{line}"))
}

/// Lays a table out, in lines: the head, and one for each row.
pub fn lines(head: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    let used: Vec<bool> = (0..head.len())
        .map(|column| rows.iter().any(|row| !row[column].is_empty()))
        .collect();
    let kept = |row: Vec<String>| {
        let cells = row.into_iter().zip(&used).filter(|(_, used)| **used);
        cells.map(|(cell, _)| cell).collect::<Vec<_>>()
    };
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table.set_header(kept(head.iter().map(|cell| (*cell).to_owned()).collect()));
    table.add_rows(rows.into_iter().map(kept));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}
