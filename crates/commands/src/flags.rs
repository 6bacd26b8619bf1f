//! Flags of a command: what it does to keys, when it may run, and which access categories it belongs to.

/// A set of command flags. Build one with [`Flags::and`]: `Flags::READ.and(Flags::FAST)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(u32);

impl Flags {
    /// No flag at all.
    pub const NONE: Self = Self(0);

    /// Reads keys and changes none.
    pub const READ: Self = Self(1 << 0);
    /// May change keys.
    pub const WRITE: Self = Self(1 << 1);
    /// Takes constant or logarithmic time.
    pub const FAST: Self = Self(1 << 2);
    /// May need more memory, refused when there is none left.
    pub const DENY_OOM: Self = Self(1 << 3);
    /// An operator's command.
    pub const ADMIN: Self = Self(1 << 4);
    /// Not allowed in scripts.
    pub const NO_SCRIPT: Self = Self(1 << 5);
    /// Allowed while a data set is being loaded.
    pub const LOADING: Self = Self(1 << 6);
    /// Allowed while the data may be stale.
    pub const STALE: Self = Self(1 << 7);
    /// Allowed before authentication.
    pub const NO_AUTH: Self = Self(1 << 8);
    /// Not shown to monitors.
    pub const SKIP_MONITOR: Self = Self(1 << 9);
    /// Not entered in the slow log.
    pub const SKIP_SLOW_LOG: Self = Self(1 << 10);
    /// Allowed while a script has been running too long.
    pub const ALLOW_BUSY: Self = Self(1 << 11);
    /// May keep its connection waiting.
    pub const BLOCKING: Self = Self(1 << 23);
    /// Shows keys that the request does not name.
    pub const ARBITRARY: Self = Self(1 << 24);

    /// Replaces a value without looking at the old one.
    pub const OVERWRITE: Self = Self(1 << 12);
    /// Returns, or makes something of, the value of the key.
    pub const ACCESS: Self = Self(1 << 13);
    /// Changes the value of the key.
    pub const UPDATE: Self = Self(1 << 14);
    /// Adds data to the key, changing none of what is there.
    pub const INSERT: Self = Self(1 << 15);
    /// Removes the key.
    pub const DELETE: Self = Self(1 << 16);
    /// Options decide which of the key flags hold.
    pub const VARIABLE: Self = Self(1 << 17);

    /// Access category `@keyspace`.
    pub const KEYSPACE: Self = Self(1 << 18);
    /// Access category `@connection`.
    pub const CONNECTION: Self = Self(1 << 19);
    /// Access category `@dangerous`.
    pub const DANGEROUS: Self = Self(1 << 20);

    /// Changes how the next request is read or where it goes, so a batch of requests ends here.
    pub const ENDS_BATCH: Self = Self(1 << 21);
    /// Has subcommands: the rows that follow it in the table as `name|subcommand`.
    pub const CONTAINER: Self = Self(1 << 22);

    /// The union of both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every flag of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Names of the flags of the command itself, in the order in which `COMMAND INFO` reports them.
    pub fn command_names(self) -> impl Iterator<Item = &'static str> + Clone {
        self.named(&[
            (Self::WRITE, "write"),
            (Self::READ, "readonly"),
            (Self::DENY_OOM, "denyoom"),
            (Self::ADMIN, "admin"),
            (Self::NO_SCRIPT, "noscript"),
            (Self::BLOCKING, "blocking"),
            (Self::LOADING, "loading"),
            (Self::STALE, "stale"),
            (Self::SKIP_MONITOR, "skip_monitor"),
            (Self::SKIP_SLOW_LOG, "skip_slowlog"),
            (Self::FAST, "fast"),
            (Self::NO_AUTH, "no_auth"),
            (Self::ALLOW_BUSY, "allow_busy"),
            (Self::ARBITRARY, "touches_arbitrary_keys"),
        ])
    }

    /// What is done to the keys, in the words of a key specification: `RO`, `OW`, `RM` or `RW`, then the details.
    pub fn key_names(self) -> impl Iterator<Item = &'static str> + Clone {
        let class = if self.contains(Self::READ) {
            "RO"
        } else if self.contains(Self::OVERWRITE) {
            "OW"
        } else if self.contains(Self::DELETE) && !self.contains(Self::ACCESS) {
            "RM"
        } else {
            "RW"
        };
        let details = self.named(&[
            (Self::ACCESS, "access"),
            (Self::UPDATE, "update"),
            (Self::INSERT, "insert"),
            (Self::DELETE, "delete"),
            (Self::VARIABLE, "variable_flags"),
        ]);
        std::iter::once(class).chain(details)
    }

    fn named(
        self,
        names: &'static [(Self, &'static str)],
    ) -> impl Iterator<Item = &'static str> + Clone {
        names.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }
}
