//! `pinsql config`: every setting, its value, and where it comes from.

use std::io::Write;

use crate::config::Config;
use crate::error::{Error, Result};

use super::Console;

/// Shows the settings.
///
/// # Errors
/// A standard output that cannot be written.
pub fn show(config: &Config, console: &mut Console) -> Result<()> {
    let width = |pick: &dyn Fn(&(&str, String, crate::config::Origin)) -> usize| {
        config.shown.iter().map(pick).max().unwrap_or(0)
    };
    let (names, values) = (width(&|(name, ..)| name.len()), width(&|(_, value, _)| value.chars().count()));
    for (name, value, origin) in &config.shown {
        let value = if value.is_empty() { "-" } else { value };
        writeln!(console.out, "{name:names$}  {value:values$}  {origin}")
            .map_err(|source| Error::Output { path: "standard output".to_owned(), source })?;
    }
    Ok(())
}
