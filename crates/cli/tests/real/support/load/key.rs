//! One key of the load: what it may hold, and whether a reply fits.

use std::fmt;
use std::time::{Duration, Instant};

use crate::support::resp::Value;

/// Time to live of those registers that have one.
const TIME_TO_LIVE: Duration = Duration::from_secs(3600);
/// How far a remaining time may be off: clocks of two nodes are read.
const EXPIRY_TOLERANCE: Duration = Duration::from_millis(500);
/// A key with more possible contents than that is not used any more; writes whose fate is unknown double them.
const CONTENTS_MAX: usize = 64;

/// How a key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Register,
    Counter,
    Log,
}

/// What is done to a key.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Get,
    Set { value: Vec<u8>, expires: bool },
    Increment,
    Append { suffix: Vec<u8> },
}

/// Whether a reply can be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    /// The key was there, and now it is not.
    Vanished,
    Wrong,
}

/// When a key expires.
#[derive(Debug, Clone, Copy)]
enum Expiry {
    Never,
    /// The command that set the time to live ran between these two.
    SetBetween(Instant, Instant),
    Unknown,
}

type Content = Option<Vec<u8>>;

/// A key of one connection, which nobody else writes.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: Vec<u8>,
    kind: Kind,
    /// What it may hold: one content, or several after a write whose fate is unknown.
    contents: Vec<Content>,
    expiry: Expiry,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that may hold", self.name.escape_ascii())?;
        for content in &self.contents {
            match content {
                Some(value) => write!(f, " \"{}\"", value.escape_ascii())?,
                None => write!(f, " nothing")?,
            }
        }
        Ok(())
    }
}

impl Operation {
    /// The request.
    pub(super) fn arguments(&self, key: &Key) -> Vec<Vec<u8>> {
        let name = key.name.clone();
        match self {
            Self::Get => vec!["GET".into(), name],
            Self::Increment => vec!["INCR".into(), name],
            Self::Append { suffix } => vec!["APPEND".into(), name, suffix.clone()],
            Self::Set { value, expires: false } => vec!["SET".into(), name, value.clone()],
            Self::Set { value, expires: true } => {
                let millis = TIME_TO_LIVE.as_millis().to_string();
                vec!["SET".into(), name, value.clone(), "PX".into(), millis.into()]
            }
        }
    }

    /// What a key holds afterwards, and the reply.
    fn apply(&self, before: &Content) -> (Content, Value) {
        match self {
            Self::Get => (before.clone(), before.clone().map_or(Value::Null, Value::Bulk)),
            Self::Set { value, .. } => (Some(value.clone()), Value::ok()),
            Self::Increment => {
                let digits = before.as_deref().unwrap_or(b"0");
                let number: i64 = String::from_utf8_lossy(digits).parse().unwrap_or(i64::MIN);
                (Some((number + 1).to_string().into_bytes()), Value::Integer(number + 1))
            }
            Self::Append { suffix } => {
                let mut value = before.clone().unwrap_or_default();
                value.extend_from_slice(suffix);
                let length = value.len() as i64;
                (Some(value), Value::Integer(length))
            }
        }
    }

    fn is_write(&self) -> bool {
        !matches!(self, Self::Get)
    }
}

impl Key {
    pub(super) fn new(worker: usize, number: usize) -> Self {
        let kind = [Kind::Register, Kind::Register, Kind::Counter, Kind::Log][number % 4];
        let name = format!("load:{worker}:{number}").into_bytes();
        Self { name, kind, contents: vec![None], expiry: Expiry::Never }
    }

    /// What to do next with this key; `number` is unique in its connection.
    pub(super) fn choose(&self, chance: u64, number: u64) -> Operation {
        if chance.is_multiple_of(3) || self.contents.len() > CONTENTS_MAX {
            return Operation::Get;
        }
        match self.kind {
            Kind::Register => {
                let mut value = [&self.name, format!("#{number} ").as_bytes()].concat();
                value.resize(64, b'x');
                Operation::Set { value, expires: chance.is_multiple_of(5) }
            }
            Kind::Counter => Operation::Increment,
            Kind::Log => Operation::Append { suffix: format!("#{number}").into_bytes() },
        }
    }

    /// Takes in a reply that is no error.
    pub(super) fn judge(&mut self, operation: &Operation, reply: &Value, sent: Instant) -> Verdict {
        let fits = |content: &Content| {
            let (after, expected) = operation.apply(content);
            (expected == *reply).then_some(after)
        };
        let mut possible: Vec<Content> = self.contents.iter().filter_map(fits).collect();
        let mut verdict = Verdict::Right;
        if possible.is_empty() {
            match fits(&None) {
                Some(after) => {
                    verdict = Verdict::Vanished;
                    self.expiry = Expiry::Never;
                    possible = vec![after];
                }
                None => {
                    // From here on the key is what it says, so that one fault counts once.
                    verdict = Verdict::Wrong;
                    self.expiry = Expiry::Unknown;
                    possible = match (operation, reply) {
                        (Operation::Get, Value::Bulk(value)) => vec![Some(value.clone())],
                        _ => {
                            self.contents.iter().map(|content| operation.apply(content).0).collect()
                        }
                    };
                }
            }
        }
        self.contents = possible;
        if let Operation::Set { expires, .. } = operation {
            self.expiry = match expires {
                true => Expiry::SetBetween(sent, Instant::now()),
                false => Expiry::Never,
            };
        }
        verdict
    }

