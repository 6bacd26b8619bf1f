//! The command line: pairs of `--name value`.

use std::str::FromStr;
use std::time::Duration;

use crate::connection::{Command, Work};

pub(crate) const USAGE: &str = "\
usage: paced_load --port PORT --rate REQUESTS_PER_S|max [--command get|set] [--connections 50] [--pipeline 1]
                  [--keys 1000000] [--value-bytes 64] [--seconds 10] [--warmup-seconds 1]
The keys key:000000000000 and so on must exist, with values of so many bytes.";

/// Bytes that all requests and replies of a connection may take; more would measure memory.
const PIPELINE_BYTES_MAX: usize = 64 << 20;

/// How many requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    /// So many, whatever the server does.
    PerSecond(f64),
    /// As many as the server answers.
    Max,
}

#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) port: u16,
    pub(crate) connections: usize,
    pub(crate) rate: Rate,
    pub(crate) work: Work,
    pub(crate) duration: Duration,
    pub(crate) warmup: Duration,
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut port, mut rate, mut connections) = (None, None, 50);
        let (mut seconds, mut warmup_seconds) = (10.0, 1.0);
        let mut work =
            Work { command: Command::Get, pipeline: 1, keys: 1_000_000, value_bytes: 64 };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} lacks its value"))?;
            match name.as_str() {
                "--port" => port = Some(number(&name, &value)?),
                "--rate" if value == "max" => rate = Some(Rate::Max),
                "--rate" => rate = Some(Rate::PerSecond(number(&name, &value)?)),
                "--connections" => connections = number(&name, &value)?,
                "--command" => work.command = command(&value)?,
                "--pipeline" => work.pipeline = number(&name, &value)?,
                "--keys" => work.keys = number(&name, &value)?,
                "--value-bytes" => work.value_bytes = number(&name, &value)?,
                "--seconds" => seconds = number(&name, &value)?,
                "--warmup-seconds" => warmup_seconds = number(&name, &value)?,
                _ => return Err(format!("unknown option {name}")),
            }
        }
        let time =
            |seconds| Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
        let args = Self {
            port: port.ok_or("--port is missing")?,
            rate: rate.ok_or("--rate is missing")?,
            connections,
            work,
            duration: time(seconds)?,
            warmup: time(warmup_seconds)?,
        };
        args.check()
    }

    fn check(self) -> Result<Self, String> {
        let positive_rate = match self.rate {
            Rate::PerSecond(rate) => rate.is_finite() && rate > 0.0,
            Rate::Max => true,
        };
        let Work { pipeline, keys, value_bytes, .. } = self.work;
        if !positive_rate || self.connections == 0 || pipeline == 0 || keys == 0 {
            return Err("rate, connections, pipeline and keys must be above zero".to_owned());
        }
        if pipeline.saturating_mul(value_bytes) > PIPELINE_BYTES_MAX {
            return Err(format!("a pipeline may hold up to {PIPELINE_BYTES_MAX} bytes of values"));
        }
        Ok(self)
    }
}

fn command(value: &str) -> Result<Command, String> {
    match value {
        "get" => Ok(Command::Get),
        "set" => Ok(Command::Set),
        _ => Err(format!("--command {value}: expected get or set")),
    }
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{name} {value}: expected a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn a_command_line_is_read_into_what_it_says() {
        let args = parse("--port 7001 --rate 5e4 --pipeline 16 --seconds 2.5").unwrap();
        assert_eq!((args.port, args.rate), (7001, Rate::PerSecond(50_000.0)));
        assert_eq!((args.work.pipeline, args.duration), (16, Duration::from_millis(2500)));
        assert_eq!(parse("--port 1 --rate max").unwrap().rate, Rate::Max);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--rate 5",
            "--port 1",
            "--port 1 --rate",
            "--port 1 --rate 0",
            "--port 1 --rate inf",
            "--port 1 --rate 1 --pipeline 0",
            "--port 1 --rate 1 --keys 0",
            "--port 1 --rate 1 --seconds -1",
            "--port 1 --rate 1 --pipeline 1000000 --value-bytes 1000000",
            "--port 1 --rate 1 --colour red",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
