//! INCRBYFLOAT key increment
//!
//! Adds to the number in a string, 0 when there is none. Returns the sum with at most 17 decimals; a deadline stays.
//!
//! The sum is that of an 80-bit extended double, as in Redis on x86, whatever machine this runs on.
//!
//! > SET price 10.50
//! OK
//! > INCRBYFLOAT price 0.1
//! "10.6"
//! > INCRBYFLOAT price -5
//! "5.6"
//! > INCRBYFLOAT price 5.0e3
//! "5005.60000000000000009"
//! > INCRBYFLOAT price much
//! (error) ERR value is not a valid float
//! > INCRBYFLOAT price inf
//! (error) ERR increment would produce NaN or Infinity

use super::incr::ADD_FLAGS;
use crate::extended::Extended;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "incrbyfloat",
    summary: "Adds a number to the floating point value of a key.",
    since: "2.6.0",
    group: Group::String,
    arity: Arity::Exactly(3),
    keys: Keys::At(1),
    flags: ADD_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let number = |text| Extended::parse(text).ok_or(Error::NotAFloat);
    let (old, expiry) = match cx.string_and_expiry(args.at(1))? {
        Some((value, expiry)) => (number(value)?, expiry),
        None => (Extended::ZERO, Expiry::Never),
    };
    let sum = old.add(number(args.at(2))?).ok_or(Error::NotFinite)?.to_string();
    cx.put(args.at(1), sum.as_bytes(), expiry);
    reply.bulk(sum.as_bytes());
    Ok(())
}
