//! `pinsql config`: every setting, its value, and where it comes from.

use std::io::Write;

use comfy_table::Table;
use comfy_table::presets;

use crate::config::Config;
use crate::error::{Error, Result};

use super::Console;

/// Shows the settings.
///
/// # Errors
/// A standard output that cannot be written.
pub fn show(config: &Config, console: &mut Console) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value, origin) in &config.shown {
        let value = if value.is_empty() { "-" } else { value };
        table.add_row([(*name).to_owned(), value.to_owned(), origin.to_string()]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    writeln!(console.out, "{}", table.trim_fmt())
        .map_err(|source| Error::Output { path: "standard output".to_owned(), source })
}
