//! What has been asked on one link and is not answered yet.

/// Requests that may be unanswered at the same time: an id holds the place in so many bits.
pub(super) const PENDING_REQUESTS_MAX: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 16;

/// Requests by id. An id is never used twice on one link, so that an answer that comes too late meets nobody.
#[derive(Debug)]
pub(super) struct Pending<T> {
    places: Vec<Option<(u64, T)>>,
    free: Vec<u32>,
    issued: u64,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new(), issued: 0 }
    }
}

impl<T> Pending<T> {
    /// Nothing is unanswered.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// Nothing more may be asked for now.
    pub(super) fn is_full(&self) -> bool {
        self.places.len() - self.free.len() >= PENDING_REQUESTS_MAX
    }

    /// How many ids have been given out. Ids of requests that were added later are not below [`Self::first_id`] of it.
    pub(super) fn issued(&self) -> u64 {
        self.issued
    }

    /// The lowest id that a request can have that was added when `issued` had been given out.
    pub(super) const fn first_id(issued: u64) -> u64 {
        (issued + 1) << PLACE_BITS
    }

    /// Adds a request and names it. The caller has made sure that there is room.
    pub(super) fn add(&mut self, request: T) -> u64 {
        self.issued += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            (self.places.len() - 1) as u32
        });
        let id = self.issued << PLACE_BITS | u64::from(place);
        self.places[place as usize] = Some((id, request));
        id
    }

    /// The request with this id, if it is unanswered.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        match self.places.get_mut(Self::place(id)) {
            Some(Some((found, request))) if *found == id => Some(request),
            Some(_) | None => None,
        }
    }

    /// Ends a request.
    pub(super) fn remove(&mut self, id: u64) -> Option<T> {
        self.get_mut(id)?;
        let place = Self::place(id);
        self.free.push(place as u32);
        self.places[place].take().map(|(_, request)| request)
    }

    /// The ids of the requests for which `is_meant` holds, oldest first.
    pub(super) fn ids(&self, is_meant: impl Fn(&T) -> bool) -> Vec<u64> {
        let meant = self.places.iter().flatten().filter(|(_, request)| is_meant(request));
        let mut ids: Vec<u64> = meant.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    fn place(id: u64) -> usize {
        id as usize % PENDING_REQUESTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_not_used_twice_though_its_place_is() {
        let mut pending = Pending::default();
        let a = pending.add("a");
        let sent = pending.issued();
        let b = pending.add("b");
        assert_eq!(pending.remove(a), Some("a"));
        assert_eq!(pending.remove(a), None);
        let c = pending.add("c");
        assert_ne!(a, c);
        assert_eq!(pending.places.len(), 2, "the place is used again");
        assert_eq!(pending.get_mut(a), None);
        assert_eq!(pending.get_mut(c), Some(&mut "c"));
        assert_eq!(pending.ids(|_| true), [b, c], "in the order in which they were added");
        assert!(a < Pending::<&str>::first_id(sent) && b >= Pending::<&str>::first_id(sent));
        assert_eq!((pending.remove(b), pending.remove(c)), (Some("b"), Some("c")));
        assert!(pending.is_empty() && !pending.is_full());
    }
}
