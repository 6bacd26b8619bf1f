//! An owned buffer behind a short pointer: what makes an entry six bytes in the table and one allocation beside it.
//!
//! ```text
//! packed:  [length u16][tag][bytes]                     exact, never grows
//! large:   [LARGE  u16][tag][Large { key, value .. }]   the value has an allocation of its own, which may grow
//! ```

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::UnixMillis;
use crate::access::Access;
use crate::heap::class_bytes;

/// The length that no packed block has: it marks a large one.
const LARGE: u16 = u16::MAX;

/// How much of an address the table keeps. No system gives a program addresses above without being asked to.
const ADDRESS_BYTES: usize = 6;
const _: () = assert!(usize::BITS == 64, "six bytes are kept of the eight that an address has");

/// What every block begins with.
#[repr(C)]
struct Head {
    length: u16,
    tag: Tag,
}

/// What a block carries in any case. It is the entry's to give it a meaning.
#[repr(C, packed(2))]
#[derive(Clone, Copy)]
pub(crate) struct Tag {
    pub(crate) meta: u8,
    pub(crate) key_length: u8,
    pub(crate) access: Access,
}

const _: () = assert!(size_of::<Head>() == 8);

#[repr(C)]
struct LargeBlock {
    head: Head,
    large: Large,
}

/// An entry whose value is too large to be packed.
pub(crate) struct Large {
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
/// Invariant: the address is that of a head made by `packed` or by `large`, whose provenance is exposed; what begins
/// there is owned by this value alone, and the length says which of the two made it.
pub(crate) struct Block {
    address: [u8; ADDRESS_BYTES],
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
    /// If they have `u16::MAX` bytes or more together.
    pub(crate) fn packed(tag: Tag, parts: [&[u8]; 4]) -> Block {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        assert!(length < usize::from(LARGE), "a packed block of {length} bytes");
        let layout = packed_layout(length);
        // SAFETY: the layout is at least as large as `Head`, so not empty.
        let Some(head) = NonNull::new(unsafe { alloc(layout) }.cast::<Head>()) else {
            handle_alloc_error(layout)
        };
        // SAFETY: the allocation is fresh, large enough and aligned for `Head`.
        unsafe { head.write(Head { length: length as u16, tag }) };
        // SAFETY: one past the head is inside the allocation, or its end.
        let mut at = unsafe { head.add(1) }.cast::<u8>();
        for part in parts {
            // SAFETY: the parts fit exactly behind the head, and a fresh allocation overlaps nothing.
            unsafe { at.copy_from_nonoverlapping(NonNull::from(part).cast::<u8>(), part.len()) };
            // SAFETY: `at` stays inside the allocation, or reaches its end with the last part.
            at = unsafe { at.add(part.len()) };
        }
        Block::at(head)
    }

    /// A block that owns `large`.
    pub(crate) fn large(tag: Tag, large: Large) -> Block {
        let block = Box::new(LargeBlock { head: Head { length: LARGE, tag }, large });
        Block::at(NonNull::from(Box::leak(block)).cast::<Head>())
    }

