//! The part of a table that is held until its widths are known: the cells in one text rather than
//! in a million small ones, and what each column's cells ask for.

use super::grid::Cell;
use super::layout::Need;
use super::page::escape_controls;
use super::text::Heading;
use super::width::text_width;

/// A text column is not shrunk below this.
const TEXT_WIDTH_MIN: usize = 6;

/// A column's name and the widest that was seen of its values.
pub(super) struct Measured {
    heading: Heading,
    values_width: usize,
}

impl Measured {
    pub(super) fn new(mut heading: Heading) -> Self {
        heading.name = escape_controls(&heading.name).into_owned();
        Self { heading, values_width: 0 }
    }

    /// Takes a value's text into account.
    pub(super) fn see(&mut self, text: &str) {
        self.values_width = self.values_width.max(text_width(text));
    }

    /// A number is shown whole or not at all, a cut one would be another number; its name may be
    /// cut.
    pub(super) fn need(&self) -> Need {
        let width = text_width(&self.heading.name).max(self.values_width);
        let least = width.min(TEXT_WIDTH_MIN);
        let floor = if self.is_right_aligned() { least.max(self.values_width) } else { least };
        Need { width, floor }
    }

    pub(super) fn name(&self) -> Cell<'_> {
        Cell { text: &self.heading.name, is_right_aligned: self.is_right_aligned() }
    }

    pub(super) fn is_right_aligned(&self) -> bool {
        self.heading.is_right_aligned
    }
}

/// The cells that are held, row by row.
#[derive(Default)]
pub(super) struct Section {
    text: String,
    ends: Vec<usize>,
    rows: usize,
}

impl Section {
    pub(super) fn push_cell(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    pub(super) fn end_row(&mut self) {
        self.rows += 1;
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>()
    }

    /// The cell that was pushed as number `index`, which counts from 0.
    pub(super) fn cell(&self, index: usize) -> &str {
        let end_of = |index: usize| self.ends.get(index).copied();
        let start = index.checked_sub(1).and_then(end_of).unwrap_or(0);
        let end = end_of(index).unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.rows = 0;
    }
}
