//! Budgets and text: what every file must look like.

use super::source::{Source, body, closing, words};
use super::{File, Finding};

/// Lines of a source file, its tests not counted.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Notes to oneself that must not be landed.
const MARKERS: [&str; 3] = ["TODO", "FIXME", "XXX"];
/// Macros that are for the desk and not for the product.
const DESK_MACROS: [&str; 3] = ["todo!", "dbg!", "unimplemented!"];

/// Checks any text file: no trailing blanks, and a newline at the end.
pub(crate) fn check_any(file: &File, findings: &mut Vec<Finding>) {
    let mut report = |line: usize, what: &str| {
        findings.push(Finding { path: file.path.clone(), line, what: what.to_owned() });
    };
    for (index, line) in file.text.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            report(index + 1, "trailing whitespace; remove it");
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        report(file.text.lines().count(), "no newline at the end of the file; add one");
    }
}

/// Checks a file of config/: every key stands below a comment that says why it is there.
pub(crate) fn check_config(file: &File, findings: &mut Vec<Finding>) {
    let mut explained = false;
    for (index, line) in file.text.lines().enumerate() {
        let is_key =
            line.split_once('=').is_some_and(|(key, _)| !key.trim_start().starts_with('#'));
        if is_key && !explained {
            let what =
                "a key without a comment; say in the line above why one would change it".to_owned();
            findings.push(Finding { path: file.path.clone(), line: index + 1, what });
        }
        explained = line.trim_start().starts_with('#');
    }
}

/// Checks a Rust file.
pub(crate) fn check_source(source: &Source<'_>, findings: &mut Vec<Finding>) {
    if !source.file.text.starts_with("//!") {
        let what = "the file does not say what it is; open it with a `//!` comment";
        findings.push(source.finding(0, what.to_owned()));
    }
    for marker in MARKERS {
        for at in words(&source.comments, marker) {
            let what =
                format!("{marker} in a comment; do it, or file an issue and say so in the note");
            findings.push(source.finding(at, what));
        }
    }
    for desk in DESK_MACROS {
        for (at, _) in source.code.match_indices(desk) {
            findings.push(source.finding(at, format!("`{desk}` in the code; finish it")));
        }
    }
    check_unsafe(source, findings);
    if !source.is_test() {
        check_budgets(source, findings);
    }
}

fn check_budgets(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let lines = source.file.text.lines().count().saturating_sub(source.test_lines);
    if lines > FILE_LINES_MAX {
        let what = format!(
            "{lines} lines without tests, {FILE_LINES_MAX} are the budget; split it by concept"
        );
        findings.push(source.finding(0, what));
    }
    for at in words(&source.code, "fn") {
        let Some(open) = body(&source.code, at) else { continue };
        let is_pointer = source.code[at + 2..].trim_start().starts_with('(');
        let lines = source.code[at..closing(&source.code, open)].lines().count();
        if !is_pointer && lines > FUNCTION_LINES_MAX {
            let what = format!(
                "a function of {lines} lines, {FUNCTION_LINES_MAX} are the budget; give a part of it a name"
            );
            findings.push(source.finding(at, what));
        }
    }
}

/// `unsafe` stands in crates/store only, and each use of it below its proof.
fn check_unsafe(source: &Source<'_>, findings: &mut Vec<Finding>) {
    for at in words(&source.code, "unsafe") {
        if !source.file.path.starts_with("crates/store/") {
            let what = "`unsafe` outside crates/store; use the safe interface of a crate there";
            findings.push(source.finding(at, what.to_owned()));
        } else if !is_declaration(&source.code[at..]) && !has_proof(&source.file.text, at) {
            let what = "`unsafe` without its proof; write a `// SAFETY:` comment right above";
            findings.push(source.finding(at, what.to_owned()));
        }
    }
}

/// `unsafe fn` and `unsafe trait` state what a caller owes in their documentation, which clippy checks.
fn is_declaration(code: &str) -> bool {
    matches!(code.split_whitespace().nth(1), Some("fn" | "trait" | "extern"))
}

/// Whether the comment above the statement that holds `at` carries the proof.
fn has_proof(text: &str, at: usize) -> bool {
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut above = text[..line_start].lines().rev().map(str::trim_start).skip_while(|line| {
        // The statement may have begun some lines further up.
        !line.starts_with("//") && !line.is_empty() && !line.ends_with([';', '{', '}'])
    });
    let same_line = text[line_start..at].contains("SAFETY:");
    same_line
        || above
            .by_ref()
            .take_while(|line| line.starts_with("//"))
            .any(|line| line.contains("SAFETY:"))
}
