//! A running digest by which two nodes see that they saw the same frames in the same order.

/// Order-sensitive. It finds frames lost, doubled, swapped or damaged; it does not withstand an adversary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest(pub u64);

/// Odd, so that multiplying by it loses nothing: two streams that differ in one word never meet again by it alone.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Digest {
    /// Takes in one frame. Both sides cut the stream into the same frames.
    pub fn update(&mut self, frame: &[u8]) {
        let (words, rest) = frame.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last));
        // The length tells a frame from one that is padded with zeros, and one frame from two.
        self.mix(!(frame.len() as u64));
    }

    fn mix(&mut self, word: u64) {
        let mixed = (self.0.rotate_left(29) ^ word).wrapping_mul(MULTIPLIER);
        self.0 = mixed ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(frames: &[&[u8]]) -> Digest {
        let mut digest = Digest::default();
        frames.iter().for_each(|frame| digest.update(frame));
        digest
    }

    #[test]
    fn equal_streams_have_equal_digests() {
        assert_eq!(digest(&[b"one", b"two"]), digest(&[b"one", b"two"]));
    }

    #[test]
    fn a_frame_that_is_lost_doubled_swapped_cut_or_damaged_shows() {
        let right = digest(&[b"frame one", b"frame two"]);
        let wrong: [&[&[u8]]; 7] = [
            &[b"frame one"],
            &[b"frame one", b"frame one", b"frame two"],
            &[b"frame two", b"frame one"],
            &[b"frame oneframe two"],
            &[b"frame one", b"frame twp"],
            &[b"frame one", b"frame two", b""],
            &[b"frame one", b"frame two\0"],
        ];
        for frames in wrong {
            assert_ne!(digest(frames), right, "{frames:?}");
        }
    }

    #[test]
    fn every_single_bit_counts() {
        let mut frame = [0x5a_u8; 24];
        let right = digest(&[&frame]);
        for bit in 0..frame.len() * 8 {
            frame[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(digest(&[&frame]), right, "bit {bit}");
            frame[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
