//! The transcripts in the commands' docs, run as they stand there: `//! > command`, then the reply as `redis-cli` shows
//! it. Each file starts with an empty server.

mod harness;

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Harness, words};

#[test]
fn every_transcript_in_the_docs_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let steps: usize = files.iter().map(|path| run(path)).sum();
    assert!(steps > 80, "only {steps} steps were found");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Runs the transcript of one file; how many steps it has.
fn run(path: &Path) -> usize {
    let source = fs::read_to_string(path).expect("a source file");
    let mut server = Harness::new();
    let steps = steps(&source);
    for (command, expected) in &steps {
        let reply = words::shown(&server.run(command));
        assert_eq!(&reply, expected, "{}: {command}", path.display());
    }
    steps.len()
}

/// Commands and the replies below them, up to the next command or the end of the docs.
fn steps(source: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        if let Some(command) = line.strip_prefix("> ") {
            steps.push((command.into(), String::new()));
        } else if let Some((_, reply)) = steps.last_mut() {
            if !reply.is_empty() {
                reply.push('\n');
            }
            reply.push_str(line);
        }
    }
    steps
}
