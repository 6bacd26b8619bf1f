//! One process under test: its output kept in files, killed when the story is over.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::wait;

/// Lines of its log that are shown when a story fails.
const TAIL_LINES: usize = 25;

/// A process of the `annulet` binary.
pub(crate) struct Process {
    child: Child,
    name: String,
    output: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts `annulet` with these arguments; what it prints goes to files in `directory`.
    pub(crate) fn start(
        directory: &Path,
        name: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let (output, log) = (file(directory, name, "out"), file(directory, name, "log"));
        let child = annulet()
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(File::create(&output).expect("a file for its output"))
            .stderr(File::create(&log).expect("a file for its log"))
            .spawn()
            .expect("the annulet binary starts");
        Self { child, name: name.to_owned(), output, log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed on stdout.
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    /// What it has printed on stderr.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal to a child");
    }

    /// Ends it at once, as the kernel does when memory is short.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a signal to a child");
        self.child.wait().expect("its end");
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        wait::until_some(&what, within, || self.child.try_wait().expect("its state"))
    }

    /// Memory that it really takes, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        kib(self.pid(), "VmRSS:")
    }
}

/// A line in the status of a process.
fn kib(pid: u32, field: &str) -> u64 {
    let status = read(Path::new(&format!("/proc/{pid}/status")));
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

/// The most memory that a process takes from now on; the kernel keeps count.
pub(crate) struct Memory(u32);

impl Memory {
    pub(crate) fn watch(pid: u32) -> Self {
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
        Self(pid)
    }

    /// In bytes.
    pub(crate) fn stop(self) -> usize {
        kib(self.0, "VmHWM:") as usize * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- the end of the log of {}:", self.name);
            for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
                eprintln!("    {line}");
            }
        }
    }
}

/// Sends a signal to a child by its id.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("a signal to a child");
}

/// A process whose stdout and stderr are pipes that nobody reads any more.
pub(crate) struct Unread(Child);

impl Unread {
    pub(crate) fn start(mut command: Command) -> Self {
        let closed = || {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            writer
        };
        command.stdin(Stdio::null()).stdout(closed()).stderr(closed());
        Self(command.spawn().expect("the annulet binary starts"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("a signal to a child");
    }

    pub(crate) fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        wait::until_some("it ends", within, || self.0.try_wait().expect("its state"))
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The variable that names the binary under test; `scripts/test` sets it to the one that users build, which needs a
/// third of the processor time. Without it that of this build is tested, with its assertions.
const BINARY: &str = "ANNULET_BIN";

/// A command of the binary under test that no setting of the developer's shell reaches.
pub(crate) fn annulet() -> Command {
    let built = || env!("CARGO_BIN_EXE_annulet").into();
    let mut command = Command::new(std::env::var_os(BINARY).unwrap_or_else(built));
    for (name, _) in std::env::vars() {
        if name == "RUST_LOG" || name.starts_with("ANNULET_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

/// A file of that name that does not exist yet: a process that is started again has another log.
fn file(directory: &Path, name: &str, extension: &str) -> PathBuf {
    let start = |count: u32| directory.join(format!("{name}-{count}.{extension}"));
    (1..).map(start).find(|path| !path.exists()).expect("a free name")
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
