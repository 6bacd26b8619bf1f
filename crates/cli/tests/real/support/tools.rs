//! The tools that people use: redis-cli, telnet, and a Python with redis-py.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::wait;

/// Variables that name a Python with redis-py; `scripts/test` sets the first.
const PYTHON_VARIABLES: [&str; 2] = ["ANNULET_PYTHON", "REDIS_PY"];

fn start(program: &str, command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| {
        panic!("{program} cannot be started ({error}); scripts/test installs it")
    })
}

/// Runs a tool to its end with `input` on its stdin.
fn run(program: &str, command: &mut Command, input: &[u8]) -> Output {
    let mut child = start(program, command);
    let mut stdin = child.stdin.take().expect("a pipe");
    thread::scope(|scope| {
        // A tool that ends early does not read all of it.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("its output")
    })
}

/// Runs `redis-cli -p PORT ARGUMENTS` and returns what it printed.
pub(crate) fn redis_cli(port: u16, arguments: &[&str]) -> String {
    let output = redis_cli_with_input(port, arguments, b"");
    String::from_utf8_lossy(&output).trim_end_matches('\n').to_owned()
}

/// Runs `redis-cli -p PORT ARGUMENTS` with `input` on its stdin: with `-x` it is the last argument, without a command
/// it is one command a line.
pub(crate) fn redis_cli_with_input(port: u16, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string()]).args(arguments);
    run("redis-cli", &mut command, input).stdout
}

/// Runs a script in a Python that has redis-py.
pub(crate) fn python(script: &str, arguments: &[String]) -> Output {
    let python = python_with_redis();
    let mut command = Command::new(python);
    command.arg("-").args(arguments);
    run("python", &mut command, script.as_bytes())
}

fn python_with_redis() -> PathBuf {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../venv/bin/python");
    let named = PYTHON_VARIABLES.iter().filter_map(std::env::var_os).map(PathBuf::from);
    let mut candidates = named.chain([venv, PathBuf::from("python3")]);
    let has_redis = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", "import redis"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    candidates.find(has_redis).expect("no Python with redis-py was found; scripts/test installs it")
}

/// A telnet session that somebody types into.
pub(crate) struct Telnet {
    child: Child,
    stdin: ChildStdin,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Telnet {
    /// `telnet 127.0.0.1 PORT`
    pub(crate) fn open(port: u16) -> Self {
        let mut child =
            start("telnet", Command::new("telnet").arg("127.0.0.1").arg(port.to_string()));
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                seen.lock().expect("lines").push(line.trim_end().to_owned());
            }
        });
        Self { child, stdin, lines }
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).expect("telnet reads");
    }

    /// What has been shown so far, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("lines").clone()
    }

    /// Waits for a line that contains `part`, and returns it.
    pub(crate) fn wait_for(&self, part: &str, within: Duration) -> String {
        wait::until_some(&format!("telnet shows {part:?}"), within, || {
            self.lines().into_iter().find(|line| line.contains(part))
        })
    }

    /// Waits until the other side has closed the connection; telnet then ends.
    pub(crate) fn wait_for_close(&mut self, within: Duration) -> ExitStatus {
        wait::until_some("telnet is disconnected", within, || {
            self.child.try_wait().expect("its state")
        })
    }
}

impl Drop for Telnet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
