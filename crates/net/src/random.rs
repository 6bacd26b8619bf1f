//! Random numbers from the operating system: incarnations, seeds, jitter.

/// 64 random bits.
///
/// # Panics
/// When the operating system has no randomness to give: nothing sensible can be done without an identity.
#[cfg(not(annulet_sim))]
pub fn u64() -> u64 {
    getrandom::u64().expect("the operating system gives random bytes")
}

/// 64 random bits of the simulated host.
#[cfg(annulet_sim)]
pub fn u64() -> u64 {
    crate::sim::random_u64()
}

/// 128 random bits. Panics as [`u64()`] does.
pub fn u128() -> u128 {
    (u128::from(u64()) << 64) | u128::from(u64())
}
