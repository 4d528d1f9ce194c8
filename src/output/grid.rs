//! The lines of a table: cells padded or cut to their slots, `│` between them, a rule under the
//! header.

use super::layout::{GAP_WIDTH, Slot};
use super::page::Page;
use super::width::{ELLIPSIS, prefix, text_width};

/// A text without control characters, and the side it keeps to.
#[derive(Clone, Copy)]
pub(super) struct Cell<'t> {
    pub(super) text: &'t str,
    pub(super) is_right_aligned: bool,
}

impl Cell<'_> {
    pub(super) const EMPTY: Self = Self { text: "", is_right_aligned: false };
}

/// One line of the cells, which `cell` knows by their column; no spaces at its end.
pub(super) fn line<'t>(page: &mut Page, slots: &[Slot], cell: impl Fn(usize) -> Cell<'t>) {
    for (place, slot) in slots.iter().enumerate() {
        page.put(if place > 0 { "│" } else { "" });
        let is_last = place + 1 == slots.len();
        match slot {
            Slot::Column { index, width } => fitted(page, cell(*index), *width, is_last),
            Slot::Gap => {
                let ellipsis = Cell { text: ELLIPSIS, is_right_aligned: false };
                fitted(page, ellipsis, GAP_WIDTH, is_last);
            }
        }
    }
    page.put("\n");
}

/// The line under the header.
pub(super) fn rule(page: &mut Page, slots: &[Slot]) {
    for (place, slot) in slots.iter().enumerate() {
        page.put(if place > 0 { "┼" } else { "" });
        let width = match slot {
            Slot::Column { width, .. } => *width,
            Slot::Gap => GAP_WIDTH,
        };
        page.put(&"─".repeat(width + 2));
    }
    page.put("\n");
}

/// A cell in a slot `width` wide, with a space on each side.
fn fitted(page: &mut Page, cell: Cell<'_>, width: usize, is_last: bool) {
    let (text, mark) = cut(cell.text, width);
    if is_last && text.is_empty() && mark.is_empty() {
        return;
    }
    let used = text_width(text) + text_width(mark);
    let padding = " ".repeat(width.saturating_sub(used));
    page.put(" ");
    page.put(if cell.is_right_aligned { &padding } else { "" });
    page.put(text);
    page.put(mark);
    if !is_last {
        page.put(if cell.is_right_aligned { "" } else { &padding });
        page.put(" ");
    }
}

/// What fits of `text`, and the mark for what does not.
fn cut(text: &str, width: usize) -> (&str, &'static str) {
    if text_width(text) <= width { (text, "") } else { (prefix(text, width.saturating_sub(1)), ELLIPSIS) }
}
