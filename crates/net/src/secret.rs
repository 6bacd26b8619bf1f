//! The cluster secret, and how two processes show each other that they know it without saying it.
//!
//! ```text
//! caller                                        callee
//! CHALLENGE caller-nonce                 ->
//!                                        <-     CHALLENGE callee-nonce
//! PROVE identity caller-proof            ->
//!                                        <-     PROVED callee-proof
//! ```
//! A proof is the HMAC-SHA256, under the secret, of the side, both nonces and what the caller says it is; so it is good
//! for one connection, one direction and one identity. Whoever has no proof gets `REFUSED reason` instead.
//!
//! Both sides are machines without I/O: the control link, the node link and the client library each bring their own.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annulet_resp::{Args, write_request};
use bytes::BytesMut;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::random;

/// A shorter secret can be guessed by whoever has seen one proof.
pub const SECRET_BYTES_MIN: usize = 16;
/// A file that is longer holds something else.
const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;
/// The longest identity that is remembered.
const IDENTITY_BYTES_MAX: usize = 1024;
/// What watchers and administrators say they are.
pub const CLIENT_IDENTITY: &str = "client";

/// What all processes of a cluster know and nobody else does. Cheap to clone; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// A secret that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretError {
    /// It is too short.
    Short,
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(
                f,
                "the cluster secret is shorter than {SECRET_BYTES_MIN} bytes; make one with \"openssl rand -hex 32\""
            ),
            Self::Unreadable { path, reason } => {
                write!(f, "secret_file = {path:?} cannot be read: {reason}")
            }
        }
    }
}

impl std::error::Error for SecretError {}

impl Secret {
    /// The secret with this text; blanks and line ends around it do not count.
    ///
    /// # Errors
    /// When it has less than [`SECRET_BYTES_MIN`] bytes.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if text.len() < SECRET_BYTES_MIN {
            return Err(SecretError::Short);
        }
        Ok(Self(text.as_bytes().into()))
    }

    /// The secret in a file.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`Secret::new`].
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let unreadable = |reason: String| SecretError::Unreadable { path: path.to_owned(), reason };
        // Not by the length that the system tells: a device or a pipe has none.
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(SECRET_FILE_BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(|error| unreadable(error.to_string()))?;
        if text.len() as u64 > SECRET_FILE_BYTES_MAX {
            return Err(unreadable(format!(
                "more than {SECRET_FILE_BYTES_MAX} bytes are no secret"
            )));
        }
        Self::new(&text)
    }

    /// Whether this is the secret; takes as long for any text of the same length.
    pub fn is(&self, text: &[u8]) -> bool {
        same(&self.0, text)
    }

    fn mac(&self, side: Side, nonces: &Nonces, identity: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length is good");
        for part in [side.label(), nonces.caller.as_bytes(), nonces.callee.as_bytes(), identity] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }

    fn proof(&self, side: Side, nonces: &Nonces, identity: &[u8]) -> String {
        let bytes = self.mac(side, nonces, identity).finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn accepts(&self, side: Side, nonces: &Nonces, identity: &[u8], proof: &[u8]) -> bool {
        same(self.proof(side, nonces, identity).as_bytes(), proof)
    }
}

/// Whether two texts are the same; takes as long for any two of the same lengths.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// How a node names itself in the handshake. A process that has not joined yet has no cluster.
pub fn node_identity(
    cluster_id: Option<&str>,
    id: impl fmt::Display,
    incarnation: impl fmt::Display,
) -> String {
    format!("{} {id} {incarnation}", cluster_id.unwrap_or("-"))
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Caller,
    Callee,
}

impl Side {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Caller => b"annulet caller",
            Self::Callee => b"annulet callee",
        }
    }
}

/// What makes the proofs of this connection different from all others.
#[derive(Debug, Clone, Default)]
struct Nonces {
    caller: String,
    callee: String,
}

fn nonce() -> String {
    format!("{:032x}", random::u128())
}

fn is_nonce(word: &[u8]) -> bool {
    word.len() == 32 && word.iter().all(u8::is_ascii_hexdigit)
}

