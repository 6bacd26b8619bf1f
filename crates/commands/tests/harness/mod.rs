//! A server without sockets: runs command lines against a keyspace as a shell would, at a time the test decides.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod words;

use annulet_commands::{
    ClientSnapshot, ClusterMember, ClusterTopology, CommandStat, Context, DatabaseStat, Gather,
    Mode, Outcome, Run, Scan, Scanned, Server, ServerInfo, Session, SessionContext, SlotContext,
    resolve,
};
use annulet_resp::{Args, Error, OwnedArgs, Reply, Version};
use annulet_ring::{Slot, SlotSet};
use annulet_store::{Db, Keyspace, UnixMillis};
use bytes::BytesMut;
use std::cell::RefCell;

/// One client connected to one server that owns every slot.
pub(crate) struct Harness {
    pub(crate) keyspace: Keyspace<()>,
    pub(crate) session: Session,
    pub(crate) node: Node,
    /// Milliseconds since the epoch.
    pub(crate) now: u64,
    /// Random numbers drawn so far.
    randoms: u64,
}

impl Harness {
    /// An empty server that looks like a single one.
    pub(crate) fn new() -> Self {
        Self::in_mode(Mode::Standalone)
    }

    pub(crate) fn in_mode(mode: Mode) -> Self {
        let now = 1_700_000_000_123;
        let (remote, local) = ("127.0.0.1:50000".into(), "127.0.0.1:7001".into());
        Self {
            keyspace: Keyspace::new(7, |_| ()),
            session: Session::new(1, remote, local, now * 1000),
            node: Node { mode, password: None, asked: RefCell::default() },
            now,
            randoms: 0,
        }
    }

    /// Runs a line as a shell reads it, quotes and escapes included; the bytes of the reply.
    pub(crate) fn run(&mut self, line: &str) -> Vec<u8> {
        self.run_words(words::split(line))
    }

    /// The reply as text, for replies that are text.
    pub(crate) fn text(&mut self, line: &str) -> String {
        String::from_utf8(self.run(line)).expect("the reply is text")
    }

    pub(crate) fn run_words<B: AsRef<[u8]>>(
        &mut self,
        words: impl IntoIterator<Item = B>,
    ) -> Vec<u8> {
        let request = OwnedArgs::from_iter(words);
        let mut out = BytesMut::new();
        let mut reply = Reply::new(&mut out, self.session.version);
        if let Err(error) = self.dispatch(request.as_args(), &mut reply) {
            reply.truncate(0);
            reply.error(&error);
        }
        out.to_vec()
    }

    fn dispatch(&mut self, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let spec = resolve(args)?;
        let (now, db) = (UnixMillis(self.now), self.session.db);
        match spec.run {
            Run::Session(run) => {
                let now_micros = self.now * 1000 + 456;
                let mut cx =
                    SessionContext { now_micros, session: &mut self.session, server: &self.node };
                run(&mut cx, args, reply)
            }
            Run::Keys(run) | Run::Split { run, .. } => {
                let slot_of = |position| Slot::of_key(args.at(position));
                let mut slots: Vec<_> = spec.keys.positions(args.len()).map(slot_of).collect();
                slots.sort_unstable();
                slots.dedup();
                let mut guards: Vec<_> =
                    slots.iter().map(|slot| self.keyspace.lock(*slot)).collect();
                let entries = guards.iter_mut().map(|guard| guard.entries());
                run(&mut Context::new(now, db, entries), args, reply)
            }
            Run::Slots { check, slot: run, finish } => {
                check(args)?;
                let mut gather = Gather::new();
                let random = self.random();
                for slot in Slot::all() {
                    let mut guard = self.keyspace.lock(slot);
                    let entries = guard.entries();
                    run(&mut SlotContext { now, db, random, entries }, args, &mut gather);
                }
                finish(&gather, args, reply);
                Ok(())
            }
            Run::Scan => {
                self.scan(args)?.write(reply);
                Ok(())
            }
        }
    }

