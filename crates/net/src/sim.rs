//! The simulated host that the running code is on: its chance, its wall clock, its number.
//!
//! turmoil runs each host in a tokio runtime of its own, and a new one after each crash; so the runtime's id tells which
//! host is running. Everything here follows from the seed of the run.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::{Handle, Id};

/// The first moment of every run, in microseconds since 1970.
const EPOCH_MICROS: u64 = 1_750_000_000_000_000;
/// How long a machine has been up when a run begins.
const UPTIME: Duration = Duration::from_secs(3600);
/// A simulated disk takes between this
const DISK_MICROS_MIN: u64 = 100;
/// and this, twice: before it is durable, and after.
const DISK_MICROS_MAX: u64 = 3000;

/// What a host draws and reads.
#[derive(Debug, Clone)]
struct Host {
    number: u32,
    boot: u32,
    random: Random,
    skew_ms: i64,
}

thread_local! {
    /// The hosts of the run on this thread, by the runtime that each has now.
    static HOSTS: RefCell<HashMap<Id, Host>> = RefCell::default();
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// For code that runs on no host.
    static OUTSIDE: RefCell<Random> = const { RefCell::new(Random(0)) };
}

/// A small generator of random numbers (splitmix64); the same seed gives the same numbers everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Numbers that follow from `seed` and `stream`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next_u64();
        random
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_u64() % end
    }

    /// Whether something happens that does so `percent` times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Forgets all hosts: a new run begins on this thread.
pub fn begin(seed: u64) {
    HOSTS.with_borrow_mut(HashMap::clear);
    OUTSIDE.set(Random::new(seed, u64::MAX));
    NOW.set(Duration::ZERO);
}

/// Says which host the current runtime is. `number` is its own in the run, and `boot` counts its starts.
pub fn boot(seed: u64, number: u32, boot: u32, skew_ms: i64) {
    let stream = (u64::from(number) << 32) | u64::from(boot);
    let host = Host { number, boot, random: Random::new(seed, stream), skew_ms };
    HOSTS.with_borrow_mut(|hosts| {
        hosts.retain(|_, other| other.number != number);
        hosts.insert(Handle::current().id(), host);
    });
}

/// Moves the wall clock of a host.
pub fn set_skew_ms(number: u32, skew_ms: i64) {
    HOSTS.with_borrow_mut(|hosts| {
        for host in hosts.values_mut().filter(|host| host.number == number) {
            host.skew_ms = skew_ms;
        }
    });
}

/// The number of the running host; 0 when none runs.
pub fn host() -> u32 {
    with_host(|host| host.number).unwrap_or(0)
}

/// Which start of the running host's software this is; 0 when none runs.
pub fn boot_number() -> u32 {
    with_host(|host| host.boot).unwrap_or(0)
}

/// Virtual time since the run began, as the running host counts it; between two steps, what [`set_now`] said.
pub fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_else(|| NOW.get())
}

/// Says what time it is for code that runs on no host.
pub fn set_now(elapsed: Duration) {
    NOW.set(elapsed);
}

pub(crate) fn random_u64() -> u64 {
    with_host(|host| host.random.next_u64())
        .unwrap_or_else(|| OUTSIDE.with_borrow_mut(Random::next_u64))
}

pub(crate) fn uptime() -> Duration {
    UPTIME + elapsed()
}

pub(crate) fn unix_micros() -> u64 {
    let skew_ms = with_host(|host| host.skew_ms).unwrap_or(0);
    (EPOCH_MICROS + elapsed().as_micros() as u64).saturating_add_signed(skew_ms * 1000)
}

pub(crate) fn disk_latency() -> Duration {
    let micros = DISK_MICROS_MIN + random_u64() % (DISK_MICROS_MAX - DISK_MICROS_MIN);
    Duration::from_micros(micros)
}

fn with_host<T>(use_it: impl FnOnce(&mut Host) -> T) -> Option<T> {
    let id = Handle::try_current().ok()?.id();
    HOSTS.with_borrow_mut(|hosts| hosts.get_mut(&id).map(use_it))
}
