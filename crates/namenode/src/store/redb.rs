//! The store in one file, `namenode.redb`: ACID, one fsync per group of decisions.

use std::collections::VecDeque;
use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use annulet_cluster::naming::{
    Conflict, Decision, Departed, SlotRecord, Stored, StoredMember, remember,
};
use annulet_ring::Slot;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, Table, TableDefinition, TableError,
    WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MetaStore, StoreError};

/// Name of the file in the data directory.
const FILE_NAME: &str = "namenode.redb";
/// Version of what is in the tables; another one is not touched.
const FORMAT: u32 = 1;

/// Single values by name, as JSON.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// [`StoredMember`]s by id, as JSON.
const MEMBERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("members");
/// [`SlotRecord`]s by slot, as JSON.
const SLOTS: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("slots");

/// The durable store of a NameNode.
#[derive(Debug)]
pub struct RedbStore {
    path: PathBuf,
    /// `None` after an error: a file that failed has to be opened anew.
    database: Option<Database>,
}

impl RedbStore {
    /// Opens the store in `data_dir`, and makes both if they are missing.
    ///
    /// # Errors
    /// When another process uses it, or it cannot be opened.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable {
            path: data_dir.to_owned(),
            reason: error.to_string(),
        };
        fs::create_dir_all(data_dir).map_err(unavailable)?;
        let mut store = Self { path: data_dir.join(FILE_NAME), database: None };
        store.database()?;
        // The file's name has to survive a power cut as well.
        File::open(data_dir).and_then(|directory| directory.sync_all()).map_err(unavailable)?;
        Ok(store)
    }

    fn database(&mut self) -> Result<&Database, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => Database::create(&self.path).map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: self.path.clone() },
                error => unavailable(&self.path)(error),
            })?,
        };
        Ok(self.database.insert(database))
    }

    fn read(&mut self) -> Result<Option<Stored>, StoreError> {
        let path = self.path.clone();
        let failed = |error: redb::Error| unavailable(&path)(error);
        let read = self.database()?.begin_read().map_err(|error| failed(error.into()))?;
        let meta = match read.open_table(META) {
            Ok(meta) => meta,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        };
        let open = |error: TableError| failed(error.into());
        let (members, slots) =
            (read.open_table(MEMBERS).map_err(open)?, read.open_table(SLOTS).map_err(open)?);
        let format: Option<u32> = value(&path, &meta, "format")?;
        if format != Some(FORMAT) {
            let reason = format!("it has format {format:?} and this release reads {FORMAT}");
            return Err(StoreError::Corrupt { path, reason });
        }
        let missing =
            || StoreError::Corrupt { path: path.clone(), reason: "it has no identity".to_owned() };
        let mut stored = Stored {
            cluster_id: value(&path, &meta, "cluster_id")?.ok_or_else(missing)?,
            hash_seed: value(&path, &meta, "hash_seed")?.ok_or_else(missing)?,
            generation: value(&path, &meta, "generation")?.ok_or_else(missing)?,
            version: value(&path, &meta, "version")?.unwrap_or_default(),
            epoch_floor: value(&path, &meta, "epoch_floor")?.unwrap_or_default(),
            ring: value(&path, &meta, "ring")?.unwrap_or_default(),
            departed: value(&path, &meta, "departed")?.unwrap_or_default(),
            ..Stored::default()
        };
        let storage = |error: redb::StorageError| failed(error.into());
        for entry in members.iter().map_err(storage)? {
            let member: StoredMember = from_json(&path, entry.map_err(storage)?.1.value())?;
            stored.members.insert(member.info.node.id.clone(), member);
        }
        for entry in slots.iter().map_err(storage)? {
            let (slot, record) = entry.map_err(storage)?;
            let reason = || format!("it has a slot {}", slot.value());
            let slot = Slot::new(slot.value())
                .ok_or_else(|| StoreError::Corrupt { path: path.clone(), reason: reason() })?;
            stored.slots[slot] = from_json(&path, record.value())?;
        }
        Ok(Some(stored))
    }

    fn write(&mut self, decisions: &[Decision]) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |error: redb::Error| unavailable(&path)(error);
        let transaction = self.database()?.begin_write().map_err(|error| failed(error.into()))?;
        write_all(&path, &transaction, decisions)?;
        transaction.commit().map_err(|error| failed(error.into()))
    }
}

