//! LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]
//!
//! The longest common subsequence of two strings: what is left of either when some bytes are taken out.
//!
//! - `LEN`: its length alone.
//! - `IDX`: where it lies: ranges of both strings, last range first, and its length. `MINMATCHLEN` leaves out shorter
//!   ranges, `WITHMATCHLEN` adds the length of each.
//!
//! > MSET {t}1 ohmytext {t}2 mynewtext
//! OK
//! > LCS {t}1 {t}2
//! "mytext"
//! > LCS {t}1 {t}2 LEN
//! (integer) 6
//! > LCS {t}1 {t}2 LEN IDX
//! (error) ERR If you want both the length and indexes, please just use IDX.

mod table;

use table::{Match, Table};

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "lcs",
    summary: "The longest common subsequence of two strings.",
    since: "7.0.0",
    group: Group::String,
    arity: Arity::AtLeast(3),
    keys: Keys::Two(Flags::READ.and(Flags::ACCESS), Flags::READ.and(Flags::ACCESS)),
    flags: Flags::READ.and(Flags::ACCESS),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut string = |position: usize| match cx.string(args.at(position)) {
        Ok(value) => Ok(value.unwrap_or_default().to_vec()),
        Err(_) => Err(Error::NotAString),
    };
    let (a, b) = (string(1)?, string(2)?);
    let Lcs { answer, min_length, with_length } = Lcs::parse(args)?;
    let table = Table::new(&a, &b)?;
    match answer {
        Answer::Length => reply.integer(table.length() as i64),
        Answer::Text => reply.bulk(&table.text()),
        Answer::Ranges => {
            let mut matches = table.matches();
            matches.retain(|found| found.length as i64 >= min_length);
            reply.map(2);
            reply.bulk(b"matches");
            reply.array(matches.len());
            matches.iter().for_each(|found| write_match(found, with_length, reply));
            reply.bulk(b"len");
            reply.integer(table.length() as i64);
        }
    }
    Ok(())
}

fn write_match(found: &Match, with_length: bool, reply: &mut Reply<'_>) {
    reply.array(if with_length { 3 } else { 2 });
    for start in [found.a_start, found.b_start] {
        reply.array(2);
        reply.integer(start as i64);
        reply.integer((start + found.length - 1) as i64);
    }
    if with_length {
        reply.integer(found.length as i64);
    }
}

/// What was typed after the keys.
struct Lcs {
    answer: Answer,
    min_length: i64,
    with_length: bool,
}

enum Answer {
    Text,
    Length,
    Ranges,
}

impl Lcs {
    fn parse(args: Args<'_>) -> Result<Self, Error> {
        let (mut length, mut ranges, mut min_length, mut with_length) = (false, false, 0, false);
        let mut options = args.iter().skip(3);
        while let Some(option) = options.next() {
            match option.to_ascii_lowercase().as_slice() {
                b"len" => length = true,
                b"idx" => ranges = true,
                b"withmatchlen" => with_length = true,
                b"minmatchlen" => {
                    let number = options.next().ok_or(Error::Syntax)?;
                    min_length = parse_integer(number).ok_or(Error::NotAnInteger)?;
                }
                _ => return Err(Error::Syntax),
            }
        }
        let answer = match (length, ranges) {
            (true, true) => return Err(Error::LengthAndRanges),
            (true, false) => Answer::Length,
            (false, true) => Answer::Ranges,
            (false, false) => Answer::Text,
        };
        Ok(Self { answer, min_length, with_length })
    }
}
