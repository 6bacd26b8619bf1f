//! An owned buffer behind a thin pointer: what makes an entry one word in the table and one allocation beside it.
//!
//! ```text
//! packed:  [length u32][length bytes]             exact, never grows
//! large:   [LARGE  u32][Large { key, value .. }]  the value has an allocation of its own, which may grow
//! ```

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::{Db, UnixMillis};

/// The length that no packed block has: it marks a large one.
const LARGE: u32 = u32::MAX;

/// What every block begins with.
#[repr(C)]
struct Head {
    length: u32,
}

#[repr(C)]
struct LargeBlock {
    head: Head,
    large: Large,
}

/// An entry whose value is too large to be packed.
pub(crate) struct Large {
    pub(crate) db: Db,
    pub(crate) expires_at: Option<UnixMillis>,
    pub(crate) key: Box<[u8]>,
    /// Others may hold it too; who changes it makes sure that they see nothing of that.
    pub(crate) value: Arc<Vec<u8>>,
}

/// What a block holds.
pub(crate) enum View<B, L> {
    Packed(B),
    Large(L),
}

/// See the module's picture.
///
/// Invariant: `head` came from `packed` or from `large`, is owned by this value alone, and its first word says which.
pub(crate) struct Block {
    head: NonNull<Head>,
    owns: PhantomData<LargeBlock>,
}

// SAFETY: a block owns what it points to and has no interior mutability: it is as a `Box<[u8]>` or a `Box<Large>`,
// and both are `Send`.
unsafe impl Send for Block {}
// SAFETY: as above; `&Block` gives out only `&[u8]` and `&Large`, and `Large` is `Sync`.
unsafe impl Sync for Block {}

impl Block {
    /// A packed block of these parts, one after the other.
    ///
    /// # Panics
    /// If they have `u32::MAX` bytes or more together.
    pub(crate) fn packed(parts: [&[u8]; 4]) -> Block {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        assert!(length < LARGE as usize, "a packed block of {length} bytes");
        let layout = packed_layout(length);
        // SAFETY: the layout is at least as large as `Head`, so not empty.
        let Some(head) = NonNull::new(unsafe { alloc(layout) }.cast::<Head>()) else {
            handle_alloc_error(layout)
        };
        // SAFETY: the allocation is fresh, large enough and aligned for `Head`.
        unsafe { head.write(Head { length: length as u32 }) };
        // SAFETY: one past the head is inside the allocation, or its end.
        let mut at = unsafe { head.add(1) }.cast::<u8>();
        for part in parts {
            // SAFETY: the parts fit exactly behind the head, and a fresh allocation overlaps nothing.
            unsafe { at.copy_from_nonoverlapping(NonNull::from(part).cast::<u8>(), part.len()) };
            // SAFETY: `at` stays inside the allocation, or reaches its end with the last part.
            at = unsafe { at.add(part.len()) };
        }
        Block { head, owns: PhantomData }
    }

    /// A block that owns `large`.
    pub(crate) fn large(large: Large) -> Block {
        let block = Box::new(LargeBlock { head: Head { length: LARGE }, large });
        Block { head: NonNull::from(Box::leak(block)).cast::<Head>(), owns: PhantomData }
    }

    pub(crate) fn view(&self) -> View<&[u8], &Large> {
        match self.length() {
            // SAFETY: the mark says that the pointer came from `large`; `&self` shares what it owns.
            None => View::Large(unsafe { &self.head.cast::<LargeBlock>().as_ref().large }),
            // SAFETY: `packed` wrote `length` bytes behind the head; `&self` shares what it owns.
            Some(length) => View::Packed(unsafe {
                NonNull::slice_from_raw_parts(self.head.add(1).cast::<u8>(), length).as_ref()
            }),
        }
    }

    pub(crate) fn view_mut(&mut self) -> View<&mut [u8], &mut Large> {
        match self.length() {
            // SAFETY: the mark says that the pointer came from `large`; `&mut self` is the only way to what it owns.
            None => View::Large(unsafe { &mut self.head.cast::<LargeBlock>().as_mut().large }),
            // SAFETY: `packed` wrote `length` bytes behind the head; `&mut self` is the only way to what it owns.
            Some(length) => View::Packed(unsafe {
                NonNull::slice_from_raw_parts(self.head.add(1).cast::<u8>(), length).as_mut()
            }),
        }
    }

    /// Where it begins, to be asked for ahead of time.
    pub(crate) fn address(&self) -> *const u8 {
        self.head.as_ptr().cast()
    }

    /// The bytes of its allocations.
    pub(crate) fn allocated_bytes(&self) -> usize {
        match self.view() {
            View::Packed(bytes) => packed_layout(bytes.len()).size(),
            View::Large(large) => {
                let shared = 2 * size_of::<usize>() + size_of::<Vec<u8>>();
                size_of::<LargeBlock>() + large.key.len() + shared + large.value.capacity()
            }
        }
    }

    /// The length of a packed block, `None` of a large one.
    fn length(&self) -> Option<usize> {
        // SAFETY: both constructors leave an initialised `Head` at the start of the allocation.
        let length = unsafe { self.head.as_ref() }.length;
        (length != LARGE).then_some(length as usize)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match self.length() {
            // SAFETY: the mark says that the pointer came from `Box::leak` in `large`; it is owned here alone.
            None => drop(unsafe { Box::from_raw(self.head.cast::<LargeBlock>().as_ptr()) }),
            // SAFETY: `packed` allocated it with the layout of this very length; it is owned here alone.
            Some(length) => unsafe {
                dealloc(self.head.as_ptr().cast::<u8>(), packed_layout(length));
            },
        }
    }
}

/// The layout of a packed block of `length` bytes.
fn packed_layout(length: usize) -> Layout {
    match Layout::from_size_align(size_of::<Head>() + length, align_of::<Head>()) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a packed block is shorter than 4 GiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_block_is_its_parts_and_can_be_written_in_place() {
        let mut block = Block::packed([b"ab", b"", b"c", b"def"]);
        let View::Packed(bytes) = block.view_mut() else { panic!("packed") };
        assert_eq!(bytes, b"abcdef");
        bytes[5] = b'!';
        let View::Packed(bytes) = block.view() else { panic!("packed") };
        assert_eq!(bytes, b"abcde!");
        assert_eq!(block.allocated_bytes(), 10);
        let empty = Block::packed([&[]; 4]);
        assert!(matches!(empty.view(), View::Packed([])));
    }

    #[test]
    fn a_large_block_owns_its_key_and_value_and_one_word_is_all_it_takes() {
        let value = vec![7; 100];
        let address = value.as_ptr();
        let value = Arc::new(value);
        let large = Large { db: Db::default(), expires_at: None, key: (*b"key").into(), value };
        let mut block = Block::large(large);
        let View::Large(large) = block.view_mut() else { panic!("large") };
        assert_eq!(large.value.as_ptr(), address, "taken, not copied");
        Arc::make_mut(&mut large.value).extend_from_slice(&[8; 1000]);
        let View::Large(large) = block.view() else { panic!("large") };
        assert_eq!((large.key.as_ref(), large.value.len()), (b"key".as_slice(), 1100));
        assert_eq!(size_of::<Option<Block>>(), size_of::<usize>());
    }
}
