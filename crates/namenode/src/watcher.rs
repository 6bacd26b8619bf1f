//! One subscription to the topology: first the whole document, then every change, in order and without a gap.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::published::{Change, Published};

/// A subscription.
#[derive(Debug)]
pub(crate) struct Watcher {
    changes: broadcast::Receiver<Arc<Change>>,
    /// The version that the watcher has been told.
    version: u64,
}

impl Watcher {
    /// Subscribes, and returns the whole document to begin with.
    pub(crate) fn new(published: &Published) -> (Self, Bytes) {
        let changes = published.subscribe();
        let (version, document) = published.document();
        (Self { changes, version }, document)
    }

    /// What to tell the watcher next: a change, or the whole document when it was too slow for the changes. `None` when
    /// the NameNode stops. Cancel safe.
    pub(crate) async fn next(&mut self, published: &Published) -> Option<Bytes> {
        loop {
            match self.changes.recv().await {
                Ok(change) if change.to_version <= self.version => {}
                Ok(change) => return Some(self.tell(&change)),
                Err(RecvError::Lagged(_)) => return Some(self.start_over(published)),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The same without waiting: `None` when the watcher has been told everything.
    pub(crate) fn next_ready(&mut self, published: &Published) -> Option<Bytes> {
        loop {
            match self.changes.try_recv() {
                Ok(change) if change.to_version <= self.version => {}
                Ok(change) => return Some(self.tell(&change)),
                Err(TryRecvError::Lagged(_)) => return Some(self.start_over(published)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    fn tell(&mut self, change: &Change) -> Bytes {
        self.version = change.to_version;
        change.json.clone()
    }

    fn start_over(&mut self, published: &Published) -> Bytes {
        let (watcher, document) = Self::new(published);
        *self = watcher;
        document
    }
}

#[cfg(test)]
mod tests {
    use annulet_cluster::message::Config;
    use annulet_ring::Generation;

    use super::*;
    use crate::published::WATCHER_CHANGES_MAX;

    fn change(from: u64) -> Config {
        let (from_version, version) = (Some(from), from + 1);
        Config {
            generation: Generation(1),
            instance: 1,
            from_version,
            version,
            slots: Vec::new(),
            members: Vec::new(),
        }
    }

    fn start() -> Published {
        let whole = Config { from_version: None, version: 0, ..change(0) };
        Published::new("c".to_owned(), &whole)
    }

    fn number(json: &[u8], key: &str) -> Option<u64> {
        serde_json::from_slice::<serde_json::Value>(json).unwrap()[key].as_u64()
    }

    #[test]
    fn a_watcher_gets_the_document_and_then_every_change_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let published = start();
            published.publish(&change(0), 5);
            let (mut watcher, document) = Watcher::new(&published);
            assert_eq!(number(&document, "version"), Some(1));
            for version in 1..10 {
                published.publish(&change(version), 5);
                let told = watcher.next(&published).await.unwrap();
                assert_eq!(number(&told, "from_version"), Some(version));
                assert_eq!(number(&told, "to_version"), Some(version + 1));
                assert_eq!(number(&told, "committed_us"), Some(5));
            }
        });
    }

    #[test]
    fn a_change_that_the_document_holds_already_is_not_told_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let published = start();
            let changes = published.subscribe();
            published.publish(&change(0), 5);
            let (version, _) = published.document();
            let mut watcher = Watcher { changes, version };
            published.publish(&change(1), 5);
            let told = watcher.next(&published).await.unwrap();
            assert_eq!(number(&told, "from_version"), Some(1));
        });
    }

    #[test]
    fn a_watcher_that_is_too_slow_gets_the_whole_document_instead_of_the_backlog() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let published = start();
            let (mut watcher, _) = Watcher::new(&published);
            let last = 3 * WATCHER_CHANGES_MAX as u64;
            for version in 0..last {
                published.publish(&change(version), 5);
            }
            let told = watcher.next(&published).await.unwrap();
            assert_eq!(number(&told, "version"), Some(last), "one whole document");
            published.publish(&change(last), 5);
            let told = watcher.next(&published).await.unwrap();
            assert_eq!(number(&told, "from_version"), Some(last), "and then changes again");
        });
    }

    #[test]
    fn what_has_been_published_meanwhile_is_told_at_once_and_in_order() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let published = start();
            let (mut watcher, _) = Watcher::new(&published);
            assert_eq!(watcher.next_ready(&published), None);
            (0..3).for_each(|version| published.publish(&change(version), 5));
            let first = watcher.next(&published).await.unwrap();
            assert_eq!(number(&first, "to_version"), Some(1));
            let rest: Vec<_> = std::iter::from_fn(|| watcher.next_ready(&published)).collect();
            let told: Vec<_> = rest.iter().map(|json| number(json, "to_version")).collect();
            assert_eq!(told, [Some(2), Some(3)]);
        });
    }
}
