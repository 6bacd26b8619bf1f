//! What the operating system and the allocator say of this process and machine, for INFO.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::clock;

/// The allocator is not asked again before so long: it must add up what all threads have.
const ALLOCATOR_INTERVAL_MS: u64 = 1000;

/// What the allocator of the process says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllocatorStats {
    /// Name and version: `jemalloc-5.3.1`.
    pub name: String,
    /// What the program has, in bytes.
    pub allocated_bytes: u64,
    /// The pages that this lies in, in bytes.
    pub active_bytes: u64,
    /// These, what the allocator needs itself, and pages that it has not given back yet, in bytes.
    pub resident_bytes: u64,
}

/// The process's number, as the operating system knows it.
pub fn id() -> u32 {
    #[cfg(not(annulet_sim))]
    return std::process::id();
    #[cfg(annulet_sim)]
    return crate::sim::host();
}

type Ask = fn() -> Option<AllocatorStats>;

static ASK: OnceLock<Ask> = OnceLock::new();
/// When the allocator was asked last, and what it said.
static ANSWER: Mutex<Option<(u64, AllocatorStats)>> = Mutex::new(None);

/// Says how the allocator is asked. The binary chooses the allocator, so it alone knows; the first call counts.
pub fn ask_allocator(ask: Ask) {
    ASK.get_or_init(|| ask);
}

/// What the allocator says of itself, a second old at most; `None` when nobody knows how to ask it.
pub fn allocator() -> Option<AllocatorStats> {
    let ask = ASK.get()?;
    let now = clock::boot_millis();
    let mut answer = ANSWER.lock().unwrap_or_else(PoisonError::into_inner);
    match &*answer {
        Some((at, stats)) if now.saturating_sub(*at) < ALLOCATOR_INTERVAL_MS => Some(stats.clone()),
        _ => {
            let stats = ask()?;
            *answer = Some((now, stats.clone()));
            Some(stats)
        }
    }
}

/// Resident memory of the process in bytes; 0 when the system does not tell.
pub fn resident_bytes() -> u64 {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// Memory of the machine in bytes; 0 when the system does not tell.
pub fn system_memory_bytes() -> u64 {
    kibibytes("/proc/meminfo", "MemTotal:")
}

/// Files that a process keeps for itself: its ports and stores, links to and from other nodes, moves.
const OWN_FILES: u64 = 512;

/// How many connections this process has room for, each of which is an open file. Lets it have as many of those as the
/// system allows.
pub fn connections_max() -> usize {
    #[cfg(not(annulet_sim))]
    let open_files_max = {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // What was allowed before still is.
        let _ = setrlimit(Resource::Nofile, limit);
        getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
    };
    #[cfg(annulet_sim)]
    let open_files_max = u64::MAX;
    room_for_connections(open_files_max)
}

/// Where few files may be open a process keeps a half of them.
fn room_for_connections(open_files_max: u64) -> usize {
    usize::try_from(open_files_max - OWN_FILES.min(open_files_max / 2)).unwrap_or(usize::MAX)
}

/// Seconds of CPU time of this process, in the program and in the kernel.
pub fn cpu_seconds() -> (f64, f64) {
    // Fields 14 and 15 of /proc/self/stat, in clock ticks; the program's name before them may contain spaces.
    let read = || -> Option<(f64, f64)> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / per_second);
        Some((seconds()?, seconds()?))
    };
    read().unwrap_or_default()
}

/// Name, release and machine of the operating system.
pub fn operating_system() -> String {
    let uname = rustix::system::uname();
    let [name, release, machine] =
        [uname.sysname(), uname.release(), uname.machine()].map(|part| part.to_string_lossy());
    format!("{name} {release} {machine}")
}

fn kibibytes(file: &str, field: &str) -> u64 {
    // What a simulation takes says nothing of its hosts.
    if cfg!(annulet_sim) {
        return 0;
    }
    let read = || -> Option<u64> {
        let text = std::fs::read_to_string(file).ok()?;
        let rest = text.lines().find_map(|line| line.strip_prefix(field))?;
        rest.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    read().map_or(0, |kibibytes: u64| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn the_allocator_is_asked_once_a_second_at_most() {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        assert_eq!(allocator(), None, "nobody knows how");
        ask_allocator(|| {
            let allocated_bytes = ASKED.fetch_add(1, Ordering::Relaxed);
            Some(AllocatorStats { allocated_bytes, ..AllocatorStats::default() })
        });
        let (started, mut last) = (clock::boot_millis(), 0);
        for _ in 0..1000 {
            last = allocator().map_or(0, |stats| stats.allocated_bytes);
        }
        let seconds = (clock::boot_millis() - started) / ALLOCATOR_INTERVAL_MS;
        assert!(last <= seconds + 1, "asked {last} times in {seconds} s");
    }

    #[test]
    fn a_process_keeps_files_for_itself_and_half_of_the_few() {
        let room =
            [(20_000, 19_488), (1_024, 512), (100, 50), (1, 1), (u64::MAX, usize::MAX - 512)];
        for (open_files_max, connections) in room {
            assert_eq!(room_for_connections(open_files_max), connections, "{open_files_max}");
        }
        assert!(connections_max() > 0);
    }

    #[test]
    fn the_process_takes_some_memory_and_the_machine_has_more() {
        assert!(resident_bytes() > 0 && system_memory_bytes() > resident_bytes());
        assert!(operating_system().starts_with("Linux "));
    }
}