impl MetaStore for RedbStore {
    fn load(&mut self) -> Result<Option<Stored>, StoreError> {
        self.read()
    }

    fn apply(&mut self, decisions: &[Decision]) -> Result<(), StoreError> {
        let result = self.write(decisions);
        if let Err(StoreError::Unavailable { .. }) = result {
            self.database = None;
        }
        result
    }
}

fn write_all(
    path: &Path,
    transaction: &WriteTransaction,
    decisions: &[Decision],
) -> Result<(), StoreError> {
    let open = |error: TableError| unavailable(path)(error);
    let mut meta = transaction.open_table(META).map_err(open)?;
    let mut members = transaction.open_table(MEMBERS).map_err(open)?;
    let mut slots = transaction.open_table(SLOTS).map_err(open)?;
    put(path, &mut meta, "format", &FORMAT)?;
    for decision in decisions {
        match decision {
            Decision::Identity { cluster_id, hash_seed } => {
                put(path, &mut meta, "cluster_id", cluster_id)?;
                put(path, &mut meta, "hash_seed", hash_seed)?;
            }
            Decision::Generation(generation) => put(path, &mut meta, "generation", generation)?,
            Decision::Version(version) => put(path, &mut meta, "version", version)?,
            Decision::EpochFloor(epoch) => put(path, &mut meta, "epoch_floor", epoch)?,
            Decision::Ring(ring) => put(path, &mut meta, "ring", ring)?,
            Decision::MemberPut(member) => {
                put(path, &mut members, member.info.node.id.as_str(), member)?
            }
            Decision::MemberGone(id) => {
                members.remove(id.as_str()).map_err(unavailable(path))?;
            }
            Decision::Departed(departed) => {
                let mut list: VecDeque<Departed> =
                    value(path, &meta, "departed")?.unwrap_or_default();
                remember(&mut list, departed.clone());
                put(path, &mut meta, "departed", &list)?;
            }
            Decision::Slots { slots: set, expected, record } => {
                let bytes = json(path, record)?;
                for slot in set.iter() {
                    let before = slots.get(slot.get()).map_err(unavailable(path))?;
                    let before: Option<SlotRecord> =
                        before.map(|before| from_json(path, before.value())).transpose()?;
                    let before = before.unwrap_or_default();
                    // A group that is tried again may have been written although the first try failed.
                    if before == *record {
                        continue;
                    }
                    if before.epoch != *expected {
                        let (expected, found) = (*expected, before.epoch);
                        return Err(Conflict { slot, expected, found }.into());
                    }
                    slots.insert(slot.get(), bytes.as_slice()).map_err(unavailable(path))?;
                }
            }
        }
    }
    Ok(())
}

fn put(
    path: &Path,
    table: &mut Table<'_, &'static str, &'static [u8]>,
    key: &str,
    value: &impl Serialize,
) -> Result<(), StoreError> {
    table.insert(key, json(path, value)?.as_slice()).map(drop).map_err(unavailable(path))
}

fn value<T: DeserializeOwned>(
    path: &Path,
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<T>, StoreError> {
    let found = table.get(key).map_err(unavailable(path))?;
    found.map(|found| from_json(path, found.value())).transpose()
}

fn json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(unavailable(path))
}

fn from_json<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Corrupt { path: path.to_owned(), reason: error.to_string() })
}

fn unavailable<E: Display>(path: &Path) -> impl Fn(E) -> StoreError {
    move |error| StoreError::Unavailable { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
