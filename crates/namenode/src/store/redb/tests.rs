//! What is applied is found again, and nothing else.

use annulet_cluster::message::{Addresses, Attempt, MemberInfo, MemberState};
use annulet_ring::{Epoch, Generation, Incarnation, NodeId, NodeRef, Ring, Slot};

use super::super::MemoryStore;
use super::*;

fn node(id: &str) -> NodeRef {
    NodeRef { id: NodeId::new(id).unwrap(), inc: Incarnation(u128::MAX) }
}

fn member(id: &str) -> StoredMember {
    let address = format!("{id}:1");
    let [client, cluster, peer, drain] = std::array::from_fn(|_| address.clone());
    let addresses = Addresses { client, cluster, peer, drain };
    let info =
        MemberInfo { node: node(id), addresses, state: MemberState::Draining, weight: 3, pid: 9 };
    StoredMember { info, stay: true }
}

fn slots(text: &str, expected: u64, epoch: u64, owner: Option<&str>) -> Decision {
    let attempt = Some(Attempt { generation: Generation(1), number: epoch });
    let record =
        SlotRecord { epoch: Epoch(epoch), owner: owner.map(node), attempt, began: Epoch(1) };
    Decision::Slots { slots: text.parse().unwrap(), expected: Epoch(expected), record }
}

fn groups() -> Vec<Vec<Decision>> {
    let mut ring = Ring::new();
    ring.insert_token(Slot::new(77).unwrap(), NodeId::new("a").unwrap());
    vec![
        vec![
            Decision::Identity { cluster_id: "c".repeat(32), hash_seed: u64::MAX },
            Decision::Generation(Generation(1)),
        ],
        vec![
            Decision::MemberPut(member("a")),
            Decision::MemberPut(member("b")),
            slots("0-16383", 0, 1, Some("a")),
            Decision::Ring(ring),
            Decision::Version(1),
        ],
        vec![slots("5,7-9", 1, 2, Some("b")), slots("7", 2, 3, None), Decision::Version(2)],
        vec![
            Decision::MemberGone(NodeId::new("b").unwrap()),
            Decision::Departed(Departed { node: node("b"), dead: true }),
            Decision::EpochFloor(Epoch(40)),
            Decision::Generation(Generation(2)),
        ],
    ]
}

#[test]
fn a_store_that_is_opened_again_holds_what_was_applied() {
    let directory = tempfile::tempdir().unwrap();
    let mut memory = MemoryStore::default();
    for group in groups() {
        let mut store = RedbStore::open(&directory.path().join("made/on/demand")).unwrap();
        assert_eq!(store.load().unwrap(), memory.load().unwrap());
        store.apply(&group).unwrap();
        memory.apply(&group).unwrap();
        assert_eq!(store.load().unwrap(), memory.load().unwrap());
    }
}

#[test]
fn a_conflict_leaves_nothing_of_its_group() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = RedbStore::open(directory.path()).unwrap();
    for group in groups() {
        store.apply(&group).unwrap();
    }
    let before = store.load().unwrap();
    let group = [slots("1", 1, 2, None), Decision::Version(99), slots("5", 1, 9, None)];
    match store.apply(&group) {
        Err(StoreError::Conflict(conflict)) => {
            assert_eq!(
                (conflict.slot.get(), conflict.expected, conflict.found),
                (5, Epoch(1), Epoch(2))
            );
        }
        other => panic!("no conflict: {other:?}"),
    }
    assert_eq!(store.load().unwrap(), before);
}

#[test]
fn a_group_may_be_applied_again_when_it_is_not_known_whether_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = RedbStore::open(directory.path()).unwrap();
    for group in &groups()[..2] {
        store.apply(group).unwrap();
    }
    let group = [slots("5", 1, 2, Some("b")), Decision::Version(2)];
    store.apply(&group).unwrap();
    let before = store.load().unwrap();
    store.apply(&group).unwrap();
    assert_eq!(store.load().unwrap(), before);
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let _first = RedbStore::open(directory.path()).unwrap();
    let error = RedbStore::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(error.to_string().contains("is a NameNode running already?"), "{error}");
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    fs::write(&path, b"not a database").unwrap();
    assert!(RedbStore::open(directory.path()).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"not a database");
}

#[test]
fn a_store_of_another_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = RedbStore::open(directory.path()).unwrap();
    store.apply(&groups()[0]).unwrap();
    let transaction = store.database().unwrap().begin_write().unwrap();
    put(directory.path(), &mut transaction.open_table(META).unwrap(), "format", &99).unwrap();
    transaction.commit().unwrap();
    assert!(matches!(store.load(), Err(StoreError::Corrupt { .. })));
}

#[test]
fn only_the_latest_departed_are_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = RedbStore::open(directory.path()).unwrap();
    store.apply(&groups()[0]).unwrap();
    let many = annulet_cluster::naming::DEPARTED_NODES_MAX + 3;
    let departed = |n| Decision::Departed(Departed { node: node(&format!("n{n}")), dead: false });
    let group: Vec<Decision> = (0..many).map(departed).collect();
    store.apply(&group[..5]).unwrap();
    store.apply(&group[5..]).unwrap();
    let kept = store.load().unwrap().unwrap().departed;
    assert_eq!(kept.len(), annulet_cluster::naming::DEPARTED_NODES_MAX);
    assert_eq!(kept.front().map(|departed| departed.node.id.to_string()), Some("n3".to_owned()));
}
