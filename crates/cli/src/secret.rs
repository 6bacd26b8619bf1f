//! Where the cluster secret comes from: `--secret-file`, else the variable, else `secret_file` of the settings.

use std::path::Path;

use annulet_net::secret::Secret;

use crate::failure::{Failure, Outcome};

/// Holds the secret itself.
const VARIABLE: &str = "ANNULET_SECRET";

/// The secret of the flag or the variable; `None`: the settings decide.
///
/// # Errors
/// When it is there and cannot be used.
pub(crate) fn of(flag: Option<&Path>) -> Outcome<Option<Secret>> {
    let usage =
        |place: &str, error: &dyn std::fmt::Display| Failure::Usage(format!("{place}: {error}"));
    if let Some(path) = flag {
        return match Secret::from_file(path) {
            Ok(secret) => Ok(Some(secret)),
            Err(error) => Err(usage("--secret-file", &error)),
        };
    }
    match std::env::var(VARIABLE) {
        Ok(text) => Secret::new(&text).map(Some).map_err(|error| usage(VARIABLE, &error)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(usage(VARIABLE, &error)),
    }
}
