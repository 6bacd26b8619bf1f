//! How control messages look on the wire: a verb and a JSON body.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Attempt, BadMessage, Cause, Config, Load, Refusal, SlotsAtEpoch, ToNameNode, ToNode};
use annulet_ring::{Generation, NodeRef, SlotSet};

/// Longest part of an unknown verb that is shown again.
const VERB_SHOWN_CHARS_MAX: usize = 32;

#[derive(Serialize, Deserialize)]
struct HeartbeatBody {
    sequence: u64,
    version: u64,
    load: Load,
}

#[derive(Serialize, Deserialize)]
struct CommitBody {
    attempt: Attempt,
    target: NodeRef,
    slots: Vec<SlotsAtEpoch>,
}

#[derive(Serialize, Deserialize)]
struct AbortBody {
    attempt: Attempt,
    reason: String,
    cause: Cause,
}

#[derive(Serialize, Deserialize)]
struct QueryBody {
    attempt: Attempt,
    slots: Vec<SlotsAtEpoch>,
}

#[derive(Serialize, Deserialize)]
struct LeaveBody {
    stay: bool,
}

#[derive(Serialize, Deserialize)]
struct WelcomeBody {
    cluster_id: String,
    generation: Generation,
    hash_seed: u64,
    heartbeat_ms: u64,
    config: Option<Config>,
}

#[derive(Serialize, Deserialize)]
struct RefusedBody {
    refusal: Refusal,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct MoveBody {
    attempt: Attempt,
    target: NodeRef,
    slots: SlotSet,
}

#[derive(Serialize, Deserialize)]
struct GrantBody {
    sequence: u64,
}

#[derive(Serialize, Deserialize)]
struct LeavingBody {
    refused: Option<String>,
    stay: bool,
}

#[derive(Serialize, Deserialize)]
struct EmptyBody {}

impl ToNameNode {
    /// The verb and the JSON body.
    pub fn encode(&self) -> (&'static str, String) {
        match self.clone() {
            Self::Register(registration) => ("REGISTER", json(&registration)),
            Self::Heartbeat { sequence, version, load } => {
                ("HEARTBEAT", json(&HeartbeatBody { sequence, version, load }))
            }
            Self::Commit { attempt, target, slots } => {
                ("COMMIT", json(&CommitBody { attempt, target, slots }))
            }
            Self::Abort { attempt, reason, cause } => {
                ("ABORT", json(&AbortBody { attempt, reason, cause }))
            }
            Self::Query { attempt, slots } => ("QUERY", json(&QueryBody { attempt, slots })),
            Self::Leave { stay } => ("LEAVE", json(&LeaveBody { stay })),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the verb is unknown or the body is not its JSON.
    pub fn decode(verb: &[u8], body: &[u8]) -> Result<Self, BadMessage> {
        Ok(match verb {
            b"REGISTER" => Self::Register(parse(verb, body)?),
            b"HEARTBEAT" => {
                let HeartbeatBody { sequence, version, load } = parse(verb, body)?;
                Self::Heartbeat { sequence, version, load }
            }
            b"COMMIT" => {
                let CommitBody { attempt, target, slots } = parse(verb, body)?;
                Self::Commit { attempt, target, slots }
            }
            b"ABORT" => {
                let AbortBody { attempt, reason, cause } = parse(verb, body)?;
                Self::Abort { attempt, reason, cause }
            }
            b"QUERY" => {
                let QueryBody { attempt, slots } = parse(verb, body)?;
                Self::Query { attempt, slots }
            }
            b"LEAVE" => Self::Leave { stay: parse::<LeaveBody>(verb, body)?.stay },
            _ => return Err(bad(verb, "no such verb")),
        })
    }
}

impl ToNode {
    /// The verb and the JSON body.
    pub fn encode(&self) -> (&'static str, String) {
        match self.clone() {
            Self::Welcome { cluster_id, generation, hash_seed, heartbeat_ms, config } => (
                "WELCOME",
                json(&WelcomeBody { cluster_id, generation, hash_seed, heartbeat_ms, config }),
            ),
            Self::Refused { refusal, reason } => {
                ("REFUSED", json(&RefusedBody { refusal, reason }))
            }
            Self::Config(config) => ("CONFIG", json(&config)),
            Self::Move { attempt, target, slots } => {
                ("MOVE", json(&MoveBody { attempt, target, slots }))
            }
            Self::Grant { sequence } => ("GRANT", json(&GrantBody { sequence })),
            Self::Leaving { refused, stay } => ("LEAVING", json(&LeavingBody { refused, stay })),
            Self::Drained => ("DRAINED", json(&EmptyBody {})),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the verb is unknown or the body is not its JSON.
    pub fn decode(verb: &[u8], body: &[u8]) -> Result<Self, BadMessage> {
        Ok(match verb {
            b"WELCOME" => {
                let WelcomeBody { cluster_id, generation, hash_seed, heartbeat_ms, config } =
                    parse(verb, body)?;
                Self::Welcome { cluster_id, generation, hash_seed, heartbeat_ms, config }
            }
            b"REFUSED" => {
                let RefusedBody { refusal, reason } = parse(verb, body)?;
                Self::Refused { refusal, reason }
            }
            b"CONFIG" => Self::Config(parse(verb, body)?),
            b"MOVE" => {
                let MoveBody { attempt, target, slots } = parse(verb, body)?;
                Self::Move { attempt, target, slots }
            }
            b"GRANT" => Self::Grant { sequence: parse::<GrantBody>(verb, body)?.sequence },
            b"LEAVING" => {
                let LeavingBody { refused, stay } = parse(verb, body)?;
                Self::Leaving { refused, stay }
            }
            b"DRAINED" => {
                parse::<EmptyBody>(verb, body)?;
                Self::Drained
            }
            _ => return Err(bad(verb, "no such verb")),
        })
    }
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("our own messages have string keys only")
}

fn parse<T: DeserializeOwned>(verb: &[u8], body: &[u8]) -> Result<T, BadMessage> {
    serde_json::from_slice(body).map_err(|error| bad(verb, &error.to_string()))
}

fn bad(verb: &[u8], reason: &str) -> BadMessage {
    let verb = String::from_utf8_lossy(verb).chars().take(VERB_SHOWN_CHARS_MAX).collect();
    BadMessage { verb, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
