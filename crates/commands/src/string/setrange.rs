//! SETRANGE key offset value
//!
//! Writes over part of a string, from this byte on; a shorter string is filled up with zero bytes. Returns the length of
//! the string in bytes; a deadline stays. An empty value changes nothing.
//!
//! > SET greeting "hello world"
//! OK
//! > SETRANGE greeting 6 redis
//! (integer) 11
//! > GET greeting
//! "hello redis"
//! > SETRANGE fresh 2 x
//! (integer) 3
//! > GET fresh
//! "\x00\x00x"
//! > SETRANGE fresh -1 x
//! (error) ERR offset is out of range

use super::append::check_length;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "setrange",
    summary: "Writes over part of the string value of a key.",
    since: "2.2.0",
    group: Group::String,
    arity: Arity::Exactly(4),
    keys: Keys::At(1),
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::UPDATE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, part) = (args.at(1), args.at(3));
    let offset = parse_integer(args.at(2)).ok_or(Error::NotAnInteger)?;
    let offset = usize::try_from(offset).map_err(|_| Error::OffsetOutOfRange)?;

    let length = cx.string(key)?.map_or(0, <[u8]>::len);
    if part.is_empty() {
        reply.integer(length as i64);
        return Ok(());
    }
    check_length(offset, part.len())?;
    // What lies in the old value is written over it, and only the rest makes it longer: nothing else is copied.
    let (over, behind) = part.split_at(length.saturating_sub(offset).min(part.len()));
    if !over.is_empty() {
        cx.write_at(key, offset, over);
    }
    let length = match behind.is_empty() {
        true => length,
        false => {
            let mut suffix = vec![0; offset.saturating_sub(length)];
            suffix.extend_from_slice(behind);
            cx.append(key, &suffix)
        }
    };
    reply.integer(length as i64);
    Ok(())
}