    /// Takes over what `packed` or `large` has made.
    fn at(head: NonNull<Head>) -> Block {
        let bytes = head.as_ptr().expose_provenance().to_le_bytes();
        let (address, above) = bytes.split_at(ADDRESS_BYTES);
        // Never seen; to go on would mean to write anywhere.
        assert!(above.iter().all(|byte| *byte == 0), "an address of more than 48 bits");
        let mut block = Block { address: [0; ADDRESS_BYTES], owns: PhantomData };
        block.address.copy_from_slice(address);
        block
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> *const u8 {
        self.head().cast()
    }

    #[inline]
    fn head(&self) -> *mut Head {
        let [a, b, c, d, e, f] = self.address;
        // The bytes that are left out are zero, as `at` has made sure, and it has exposed the provenance.
        std::ptr::with_exposed_provenance_mut(usize::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    #[inline]
    pub(crate) fn tag(&self) -> Tag {
        // SAFETY: both constructors leave an initialised `Head` there, and this value owns it.
        unsafe { (*self.head()).tag }
    }

    #[inline]
    pub(crate) fn set_tag(&mut self, tag: Tag) {
        // SAFETY: as in `tag`; `&mut self` is the only way to it.
        unsafe { (*self.head()).tag = tag };
    }

    #[inline]
    pub(crate) fn view(&self) -> View<&[u8], &Large> {
        match self.length() {
            // SAFETY: the mark says that the pointer came from `large`; `&self` shares what it owns.
            None => View::Large(unsafe { &(*self.head().cast::<LargeBlock>()).large }),
            // SAFETY: `packed` wrote `length` bytes behind the head; `&self` shares what it owns.
            Some(length) => View::Packed(unsafe {
                std::slice::from_raw_parts(self.head().add(1).cast::<u8>(), length)
            }),
        }
    }

    #[inline]
    pub(crate) fn view_mut(&mut self) -> View<&mut [u8], &mut Large> {
        match self.length() {
            // SAFETY: the mark says that the pointer came from `large`; `&mut self` is the only way to what it owns.
            None => View::Large(unsafe { &mut (*self.head().cast::<LargeBlock>()).large }),
            // SAFETY: `packed` wrote `length` bytes behind the head; `&mut self` is the only way to what it owns.
            Some(length) => View::Packed(unsafe {
                std::slice::from_raw_parts_mut(self.head().add(1).cast::<u8>(), length)
            }),
        }
    }

    /// What its allocations take.
    pub(crate) fn allocated_bytes(&self) -> usize {
        match self.view() {
            View::Packed(bytes) => class_bytes(packed_layout(bytes.len()).size()),
            View::Large(large) => {
                // An Arc has two counters before what it shares.
                const SHARED: usize = 2 * size_of::<usize>() + size_of::<Vec<u8>>();
                class_bytes(size_of::<LargeBlock>())
                    + class_bytes(large.key.len())
                    + class_bytes(SHARED)
                    + class_bytes(large.value.capacity())
            }
        }
    }

    /// The length of a packed block, `None` of a large one.
    #[inline]
    fn length(&self) -> Option<usize> {
        // SAFETY: as in `tag`.
        let length = unsafe { (*self.head()).length };
        (length != LARGE).then_some(usize::from(length))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match self.length() {
            // SAFETY: the mark says that the pointer came from `Box::leak` in `large`; it is owned here alone.
            None => drop(unsafe { Box::from_raw(self.head().cast::<LargeBlock>()) }),
            // SAFETY: `packed` allocated it with the layout of this very length; it is owned here alone.
            Some(length) => unsafe {
                dealloc(self.head().cast::<u8>(), packed_layout(length));
            },
        }
    }
}

/// The layout of a packed block of `length` bytes.
fn packed_layout(length: usize) -> Layout {
    match Layout::from_size_align(size_of::<Head>() + length, align_of::<Head>()) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a packed block is shorter than 64 KiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Tag = Tag { meta: 3, key_length: 9, access: Access::NEVER };

    #[test]
    fn a_packed_block_is_its_parts_and_can_be_written_in_place() {
        let mut block = Block::packed(TAG, [b"ab", b"", b"c", b"def"]);
        let View::Packed(bytes) = block.view_mut() else { panic!("packed") };
        assert_eq!(bytes, b"abcdef");
        bytes[5] = b'!';
        block.set_tag(Tag { meta: 4, ..block.tag() });
        let View::Packed(bytes) = block.view() else { panic!("packed") };
        assert_eq!(bytes, b"abcde!");
        assert_eq!((block.tag().meta, block.tag().key_length), (4, 9));
        assert_eq!(block.allocated_bytes(), 16);
        let empty = Block::packed(TAG, [&[]; 4]);
        assert!(matches!(empty.view(), View::Packed([])));
    }

    #[test]
    fn a_large_block_owns_its_key_and_value_and_six_bytes_are_all_it_takes() {
        let value = vec![7; 100];
        let address = value.as_ptr();
        let large = Large { expires_at: None, key: (*b"key").into(), value: Arc::new(value) };
        let mut block = Block::large(TAG, large);
        let View::Large(large) = block.view_mut() else { panic!("large") };
        assert_eq!(large.value.as_ptr(), address, "taken, not copied");
        Arc::make_mut(&mut large.value).extend_from_slice(&[8; 1000]);
        let View::Large(large) = block.view() else { panic!("large") };
        assert_eq!((large.key.as_ref(), large.value.len()), (b"key".as_slice(), 1100));
        assert_eq!(block.tag().meta, 3);
        assert_eq!(size_of::<Block>(), 6);
    }
}