/// The calling side of one connection.
#[derive(Debug)]
pub struct Caller {
    secret: Secret,
    identity: String,
    nonces: Nonces,
}

impl Caller {
    /// Calls as `identity`.
    pub fn new(secret: Secret, identity: impl Into<String>) -> Self {
        let nonces = Nonces { caller: nonce(), callee: String::new() };
        Self { secret, identity: identity.into(), nonces }
    }

    /// What to send first.
    pub fn challenge(&self) -> [&str; 2] {
        ["CHALLENGE", &self.nonces.caller]
    }

    /// What to send when `answer` has answered the challenge.
    ///
    /// # Errors
    /// Says why there is nothing to prove: the other side refuses, or is no process of a cluster with a secret.
    pub fn prove(&mut self, answer: &[&[u8]]) -> Result<[String; 3], String> {
        match answer {
            [b"CHALLENGE", theirs] if is_nonce(theirs) => {
                self.nonces.callee = String::from_utf8_lossy(theirs).into_owned();
                let identity = self.identity.clone();
                let proof = self.secret.proof(Side::Caller, &self.nonces, identity.as_bytes());
                Ok(["PROVE".to_owned(), identity, proof])
            }
            _ => Err(refusal(answer)),
        }
    }

    /// Whether `answer` shows that the other side knows the secret too.
    ///
    /// # Errors
    /// Says why it does not.
    pub fn check(&self, answer: &[&[u8]]) -> Result<(), String> {
        match answer {
            [b"PROVED", proof]
                if self.secret.accepts(
                    Side::Callee,
                    &self.nonces,
                    self.identity.as_bytes(),
                    proof,
                ) =>
            {
                Ok(())
            }
            [b"PROVED", _] => Err("it does not know this cluster's secret".to_owned()),
            _ => Err(refusal(answer)),
        }
    }
}

fn refusal(answer: &[&[u8]]) -> String {
    match answer {
        [b"REFUSED", reason] => String::from_utf8_lossy(reason).into_owned(),
        _ => "it did not answer the challenge; is it a process of this cluster?".to_owned(),
    }
}

/// The called side of one connection: lets nobody in who has not proved to know the secret, if there is one.
#[derive(Debug)]
pub struct Doorkeeper {
    secret: Option<Secret>,
    nonces: Option<Nonces>,
    /// What the caller has proved to be.
    proven: Option<String>,
}

/// The reason for a caller without a proof.
pub const NO_PROOF: &str = "this cluster has a secret and the caller has not proved to know it; give it the same secret_file or ANNULET_SECRET";
const NO_SECRET: &str = "this side has no cluster secret and the caller has one; give both the same secret_file or ANNULET_SECRET";
const WRONG_SECRET: &str = "the cluster secret of the caller is another one; give both the same secret_file or ANNULET_SECRET";

impl Doorkeeper {
    /// Asks for proofs of `secret`; lets everybody in when there is none.
    pub fn new(secret: Option<Secret>) -> Self {
        Self { secret, nonces: None, proven: None }
    }

    /// Whether the caller has nothing to prove any more.
    pub fn is_open(&self) -> bool {
        self.secret.is_none() || self.proven.is_some()
    }