    /// The operation may or may not have been done.
    pub(super) fn is_in_doubt(&mut self, operation: &Operation) {
        if !operation.is_write() {
            return;
        }
        let done: Vec<Content> =
            self.contents.iter().map(|content| operation.apply(content).0).collect();
        self.contents.extend(done);
        self.contents.sort();
        self.contents.dedup();
        if matches!(operation, Operation::Set { .. }) {
            self.expiry = Expiry::Unknown;
        }
    }

    /// Takes in the answer to PTTL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn judge_expiry(&self, reply: &Value) -> Result<(), String> {
        let &Value::Integer(answer) = reply else { return Err(format!("{self}: PTTL {reply:?}")) };
        let [content] = &self.contents[..] else { return Ok(()) };
        let possible = match (content, self.expiry) {
            (_, Expiry::Unknown) => return Ok(()),
            (None, _) => -2..=-2,
            (Some(_), Expiry::Never) => -1..=-1,
            (Some(_), Expiry::SetBetween(first, last)) => {
                let left = |since: Instant| TIME_TO_LIVE.saturating_sub(since.elapsed());
                let least = left(first).saturating_sub(EXPIRY_TOLERANCE).as_millis() as i64;
                least..=(left(last) + EXPIRY_TOLERANCE).as_millis() as i64
            }
        };
        match possible.contains(&answer) {
            true => Ok(()),
            false => Err(format!("{self}: PTTL answered {answer}, expected {possible:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that holds what these operations left in it.
    fn key(number: usize, operations: &[Operation]) -> Key {
        let mut key = Key::new(0, number);
        for operation in operations {
            let reply = operation.apply(&key.contents[0]).1;
            assert_eq!(key.judge(operation, &reply, Instant::now()), Verdict::Right);
        }
        key
    }

    fn set(value: &str, expires: bool) -> Operation {
        Operation::Set { value: value.into(), expires }
    }

    fn append(suffix: &str) -> Operation {
        Operation::Append { suffix: suffix.into() }
    }

    fn read(key: &mut Key, value: &str) -> Verdict {
        key.judge(&Operation::Get, &Value::bulk(value), Instant::now())
    }

    #[test]
    fn stale_foreign_and_vanished_values_are_noticed() {
        let mut register = key(0, &[set("old", false), set("new", false)]);
        assert_eq!(read(&mut register, "new"), Verdict::Right);
        assert_eq!(read(&mut register, "old"), Verdict::Wrong);
        let mut register = key(0, &[set("mine", false)]);
        assert_eq!(read(&mut register, "another's"), Verdict::Wrong);
        let mut register = key(0, &[set("mine", false)]);
        let now = Instant::now();
        assert_eq!(register.judge(&Operation::Get, &Value::Null, now), Verdict::Vanished);
        assert_eq!(register.judge(&Operation::Get, &Value::Null, now), Verdict::Right);
        assert_eq!(read(&mut register, "mine"), Verdict::Wrong);
    }

    #[test]
    fn writes_that_are_lost_doubled_or_out_of_order_are_noticed() {
        let mut log = key(3, &[append("#1"), append("#22")]);
        assert_eq!(read(&mut log, "#22#1"), Verdict::Wrong);
        let mut log = key(3, &[append("#1"), append("#22")]);
        assert_eq!(log.judge(&append("#3"), &Value::Integer(4), Instant::now()), Verdict::Wrong);
        let mut counter = key(2, &[Operation::Increment, Operation::Increment]);
        let next = |counter: &mut Key, reply| {
            counter.judge(&Operation::Increment, &Value::Integer(reply), Instant::now())
        };
        assert_eq!(next(&mut counter, 2), Verdict::Wrong);
        let mut counter = key(2, &[Operation::Increment, Operation::Increment]);
        assert_eq!(next(&mut counter, 4), Verdict::Wrong);
        let mut counter = key(2, &[Operation::Increment, Operation::Increment]);
        assert_eq!(next(&mut counter, 3), Verdict::Right);
    }

    #[test]
    fn a_write_whose_fate_is_unknown_may_show_or_not_and_then_stays_so() {
        for seen in ["old", "new"] {
            let mut register = key(0, &[set("old", false)]);
            register.is_in_doubt(&set("new", false));
            assert_eq!(read(&mut register, seen), Verdict::Right);
            let other = if seen == "old" { "new" } else { "old" };
            assert_eq!(read(&mut register, other), Verdict::Wrong);
        }
    }

    #[test]
    fn a_lost_or_shortened_time_to_live_is_noticed() {
        let register = key(0, &[set("v", true)]);
        assert!(register.judge_expiry(&Value::Integer(3_600_000)).is_ok());
        assert!(register.judge_expiry(&Value::Integer(-1)).is_err());
        assert!(register.judge_expiry(&Value::Integer(3_598_000)).is_err());
        assert!(register.judge_expiry(&Value::Integer(3_601_000)).is_err());
        let register = key(0, &[set("v", true), set("w", false)]);
        assert!(register.judge_expiry(&Value::Integer(-1)).is_ok());
        assert!(register.judge_expiry(&Value::Integer(3_600_000)).is_err());
    }
}
