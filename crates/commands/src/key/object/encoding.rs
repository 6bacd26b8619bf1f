//! OBJECT ENCODING key
//!
//! How Redis would keep the value: `int` for a 64-bit integer, `embstr` for a string of up to 44 bytes, `raw` for a longer
//! one. It is told by the value alone: in Redis a short string is `raw`, too, once it was changed in place.
//!
//! > SET number 17
//! OK
//! > OBJECT ENCODING number
//! "int"
//! > SET word short
//! OK
//! > OBJECT ENCODING word
//! "embstr"
//! > SETRANGE word 44 x
//! (integer) 45
//! > OBJECT ENCODING word
//! "raw"
//! > OBJECT ENCODING nobody
//! (nil)

use annulet_store::Value;

use super::OBJECT_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "object|encoding",
    summary: "How the value of a key is encoded.",
    since: "2.2.3",
    group: Group::Generic,
    arity: Arity::Exactly(3),
    keys: Keys::At(2),
    flags: OBJECT_FLAGS,
    run: Run::Keys(run),
};

/// The longest string that Redis keeps in one piece with its header, in bytes.
const EMBEDDED_BYTES_MAX: usize = 44;

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.value(args.at(2)) {
        None => reply.null(),
        Some(Value::String(value)) if parse_integer(value).is_some() => reply.bulk(b"int"),
        Some(Value::String(value)) if value.len() <= EMBEDDED_BYTES_MAX => reply.bulk(b"embstr"),
        Some(Value::String(_)) => reply.bulk(b"raw"),
    }
    Ok(())
}
