//! What wins over what, and what is said when a setting is wrong.

use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sample {
    id: Option<String>,
    listen: String,
    threads: u16,
    verbose: bool,
    memory_bytes: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            id: None,
            listen: "127.0.0.1:1".to_owned(),
            threads: 4,
            verbose: false,
            memory_bytes: 1024,
        }
    }
}

/// Asserts that the file of config/ names every key of `C`, set or in a comment, and changes no default.
pub(crate) fn assert_states_the_defaults<C>(file: &str)
where
    C: Default + PartialEq + std::fmt::Debug + Serialize + serde::de::DeserializeOwned,
{
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(file);
    assert_eq!(merge::<C>(from_file(&path).expect("read")), Ok(C::default()));
    let text = std::fs::read_to_string(&path).expect("read");
    for key in defaults::<C>().keys() {
        let is_named = text
            .lines()
            .any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
        assert!(is_named, "{file} does not name {key}");
    }
}

fn file(text: &str) -> Result<Vec<Setting>, ConfigError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sample.toml");
    std::fs::write(&path, text).expect("written");
    let settings = from_file(&path)?;
    Ok(settings
        .into_iter()
        .map(|setting| Setting { origin: Origin::File("sample.toml".into()), ..setting })
        .collect())
}

fn variables(pairs: &[(&str, &str)]) -> Vec<Setting> {
    from_variables(
        "sample",
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

fn refused(settings: Vec<Setting>) -> String {
    merge::<Sample>(settings).expect_err("refused").to_string()
}

#[test]
fn without_any_source_the_defaults_hold() {
    assert_eq!(merge::<Sample>(vec![]), Ok(Sample::default()));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let mut settings = file("listen = 'file'\nthreads = 5\nid = 'file'\n").expect("read");
    settings.extend(variables(&[
        ("ANNULET_SAMPLE__THREADS", "6"),
        ("ANNULET_SAMPLE__ID", "7"),
        ("ANNULET_OTHER__ID", "no"),
        ("HOME", "/"),
    ]));
    settings.extend(from_flag("threads", Some(8)));
    settings.extend(from_flag("listen", None::<String>));
    let expected = Sample {
        id: Some("7".to_owned()),
        listen: "file".to_owned(),
        threads: 8,
        ..Sample::default()
    };
    assert_eq!(merge::<Sample>(settings), Ok(expected));
}

#[test]
fn variables_take_the_type_of_their_key() {
    let settings = variables(&[
        ("ANNULET_SAMPLE__VERBOSE", "true"),
        ("ANNULET_SAMPLE__LISTEN", "1"),
        ("ANNULET_SAMPLE__MEMORY_BYTES", "512mb"),
    ]);
    let expected = Sample {
        listen: "1".to_owned(),
        verbose: true,
        memory_bytes: 512 << 20,
        ..Sample::default()
    };
    assert_eq!(merge::<Sample>(settings), Ok(expected));
    assert_eq!(
        refused(variables(&[("ANNULET_SAMPLE__THREADS", "many")])),
        "ANNULET_SAMPLE__THREADS: \"many\" is not a number"
    );
}

#[test]
fn sizes_may_be_written_with_units_in_the_file() {
    let merged = merge::<Sample>(file("memory_bytes = '2gb'\n").expect("read")).expect("good");
    assert_eq!(merged.memory_bytes, 2 << 30);
    let text = refused(file("memory_bytes = 'lots'\n").expect("read"));
    assert!(text.starts_with("sample.toml: memory_bytes: \"lots\" is not a size"), "{text}");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
    let text = refused(file("[listn]\nx = 1\n").expect("read"));
    assert_eq!(text, "sample.toml: listn: there is no such setting; did you mean listen?");
    let text = refused(variables(&[("ANNULET_SAMPLE__THREAD", "1")]));
    assert_eq!(
        text,
        "ANNULET_SAMPLE__THREAD: there is no such setting; did you mean ANNULET_SAMPLE__THREADS?"
    );
    let text = refused(file("favourite_colour = 'blue'\n").expect("read"));
    assert!(text.contains("there are id, listen, memory_bytes, threads, verbose"), "{text}");
}

#[test]
fn a_value_that_does_not_fit_is_named_with_its_place() {
    for wrong in ["threads = 'four'", "threads = 70000", "threads = -1"] {
        let text = refused(file(wrong).expect("read"));
        assert!(text.starts_with("sample.toml: threads: invalid "), "{wrong}: {text}");
    }
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let text = from_file(Path::new("/nowhere/a.toml")).expect_err("missing").to_string();
    assert!(text.starts_with("cannot read the settings in /nowhere/a.toml: "), "{text}");
    let text = file("listen =\n").expect_err("no TOML").to_string();
    assert!(text.contains("is not TOML: line 1, column 9: "), "{text}");
    let text = file("id = 'a'\nid2 = ä b\n").expect_err("no TOML").to_string();
    assert!(text.contains("is not TOML: line 2, column 7: "), "{text}");
}

#[test]
fn no_error_shows_a_password() {
    use annulet_datanode::Config;
    for wrong in ["= 867530924601", "= [867530924601]", "= { a = 867530924601 }", "= true"] {
        let settings = file(&format!("requirepass {wrong}\n")).expect("read");
        let text = merge::<Config>(settings).expect_err("refused").to_string();
        assert_eq!(text, "sample.toml: requirepass: a password is a text, in quotes");
    }
    for broken in
        ["requirepass = 867530924601 x", "requirepass = swordfish", "requirepass = 'swordfish"]
    {
        let text = file(broken).expect_err("no TOML").to_string();
        assert!(!text.contains("8675") && !text.contains("swordfish"), "{text}");
    }
    let settings = file("requirepas = 'swordfish'\n").expect("read");
    let text = merge::<Config>(settings).expect_err("refused").to_string();
    assert_eq!(
        text,
        "sample.toml: requirepas: there is no such setting; did you mean requirepass?"
    );
}
