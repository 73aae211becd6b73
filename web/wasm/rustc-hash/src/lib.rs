//! Maps and sets by hash whose code is shared by all types of keys and values, as far as it can be.
//!
//! `std` makes half a kilobyte for each type of map that may grow, which was a thirtieth of the playground's engine. Here an entry stays
//! where it was added, its hash is kept, and [`table`] finds its position by that: the same code for every map. Entries come in the order
//! in which they were added.

mod map;
mod set;
mod table;

use std::hash::{BuildHasherDefault, Hasher};

pub use map::{Entry, FxHashMap};
pub use set::FxHashSet;

pub type FxBuildHasher = BuildHasherDefault<FxHasher>;

/// A hash that is quick, for keys that nobody chooses to collide.
#[derive(Debug, Clone, Copy, Default)]
pub struct FxHasher(u64);

impl Hasher for FxHasher {
    #[inline(never)]
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.write_u64(chunk.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            self.write_u64(rest.iter().fold(1, |number, byte| number << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    #[inline(never)]
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        // The upper bits depend on all that was written.
        self.0 ^ self.0 >> 32
    }
}
