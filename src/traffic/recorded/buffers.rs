//! Memory of batches that is used again: pages that are fresh each time cost more than reading into them.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that are kept for later; more than are in use at a time there can't be.
const KEPT_MAX: usize = 1 << 10;

/// A larger one, of a long line, is given back to the system.
const LARGEST: usize = 4 << 20;

/// Buffers that nobody uses at the moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// An empty buffer.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Bytes whose buffer comes back when they go away.
    pub(super) fn lend(&self, bytes: Vec<u8>) -> Lent {
        Lent { bytes, pool: self.clone() }
    }
}

/// Bytes in a buffer of a pool.
#[derive(Debug, Clone)]
pub(super) struct Lent {
    bytes: Vec<u8>,
    pool: Pool,
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut kept = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX && bytes.capacity() <= LARGEST {
            kept.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let pool = Pool::default();
        let lent = pool.lend(b"a line".to_vec());
        let (place, copy) = (lent.as_ptr(), lent.clone());
        assert_eq!(&*copy, b"a line");
        drop(lent);
        let again = pool.take();
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
        drop(pool.lend(Vec::with_capacity(LARGEST + 1)));
        assert_eq!(pool.take().capacity(), 0);
    }
}
