//! `cargo xtask tidy`: the rules of the house that neither rustc nor clippy knows.
//!
//! Every rule is a function from files to findings, so that each is tested on files that break it.

mod imports;
mod paths;
mod source;
#[cfg(test)]
mod tests;
mod text;

use std::path::Path;
use std::process::ExitCode;
use std::{fmt, fs, io};

use source::Source;

/// Folders that hold our text; what lies elsewhere (target, .git) is none of ours.
const FOLDERS: [&str; 6] = [".cargo", ".ci", "config", "crates", "docs", "scripts"];

/// One file of the repository: its path from the root, with `/`, and what it says.
pub(crate) struct File {
    path: String,
    text: String,
}

/// One broken rule: where, what, and what to do.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks the repository at `root` and prints one line per finding.
pub(crate) fn run(root: &Path) -> ExitCode {
    let files = match load(root) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("tidy: cannot read {}: {error}", root.display());
            return ExitCode::FAILURE;
        }
    };
    let findings = check(&files);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, all in order", files.len());
            ExitCode::SUCCESS
        }
        count => {
            println!("tidy: {} files, {count} findings", files.len());
            ExitCode::FAILURE
        }
    }
}

/// All findings, in the order of paths and lines.
fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        text::check_any(file, &mut findings);
        if file.path.starts_with("config/") && file.path.ends_with(".toml") {
            text::check_config(file, &mut findings);
        }
        if file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml") {
            imports::check_manifest(file, &mut findings);
        }
        if file.path.ends_with(".rs") {
            let source = Source::new(file);
            text::check_source(&source, &mut findings);
            imports::check_source(&source, &mut findings);
        }
    }
    findings.sort();
    findings.dedup();
    findings
}

/// Reads every file of ours that is text.
fn load(root: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut pending = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Of the folders only ours, of the files beside them all but the generated one.
        if path.is_dir() == FOLDERS.contains(&&*name) && name != "Cargo.lock" {
            pending.push(path);
        }
    }
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                pending.push(entry?.path());
            }
        } else if let Ok(text) = String::from_utf8(fs::read(&path)?) {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            files.push(File { path: relative.to_string_lossy().replace('\\', "/"), text });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
