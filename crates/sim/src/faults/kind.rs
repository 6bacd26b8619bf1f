//! The kinds of faults.

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A link becomes slow.
    Delay,
    /// Nothing arrives on a link for a while, in either direction; then everything does.
    Hold,
    /// Nothing arrives at or comes from one host, as if its process had been stopped.
    Stop,
    /// What is sent on a link is lost, and the connections over it are dead without being told.
    Cut,
    /// The same in one direction.
    OneWayCut,
    /// A DataNode dies and comes back empty.
    Crash,
    /// The NameNode dies and comes back with its store.
    NameNodeCrash,
    /// It comes back with an older copy of its store.
    OldCopy,
    /// Its disk takes nothing for a while.
    DiskFull,
    /// The wall clock of a host jumps.
    Clock,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Delay,
        Self::Hold,
        Self::Stop,
        Self::Cut,
        Self::OneWayCut,
        Self::Crash,
        Self::NameNodeCrash,
        Self::OldCopy,
        Self::DiskFull,
        Self::Clock,
    ];

    /// Its name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Hold => "hold",
            Self::Stop => "stop",
            Self::Cut => "cut",
            Self::OneWayCut => "one-way-cut",
            Self::Crash => "crash",
            Self::NameNodeCrash => "namenode-crash",
            Self::OldCopy => "old-copy",
            Self::DiskFull => "disk-full",
            Self::Clock => "clock",
        }
    }
}
