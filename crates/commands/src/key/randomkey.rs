//! RANDOMKEY
//!
//! Some key of the selected database, each key of the cluster as likely as any other. Null when there is none.
//!
//! Each slot with keys draws the time of an event that comes as often as it has keys; the slot of the earliest event gives
//! the key. So parts of the cluster can be asked apart, and their answers put together.
//!
//! > RANDOMKEY
//! (nil)
//! > SET one 1
//! OK
//! > RANDOMKEY
//! "one"

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "randomkey",
    summary: "Some key of the database.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(1),
    keys: Keys::None,
    flags: Flags::READ.and(Flags::KEYSPACE).and(Flags::ARBITRARY),
    run: Run::Slots { check: |_| Ok(()), slot, finish },
};

/// An item is the time of the slot's event, eight bytes that sort as the time does, and then the key.
const TIME_BYTES: usize = 8;

fn slot(cx: &mut SlotContext<'_>, _args: Args<'_>, gather: &mut Gather) {
    let keys = cx.entries.len(cx.db);
    if keys == 0 {
        return;
    }
    let mut random = Random(cx.random ^ u64::from(cx.entries.slot().get()));
    let time = (-random.fraction().ln() / keys as f64).to_bits().to_be_bytes();
    // Slots come one after the other, so the last item of this part is the earliest so far.
    if gather.items().last().is_some_and(|item| item[..TIME_BYTES] <= time[..]) {
        return;
    }
    if let Some(key) = cx.entries.sample(cx.now, cx.db, || random.next()) {
        gather.push(&[&time, key].concat());
    }
}

fn finish(gather: &Gather, _args: Args<'_>, reply: &mut Reply<'_>) {
    let earliest = gather.items().filter_map(|item| item.split_at_checked(TIME_BYTES)).min();
    match earliest {
        Some((_, key)) => reply.bulk(key),
        None => reply.null(),
    }
}

/// SplitMix64: as many random numbers as are wanted from one.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Above 0, at most 1.
    fn fraction(&mut self) -> f64 {
        const BITS: u32 = f64::MANTISSA_DIGITS;
        ((self.next() >> (u64::BITS - BITS)) + 1) as f64 / (1_u64 << BITS) as f64
    }
}
