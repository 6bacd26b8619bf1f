//! What the operating system says of this process and machine, for INFO.

/// Resident memory of the process in bytes; 0 when the system does not tell.
pub fn resident_bytes() -> u64 {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// Memory of the machine in bytes; 0 when the system does not tell.
pub fn system_memory_bytes() -> u64 {
    kibibytes("/proc/meminfo", "MemTotal:")
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
    let read = || -> Option<u64> {
        let text = std::fs::read_to_string(file).ok()?;
        let rest = text.lines().find_map(|line| line.strip_prefix(field))?;
        rest.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    read().map_or(0, |kibibytes: u64| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_takes_some_memory_and_the_machine_has_more() {
        assert!(resident_bytes() > 0 && system_memory_bytes() > resident_bytes());
        assert!(operating_system().starts_with("Linux "));
    }
}
