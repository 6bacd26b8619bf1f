//! The password of clients, which no log and no error shows.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in its place wherever it would be shown.
const HIDDEN: &str = "...";

/// A password of `requirepass`. Neither its `Debug` nor its serialised form shows it, nor an error about a wrong one.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Password({HIDDEN})")
    }
}

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde's own error would quote what it found.
        String::deserialize(deserializer)
            .map(Self)
            .map_err(|_| D::Error::custom("a password is a text, in quotes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn settings_that_are_shown_do_not_show_the_password() {
        let config =
            Config { requirepass: Some("open sesame".to_owned().into()), ..Config::default() };
        assert_eq!(config.requirepass.as_ref().map(Password::reveal), Some("open sesame"));
        let shown = format!("{config:?}");
        assert!(shown.contains("Password(...)") && !shown.contains("sesame"), "{shown}");
    }
}