    /// One call of SCAN.
    pub(crate) fn scan(&mut self, args: Args<'_>) -> Result<Scanned, Error> {
        let scan = Scan::parse(args)?;
        let mut scanned = Scanned::at(scan.cursor);
        while let Some(cursor) = scanned.next
            && !scan.is_done(&scanned)
        {
            let (now, db) = (UnixMillis(self.now), self.session.db);
            let mut guard = self.keyspace.lock(cursor.slot());
            let entries = guard.entries();
            scan.step(&SlotContext { now, db, random: 0, entries }, &mut scanned);
        }
        Ok(scanned)
    }

    fn random(&mut self) -> u64 {
        self.randoms += 1;
        self.randoms.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The server around the commands, with facts that never change.
pub(crate) struct Node {
    pub(crate) mode: Mode,
    pub(crate) password: Option<&'static str>,
    /// What it was asked to do, in words.
    pub(crate) asked: RefCell<Vec<String>>,
}

impl Server for Node {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn info(&self) -> ServerInfo {
        ServerInfo {
            annulet_version: "0.1.0".into(),
            node_id: "127.0.0.1:7001".into(),
            process_id: 4711,
            run_id: "ab".repeat(20),
            tcp_port: 7001,
            connected_clients: 1,
            used_memory_bytes: 2_059_544,
            commands: vec![CommandStat {
                name: "get",
                calls: 3,
                micros: 2,
                rejected: 0,
                failed: 1,
            }],
            errors: vec![("ERR".into(), 4)],
            databases: vec![DatabaseStat {
                db: Db::default(),
                keys: 8,
                expires: 3,
                ttl_mean_ms: 9,
            }],
            ..ServerInfo::default()
        }
    }

    fn clients(&self) -> Vec<ClientSnapshot> {
        let session = |id| Session::new(id, format!("127.0.0.1:{}", 50_000 + id), String::new(), 0);
        [2, 1].map(|id| session(id).snapshot(9_000_000)).to_vec()
    }

    fn is_password(&self, password: &[u8]) -> Option<bool> {
        self.password.map(|right| right.as_bytes() == password)
    }

    fn config(&self) -> Vec<(&'static str, String)> {
        vec![("maxmemory", "1048576".into()), ("port", "7001".into())]
    }

    fn kill(&self, ids: &[u64]) {
        self.asked.borrow_mut().push(format!("kill {ids:?}"));
    }

    /// Only `maxmemory` can change.
    fn set_config(&self, settings: &[(&str, &[u8])]) -> Outcome {
        for (name, value) in settings {
            if *name != "maxmemory" {
                let reason = "can't set immutable config".into();
                return Err(Error::ConfigSet { name: (*name).into(), reason });
            }
            self.asked.borrow_mut().push(format!("set {name} {}", value.escape_ascii()));
        }
        Ok(())
    }

    fn reset_stats(&self) {
        self.asked.borrow_mut().push("reset stats".into());
    }

    fn slot_len(&self, db: Db, slot: Slot) -> usize {
        usize::from(slot.get()) + usize::from(db.get())
    }

    fn slot_keys(&self, _db: Db, slot: Slot, keys_max: usize) -> Vec<Vec<u8>> {
        (0..keys_max.min(2)).map(|number| format!("{slot}:{number}").into_bytes()).collect()
    }

    fn topology(&self) -> ClusterTopology {
        let member = |index: u8, slots: &str| ClusterMember {
            node_id: format!("{index:02x}").repeat(20),
            host: format!("10.0.0.{index}"),
            port: 7101,
            peer_port: 7201,
            slots: slots.parse::<SlotSet>().expect("a set of slots"),
            epoch: u64::from(index),
            myself: index == 1,
        };
        let members = vec![member(1, "0-99,8192-16383"), member(2, "100-8191"), member(3, "")];
        ClusterTopology { members, epoch: 3 }
    }
}

/// Harnesses that speak either version and are otherwise the same.
pub(crate) fn both_versions() -> [Harness; 2] {
    let mut resp3 = Harness::new();
    resp3.session.version = Version::Resp3;
    [Harness::new(), resp3]
}
