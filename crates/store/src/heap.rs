//! The allocator that the store is made for: jemalloc with size classes eight bytes apart.
//!
//! With a quantum of 8 (`.cargo/config.toml`) an entry of 40 bytes takes 40, not 48; but then a class is no more aligned
//! than its size, while the binding goes on to believe in 16. [`Heap`] makes that good. [`class_bytes`] is what an
//! allocation really takes, for accounts that match the process.

use std::alloc::{GlobalAlloc, Layout};

/// What every class is aligned to.
const QUANTUM_BYTES: usize = 8;
/// As a power of two, the classes between two powers of two.
const LG_CLASSES_PER_DOUBLING: u32 = 2;
/// Above this an allocation takes whole pages, 16 KiB at least.
const SMALL_BYTES_MAX: usize = 14 * 1024;
const LARGE_BYTES_MIN: usize = 16 * 1024;
/// Above this it takes as many pages as it needs.
const CLASS_BYTES_MAX: usize = 32 * 1024;
const PAGE_BYTES: usize = 4 * 1024;

/// An allocator whose size classes are multiples of 8 bytes, made one that keeps every alignment.
///
/// `A` must keep alignments up to 8, must keep those above 16 if it is told, and must give what has a size that is a
/// multiple of 16 an alignment of 16. That holds for jemalloc, whatever its quantum: a class is `k * 2^n` bytes with
/// `k < 8`, the places of a class lie one behind the other from the start of a page, and so each is aligned to the
/// largest power of two in its class. The class of a multiple of 16 is the multiple itself up to 64; above 64 all
/// classes are multiples of 16, and above 32 KiB whole pages. Without a quantum of 8 it holds all the more.
#[derive(Debug, Default)]
pub struct Heap<A>(A);

impl<A> Heap<A> {
    /// Wraps `allocator`.
    pub const fn new(allocator: A) -> Heap<A> {
        Heap(allocator)
    }
}

/// The same layout, with a size that has the alignment in it if classes alone do not keep that.
const fn padded(layout: Layout) -> Layout {
    match layout.align() > QUANTUM_BYTES {
        true => layout.pad_to_align(),
        false => layout,
    }
}