    /// Opens for a caller that has said the secret itself.
    ///
    /// # Errors
    /// When it is not the secret.
    pub fn try_password(&mut self, password: &[u8]) -> Result<(), &'static str> {
        match &self.secret {
            Some(secret) if !secret.is(password) => Err(WRONG_SECRET),
            _ => {
                self.proven = Some(CLIENT_IDENTITY.to_owned());
                Ok(())
            }
        }
    }

    /// Whether the caller may go on as `identity`.
    ///
    /// # Errors
    /// The reason, for both sides.
    pub fn admit(&self, identity: &str) -> Result<(), String> {
        match (&self.secret, &self.proven) {
            (None, _) => Ok(()),
            (Some(_), Some(proven)) if proven == identity => Ok(()),
            (Some(_), Some(proven)) => {
                Err(format!("the caller has proved to be {proven:?} and goes on as {identity:?}"))
            }
            (Some(_), None) => Err(NO_PROOF.to_owned()),
        }
    }

    /// Answers a frame of the handshake; `None` when it is something else.
    ///
    /// # Errors
    /// The reason for which the caller was refused, when it was; the connection is to be closed after the answer.
    pub fn hear(&mut self, args: Args<'_>, out: &mut BytesMut) -> Option<Result<(), String>> {
        let answer = match args.name() {
            b"CHALLENGE" => self.challenged(args),
            b"PROVE" => self.proved(args),
            _ => return None,
        };
        Some(match answer {
            Ok([verb, word]) => {
                write_request(out, [verb.as_bytes(), word.as_bytes()]);
                Ok(())
            }
            Err(reason) => {
                write_request(out, [b"REFUSED".as_slice(), reason.as_bytes()]);
                Err(reason)
            }
        })
    }

    fn challenged(&mut self, args: Args<'_>) -> Result<[String; 2], String> {
        let Some(theirs) = args.get(1).filter(|word| args.len() == 2 && is_nonce(word)) else {
            return Err("CHALLENGE takes 32 hexadecimal digits".to_owned());
        };
        if self.secret.is_none() {
            return Err(NO_SECRET.to_owned());
        }
        let caller = String::from_utf8_lossy(theirs).into_owned();
        let nonces = Nonces { caller, callee: nonce() };
        let answer = ["CHALLENGE".to_owned(), nonces.callee.clone()];
        self.nonces = Some(nonces);
        Ok(answer)
    }

    fn proved(&mut self, args: Args<'_>) -> Result<[String; 2], String> {
        // A nonce is good for one try.
        let (Some(secret), Some(nonces)) = (&self.secret, self.nonces.take()) else {
            return Err("PROVE comes after CHALLENGE".to_owned());
        };
        let identity = args.get(1).filter(|identity| identity.len() <= IDENTITY_BYTES_MAX);
        let (Some(identity), Some(proof), 3) = (identity, args.get(2), args.len()) else {
            return Err("PROVE takes an identity and a proof".to_owned());
        };
        if !secret.accepts(Side::Caller, &nonces, identity, proof) {
            return Err(WRONG_SECRET.to_owned());
        }
        let answer = secret.proof(Side::Callee, &nonces, identity);
        self.proven = Some(String::from_utf8_lossy(identity).into_owned());
        Ok(["PROVED".to_owned(), answer])
    }
}

#[cfg(test)]
mod tests {
    use annulet_resp::{Limits, OwnedArgs, RequestParser};

    use super::*;

    const TEXT: &str = "0123456789abcdef";

    fn secret(text: &str) -> Secret {
        Secret::new(text).expect("long enough")
    }

    /// What the doorkeeper answers, word by word.
    fn hear(door: &mut Doorkeeper, words: &[&str]) -> (Vec<Vec<u8>>, Result<(), String>) {
        let mut out = BytesMut::new();
        let args = OwnedArgs::from_iter(words);
        let result = door.hear(args.as_args(), &mut out).expect("a frame of the handshake");
        let mut parser = RequestParser::new(Limits::default());
        parser.parse(&out).expect("a frame");
        (parser.args(&out).iter().map(<[u8]>::to_vec).collect(), result)
    }

    fn words(answer: &[Vec<u8>]) -> Vec<&[u8]> {
        answer.iter().map(Vec::as_slice).collect()
    }

    /// The whole handshake; returns what the caller and the callee make of it.
    fn shake(caller: &str, callee: &str, identity: &str) -> (Result<(), String>, Doorkeeper) {
        let mut door = Doorkeeper::new(Some(secret(callee)));
        let mut caller = Caller::new(secret(caller), identity);
        let (answer, _) = hear(&mut door, &caller.challenge());
        let prove = caller.prove(&words(&answer)).expect("a challenge");
        let (answer, _) = hear(&mut door, &[&prove[0], &prove[1], &prove[2]]);
        (caller.check(&words(&answer)), door)
    }

