//! Settings of the two servers: built-in defaults < TOML file < environment < flags.
//!
//! Every source is a list of keys and values; each value is tried on the defaults by itself, so that an error can name
//! the place it came from. The environment variable of the key `listen` of a DataNode is `ANNULET_DATANODE__LISTEN`.

mod nearest;
mod size;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use nearest::nearest;

/// What all our variables start with.
const VARIABLE_PREFIX: &str = "ANNULET_";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A key of this file.
    File(PathBuf),
    /// This environment variable.
    Variable(String),
    /// The flag of the same name.
    Flag,
}

/// One value for one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// A file or a value that cannot be used. Its text says where, what, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    Unreadable { path: PathBuf, reason: String },
    /// The file is not TOML.
    NotToml { path: PathBuf, reason: String },
    /// A key that nobody knows.
    UnknownKey { at: String, nearest: Option<String>, known: Vec<String> },
    /// A known key with a value of the wrong kind.
    Invalid { at: String, reason: String },
}

/// The settings of a server: `C::default()` with what `settings` say, later ones over earlier ones.
///
/// # Errors
/// The first setting whose key is unknown or whose value does not fit.
pub(crate) fn merge<C>(settings: Vec<Setting>) -> Result<C, ConfigError>
where
    C: Default + Serialize + DeserializeOwned,
{
    let defaults = defaults::<C>();
    let mut merged = defaults.clone();
    for setting in settings {
        let Some(default) = defaults.get(&setting.key) else {
            let known: Vec<String> = defaults.keys().cloned().collect();
            let nearest = nearest(&setting.key, &known).map(|key| setting.origin.spell(key));
            return Err(ConfigError::UnknownKey { at: setting.place(), nearest, known });
        };
        let invalid = |reason: String| ConfigError::Invalid { at: setting.place(), reason };
        let value = typed(&setting, default).map_err(invalid)?;
        let mut trial = defaults.clone();
        trial.insert(setting.key.clone(), value.clone());
        serde_json::from_value::<C>(Value::Object(trial))
            .map_err(|error| invalid(error.to_string()))?;
        merged.insert(setting.key, value);
    }
    serde_json::from_value(Value::Object(merged)).map_err(|error| ConfigError::Invalid {
        at: "the settings together".to_owned(),
        reason: error.to_string(),
    })
}

/// The settings in a TOML file.
///
/// # Errors
/// When it cannot be read or is not TOML.
pub(crate) fn from_file(path: &Path) -> Result<Vec<Setting>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let not_toml = |reason: String| ConfigError::NotToml { path: path.to_owned(), reason };
    let table: toml::Table =
        text.parse().map_err(|error| not_toml(place_and_message(&text, &error)))?;
    let setting = |(key, value): (String, toml::Value)| {
        let value = serde_json::to_value(value).map_err(|error| not_toml(error.to_string()))?;
        Ok(Setting { key, value, origin: Origin::File(path.to_owned()) })
    };
    table.into_iter().map(setting).collect()
}

/// Where the file is no TOML, and why. The error's own text would quote the line, which may hold a password.
fn place_and_message(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&character| character != '\n').count() + 1;
    format!("line {line}, column {column}: {}", error.message())
}

/// The settings in those `variables` that begin with `ANNULET_<SECTION>__`; the section is the server's name.
pub(crate) fn from_variables(
    section: &str,
    variables: impl Iterator<Item = (String, String)>,
) -> Vec<Setting> {
    let prefix = variable_prefix(section);
    let ours = variables.filter_map(|(name, value)| {
        let key = name.strip_prefix(&prefix)?.to_ascii_lowercase();
        Some(Setting { key, value: Value::String(value), origin: Origin::Variable(name) })
    });
    ours.collect()
}

/// The setting of a flag, when it was given.
pub(crate) fn from_flag(key: &str, value: Option<impl Into<Value>>) -> Option<Setting> {
    value.map(|value| Setting { key: key.to_owned(), value: value.into(), origin: Origin::Flag })
}

fn variable_prefix(section: &str) -> String {
    format!("{VARIABLE_PREFIX}{}__", section.to_ascii_uppercase())
}

fn defaults<C: Default + Serialize>() -> Map<String, Value> {
    // A settings struct always serialises to an object; anything else leaves no key known.
    match serde_json::to_value(C::default()) {
        Ok(Value::Object(defaults)) => defaults,
        _ => Map::new(),
    }
}

/// Reads text from variables and flags as what the default is, and sizes as numbers of bytes.
fn typed(setting: &Setting, default: &Value) -> Result<Value, String> {
    let Value::String(text) = &setting.value else { return Ok(setting.value.clone()) };
    if setting.key.ends_with("_bytes") || setting.key.ends_with("_bytes_max") {
        return size::parse(text).map(Value::from);
    }
    let is_text =
        matches!(setting.origin, Origin::File(_)) || !(default.is_number() || default.is_boolean());
    if is_text {
        return Ok(setting.value.clone());
    }
    match text.parse() {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value),
        _ => Err(format!(
            "{text:?} is not {}",
            if default.is_number() { "a number" } else { "true or false" }
        )),
    }
}

impl Origin {
    /// `key` as it would be written in this place.
    fn spell(&self, key: &str) -> String {
        match self {
            Self::File(_) => key.to_owned(),
            Self::Variable(name) => {
                let section = name.split_once("__").map_or("", |(section, _)| section);
                format!("{section}__{}", key.to_ascii_uppercase())
            }
            Self::Flag => format!("--{}", key.replace('_', "-")),
        }
    }
}

impl Setting {
    /// Where it stands, for an error: `config/datanode.toml: listen`.
    fn place(&self) -> String {
        match &self.origin {
            Origin::File(path) => format!("{}: {}", path.display(), self.key),
            Origin::Variable(name) => name.clone(),
            Origin::Flag => self.origin.spell(&self.key),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => {
                write!(f, "cannot read the settings in {}: {reason}", path.display())
            }
            Self::NotToml { path, reason } => {
                write!(f, "{} is not TOML: {}", path.display(), reason.trim_end())
            }
            Self::UnknownKey { at, nearest: Some(nearest), .. } => {
                write!(f, "{at}: there is no such setting; did you mean {nearest}?")
            }
            Self::UnknownKey { at, nearest: None, known } => {
                write!(f, "{at}: there is no such setting; there are {}", known.join(", "))
            }
            Self::Invalid { at, reason } => write!(f, "{at}: {reason}"),
        }
    }
}
