//! Aligned tables.

use super::style::{Colour, Style};

/// Which side of its column a cell leans to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// The text of one cell, perhaps in a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    /// A cell in a colour.
    pub(crate) fn coloured(text: impl Into<String>, colour: Colour) -> Self {
        Self { text: text.into(), colour: Some(colour) }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    /// The text, painted, in a column of `width`: escape sequences take no room.
    fn render(&self, style: Style, align: Align, width: usize) -> String {
        let painted = match self.colour {
            Some(colour) => style.paint(&self.text, colour),
            None => self.text.clone(),
        };
        let blanks = " ".repeat(width - self.width());
        match align {
            Align::Left => painted + &blanks,
            Align::Right => blanks + &painted,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), colour: None }
    }
}

/// Columns as wide as their widest cell, two spaces apart.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) {
        let cells: Vec<Cell> = cells.into_iter().map(Into::into).collect();
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// The table as lines, the headings first.
    pub(crate) fn render(&self, style: Style) -> String {
        let headings: Vec<Cell> = self
            .columns
            .iter()
            .map(|(heading, _)| Cell::coloured(*heading, Colour::Bold))
            .collect();
        let rows: Vec<&Vec<Cell>> = std::iter::once(&headings).chain(&self.rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].width()).max();
        let widths: Vec<usize> =
            (0..self.columns.len()).map(|column| width(column).unwrap_or_default()).collect();
        let line = |row: &Vec<Cell>| {
            let cells = row.iter().zip(&self.columns).zip(&widths);
            let cells: Vec<String> = cells
                .map(|((cell, (_, align)), width)| cell.render(style, *align, *width))
                .collect();
            cells.join("  ").trim_end().to_owned() + "\n"
        };
        rows.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table =
            Table::new(&[("NODE", Align::Left), ("SLOTS", Align::Right), ("STATE", Align::Left)]);
        table.row(["a", "5461", "active"]);
        table.row(["Grüße:7001", "0", ""]);
        assert_eq!(
            table.render(Style::PLAIN),
            "NODE        SLOTS  STATE\n\
             a            5461  active\n\
             Grüße:7001      0\n"
        );
    }

    #[test]
    fn colours_change_no_width() {
        let mut table = Table::new(&[("A", Align::Right), ("B", Align::Left)]);
        table.row([Cell::coloured("1", Colour::Red), Cell::from("x")]);
        table.row(["22", "y"]);
        assert_eq!(
            table.render(Style::RICH),
            " \x1b[1mA\x1b[0m  \x1b[1mB\x1b[0m\n \x1b[31m1\x1b[0m  x\n22  y\n"
        );
    }
}
