//! Which columns of a table are shown and how wide, on a screen that may be too narrow for them:
//! pure arithmetic.

/// What a column asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// The cells that show all of it.
    pub(super) width: usize,
    /// The cells below which it is better dropped.
    pub(super) floor: usize,
}

/// A place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The column number `index`, `width` cells wide.
    Column {
        /// Counts from 0.
        index: usize,
        /// Without the spaces around it.
        width: usize,
    },
    /// Columns that were dropped.
    Gap,
}

/// A slot has a space on each side, and a line before the next.
const SLOT_EXTRA: usize = 3;

/// The cells of a [`Slot::Gap`].
pub(super) const GAP_WIDTH: usize = 1;

/// Shows all columns if `screen` has room for them. If not, shrinks the widest first; if not even
/// their floors fit, drops columns in the middle, since the first ones are keys and the last ones
/// are what was computed.
pub(super) fn plan(needs: &[Need], screen: Option<usize>) -> Vec<Slot> {
    let Some(screen) = screen else {
        return all(needs);
    };
    let shown = shown(needs, screen);
    let has_gap = shown < needs.len();
    let kept: Vec<usize> = kept(needs.len(), shown).collect();
    let asked: Vec<Need> = kept.iter().filter_map(|&index| needs.get(index).copied()).collect();
    let widths = share(&asked, screen.saturating_sub(overhead(shown, has_gap)));
    let column = |(index, width)| Slot::Column { index, width };
    let mut slots: Vec<Slot> = kept.into_iter().zip(widths).map(column).collect();
    if has_gap {
        slots.insert(shown.div_ceil(2), Slot::Gap);
    }
    slots
}

/// Whether `slots` show less than all of what `needs` asks for.
pub(super) fn is_cut(slots: &[Slot], needs: &[Need]) -> bool {
    slots.iter().any(|slot| match slot {
        Slot::Column { index, width } => needs.get(*index).is_some_and(|need| *width < need.width),
        Slot::Gap => true,
    })
}

fn all(needs: &[Need]) -> Vec<Slot> {
    let column = |(index, need): (usize, &Need)| Slot::Column { index, width: need.width };
    needs.iter().enumerate().map(column).collect()
}

/// How many columns fit at their floors; at least one.
fn shown(needs: &[Need], screen: usize) -> usize {
    let fits = |&shown: &usize| {
        let floors = kept(needs.len(), shown).filter_map(|index| needs.get(index));
        let cells: usize = floors.map(|need| need.floor).sum();
        cells + overhead(shown, shown < needs.len()) <= screen
    };
    let fewest = needs.len().min(1);
    (fewest..=needs.len()).rev().find(fits).unwrap_or(fewest)
}

/// The columns that stay when `shown` of `count` do: the first half and the last.
fn kept(count: usize, shown: usize) -> impl Iterator<Item = usize> {
    (0..shown.div_ceil(2)).chain(count - shown / 2..count)
}

/// The cells that hold no value.
fn overhead(shown: usize, has_gap: bool) -> usize {
    let gap = if has_gap { GAP_WIDTH + SLOT_EXTRA } else { 0 };
    (shown * SLOT_EXTRA + gap).saturating_sub(1)
}

/// Shares `room` cells: the widest columns come down to one level, and none below its floor.
fn share(needs: &[Need], room: usize) -> Vec<usize> {
    let at = |level: usize| move |need: &Need| need.width.min(level.max(need.floor));
    let fits = |level: &usize| needs.iter().map(at(*level)).sum::<usize>() <= room;
    let Some(level) = (0..=room).rev().find(fits) else {
        // Only a single column can be wider than the screen at its floor.
        return needs.iter().map(|need| need.width.min(room.max(1))).collect();
    };
    let mut widths: Vec<usize> = needs.iter().map(at(level)).collect();
    let mut spare = room - widths.iter().sum::<usize>();
    for (width, need) in widths.iter_mut().zip(needs) {
        if spare > 0 && *width == level && *width < need.width {
            *width += 1;
            spare -= 1;
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `plan` for columns that may shrink to 6 cells; the gap is width 0.
    fn widths(needs: &[usize], screen: usize) -> Vec<usize> {
        let need = |&width: &usize| Need { width, floor: width.min(6) };
        let needs: Vec<Need> = needs.iter().map(need).collect();
        let width = |slot| match slot {
            Slot::Column { width, .. } => width,
            Slot::Gap => 0,
        };
        plan(&needs, Some(screen)).into_iter().map(width).collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(widths(&[10, 20], 35), [10, 20]);
        assert_eq!(widths(&[], 35), [0; 0]);
        let needs = [Need { width: 99, floor: 6 }];
        assert_eq!(plan(&needs, None), [Slot::Column { index: 0, width: 99 }]);
    }

    #[test]
    fn the_widest_shrink_first() {
        assert_eq!(widths(&[4, 50, 20], 40), [4, 14, 14]);
        assert_eq!(widths(&[4, 50, 51], 41), [4, 15, 14]);
        assert_eq!(widths(&[4, 50, 9], 40), [4, 19, 9]);
    }

    #[test]
    fn the_middle_is_dropped_when_shrinking_is_not_enough() {
        let needs = [Need { width: 10, floor: 6 }; 10];
        let column = |index, width| Slot::Column { index, width };
        let slots = [column(0, 7), column(1, 6), Slot::Gap, column(8, 6), column(9, 6)];
        assert_eq!(plan(&needs, Some(40)), slots);
    }

    #[test]
    fn the_narrowest_screens_still_get_a_table() {
        for screen in 0..8 {
            assert_eq!(widths(&[10], screen), [screen.saturating_sub(2).max(1)], "{screen}");
            assert_eq!(widths(&[10, 10], screen), [screen.saturating_sub(6).max(1), 0], "{screen}");
        }
    }

    #[test]
    fn no_plan_is_wider_than_the_screen_or_leaves_room_unused() {
        for screen in 20..200 {
            for count in 1..30 {
                let needs: Vec<usize> = (0..count).map(|index| 1 + index * 37 % 50).collect();
                let widths = widths(&needs, screen);
                let cells: usize = widths.iter().map(|width| width.max(&1) + SLOT_EXTRA).sum();
                let whole: usize = needs.iter().map(|width| width + SLOT_EXTRA).sum();
                assert!(cells - 1 <= screen, "{needs:?} in {screen}: {widths:?}");
                if !widths.contains(&0) {
                    assert_eq!(cells, whole.min(screen + 1), "{needs:?} in {screen}: {widths:?}");
                }
            }
        }
    }
}