    #[test]
    fn a_device_that_never_ends_is_no_secret() {
        let error = Secret::from_file(Path::new("/dev/zero")).expect_err("too long");
        assert!(error.to_string().contains("are no secret"), "{error}");
    }

    #[test]
    fn two_who_know_the_secret_let_each_other_in_as_what_they_said() {
        let identity = node_identity(Some("c"), "127.0.0.1:7001", "0f");
        let (checked, door) = shake(TEXT, &format!("  {TEXT}\n"), &identity);
        assert_eq!(checked, Ok(()));
        assert!(door.is_open());
        assert_eq!(door.admit(&identity), Ok(()));
        assert!(door.admit(&node_identity(None, "other", "0f")).is_err());
    }

    #[test]
    fn another_secret_is_refused_and_both_sides_know_why() {
        let (checked, door) = shake("another secret of 32", TEXT, "client");
        assert_eq!(checked, Err(WRONG_SECRET.to_owned()));
        assert!(!door.is_open());
        assert_eq!(door.admit("client"), Err(NO_PROOF.to_owned()));
    }

    #[test]
    fn a_proof_is_worth_nothing_on_another_connection_or_a_second_time() {
        let mut first = Doorkeeper::new(Some(secret(TEXT)));
        let mut caller = Caller::new(secret(TEXT), "client");
        let (answer, _) = hear(&mut first, &caller.challenge());
        let prove = caller.prove(&words(&answer)).expect("a challenge");
        let prove = [prove[0].as_str(), &prove[1], &prove[2]];
        let mut second = Doorkeeper::new(Some(secret(TEXT)));
        hear(&mut second, &caller.challenge()).1.expect("a challenge");
        hear(&mut second, &prove).1.expect_err("its nonce is another one");
        hear(&mut first, &prove).1.expect("the right connection");
        hear(&mut first, &prove).1.expect_err("the nonce is used up");
        let other = [prove[0], "somebody else", prove[2]];
        let mut third = Doorkeeper { nonces: Some(caller.nonces.clone()), ..second };
        hear(&mut third, &other).1.expect_err("the proof is of another identity");
    }

    #[test]
    fn a_callee_that_only_repeats_what_it_heard_is_found_out() {
        let mut caller = Caller::new(secret(TEXT), "client");
        let nonce = caller.nonces.caller.clone();
        let [_, _, proof] =
            caller.prove(&[b"CHALLENGE", nonce.as_bytes()]).expect("its own nonce, thrown back");
        caller.check(&[b"PROVED", proof.as_bytes()]).expect_err("the side is part of the proof");
    }

    #[test]
    fn a_side_without_a_secret_says_so() {
        let mut door = Doorkeeper::new(None);
        assert!(door.is_open());
        assert_eq!(door.admit("anybody"), Ok(()));
        let mut caller = Caller::new(secret(TEXT), "client");
        let (answer, _) = hear(&mut door, &caller.challenge());
        assert_eq!(caller.prove(&words(&answer)), Err(NO_SECRET.to_owned()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut door = Doorkeeper::new(Some(secret(TEXT)));
        for words in [
            &["CHALLENGE"][..],
            &["CHALLENGE", "short"],
            &["PROVE", "client", "ff"],
            &["CHALLENGE", "x", "y"],
        ] {
            assert!(hear(&mut door, words).1.is_err(), "{words:?}");
        }
        let long = "x".repeat(IDENTITY_BYTES_MAX + 1);
        hear(&mut door, &["CHALLENGE", &"0".repeat(32)]).1.expect("a challenge");
        hear(&mut door, &["PROVE", &long, "ff"]).1.expect_err("too long");
        assert!(!door.is_open());
    }

    #[test]
    fn a_secret_is_long_and_never_shown() {
        assert_eq!(Secret::new("  fifteen bytes..\n"), Err(SecretError::Short));
        assert_eq!(format!("{:?}", secret(TEXT)), "Secret(...)");
        let missing = Secret::from_file(Path::new("/nowhere/secret")).expect_err("no file");
        assert!(missing.to_string().contains("/nowhere/secret"), "{missing}");
    }
}