// SAFETY: it is `A` with other sizes, which are never smaller: what the caller may use is inside what `A` gave. A layout
// is padded to the same one whenever it is passed in, so `A` sees the same layout when memory comes as when it goes.
// `pad_to_align` cannot overflow, since a size rounded up to its alignment is at most `isize::MAX` for every layout.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Heap<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises a size above zero, and padding takes nothing away.
        unsafe { self.0.alloc(padded(layout)) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { self.0.alloc_zeroed(padded(layout)) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller promises that it has `pointer` from here with this layout, so `A` gave it with the padded.
        unsafe { self.0.dealloc(pointer, padded(layout)) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size`, rounded up to the alignment, does not overflow `isize`.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: as in `dealloc`; the new size is above zero as the caller promises, padded or not.
        unsafe { self.0.realloc(pointer, padded(layout), padded(new).size()) }
    }
}

/// What an allocation from [`Heap`] takes, with an alignment of at most 16.
pub(crate) const fn allocated_bytes(layout: Layout) -> usize {
    class_bytes(padded(layout).size())
}

/// What an allocation of `size` bytes takes, with an alignment of at most 8.
pub const fn class_bytes(size: usize) -> usize {
    if size == 0 {
        return 0;
    }
    if size <= QUANTUM_BYTES << LG_CLASSES_PER_DOUBLING {
        return size.next_multiple_of(QUANTUM_BYTES);
    }
    if size > SMALL_BYTES_MAX && size <= LARGE_BYTES_MIN {
        return LARGE_BYTES_MIN;
    }
    if size > CLASS_BYTES_MAX {
        return size.next_multiple_of(PAGE_BYTES);
    }
    let step = 1 << ((size - 1).ilog2() - LG_CLASSES_PER_DOUBLING);
    size.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tikv_jemallocator::Jemalloc;

    const SIZES_MAX: usize = 600;

    fn layouts() -> impl Iterator<Item = Layout> {
        let aligns = (0..=13).map(|lg| 1 << lg);
        let sizes = (1..SIZES_MAX).chain([1000, 4095, 4097, 14_336, 14_337, 16_385, 70_001]);
        sizes.flat_map(move |size| {
            aligns.clone().filter_map(move |align| Layout::from_size_align(size, align).ok())
        })
    }

    /// The bytes of one allocation.
    fn bytes<'a>(pointer: *mut u8, layout: Layout) -> &'a mut [u8] {
        assert!(!pointer.is_null());
        assert_eq!(pointer.addr() % layout.align(), 0, "{layout:?}");
        // SAFETY: whoever calls has just got `pointer` for this layout, all of it initialised, and uses it alone.
        unsafe { std::slice::from_raw_parts_mut(pointer, layout.size()) }
    }

    #[test]
    fn every_size_has_every_alignment() {
        let heap = Heap::new(Jemalloc);
        for layout in layouts() {
            // Several, so that they are not all the first place of a fresh page.
            let several: [*mut u8; 5] = std::array::from_fn(|_| {
                // SAFETY: the size is above zero.
                let pointer = unsafe { heap.alloc(layout) };
                // SAFETY: it was allocated with this size.
                unsafe { pointer.write_bytes(0xa5, layout.size()) };
                pointer
            });
            for pointer in several {
                assert!(bytes(pointer, layout).iter().all(|byte| *byte == 0xa5));
            }
            for pointer in several {
                // SAFETY: it was allocated with this layout and is freed once.
                unsafe { heap.dealloc(pointer, layout) };
            }
            // SAFETY: the size is above zero.
            let zeroed = unsafe { heap.alloc_zeroed(layout) };
            assert!(bytes(zeroed, layout).iter().all(|byte| *byte == 0));
            // SAFETY: as above.
            unsafe { heap.dealloc(zeroed, layout) };
        }
    }

    #[test]
    fn what_is_resized_keeps_alignment_and_contents() {
        let heap = Heap::new(Jemalloc);
        for layout in layouts() {
            // SAFETY: the size is above zero.
            let mut pointer = unsafe { heap.alloc_zeroed(layout) };
            let mut now = layout;
            bytes(pointer, now).fill(7);
            for size in [1, layout.size() + 9, 3 * layout.size(), layout.size().div_ceil(2)] {
                // SAFETY: `now` is its layout, and the new size is above zero and far from overflow.
                pointer = unsafe { heap.realloc(pointer, now, size) };
                let kept = now.size().min(size);
                now = Layout::from_size_align(size, layout.align()).unwrap();
                let contents = bytes(pointer, Layout::from_size_align(kept, now.align()).unwrap());
                assert!(contents.iter().all(|byte| *byte == 7), "{layout:?} to {size}");
                // SAFETY: it was allocated with this size.
                unsafe { pointer.write_bytes(7, size) };
            }
            // SAFETY: `now` is its layout, and it is freed once.
            unsafe { heap.dealloc(pointer, now) };
        }
    }

    #[test]
    fn the_classes_are_those_of_the_allocator() {
        let heap = Heap::new(Jemalloc);
        let sizes = (1..100_000).chain((100_000..9_000_000).step_by(9_973));
        for size in sizes {
            let layout = Layout::from_size_align(size, 1).unwrap();
            // SAFETY: the size is above zero.
            let pointer = unsafe { heap.alloc(layout) };
            // SAFETY: `pointer` is alive and jemalloc's.
            let usable = unsafe { tikv_jemallocator::usable_size(pointer) };
            assert_eq!(class_bytes(size), usable, "{size}");
            // SAFETY: it was allocated with this layout and is freed once.
            unsafe { heap.dealloc(pointer, layout) };
        }
    }
}
