//! Work on all processors where the feature `parallel` is on, and one piece after another where it isn't.
//!
//! The rooms write the calls of rayon either way: `use crate::parallel::prelude::*`. Results never depend on which it is.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

#[cfg(feature = "parallel")]
pub(crate) use rayon::{current_num_threads, join, prelude};
#[cfg(not(feature = "parallel"))]
pub(crate) use sequential::{current_num_threads, join};

/// Threads that work is done on.
#[cfg(any(test, feature = "cli"))]
#[derive(Debug)]
pub(crate) struct Pool {
    /// None: those that every command has.
    #[cfg(feature = "parallel")]
    threads: Option<rayon::ThreadPool>,
}

/// Makes the threads that all work is done on, one for each processor.
///
/// # Errors
/// The system gives no threads.
#[cfg(all(feature = "cli", feature = "parallel"))]
pub(crate) fn start() -> Result<(), rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().build_global()
}

#[cfg(all(feature = "cli", not(feature = "parallel")))]
pub(crate) fn start() -> Result<(), std::convert::Infallible> {
    Ok(())
}

#[cfg(any(test, feature = "cli"))]
impl Pool {
    /// So many threads, but no more than there are processors; 0: one for each. Without the feature `parallel` it is one,
    /// whatever is asked for.
    ///
    /// # Errors
    /// The system gives no threads.
    #[cfg(feature = "parallel")]
    pub(crate) fn new(threads: usize) -> Result<Pool, rayon::ThreadPoolBuildError> {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        let build = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Pool { threads: (threads > 0).then(|| build(threads.min(most))).transpose()? })
    }

    #[cfg(not(feature = "parallel"))]
    pub(crate) fn new(_: usize) -> Result<Pool, std::convert::Infallible> {
        Ok(Pool {})
    }

    /// Does work on these threads, with everything that it does in parallel.
    #[cfg(feature = "parallel")]
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.threads {
            Some(threads) => threads.install(work),
            None => work(),
        }
    }

    #[cfg(not(feature = "parallel"))]
    pub(crate) fn install<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }
}

/// Values by what they are made of, for several threads that ask for the same ones.
#[derive(Debug)]
pub(crate) struct Memo<K, V>(Mutex<FxHashMap<K, V>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Memo(Mutex::new(FxHashMap::default()))
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// The value of a key, made where it isn't known; of two that are made at the same time, one is kept.
    pub(crate) fn get_or(&self, key: K, make: impl FnOnce(&K) -> V) -> V {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return known.clone();
        }
        let made = make(&key);
        lock().entry(key).or_insert(made).clone()
    }

    /// The same for values that are large: no more than so many are kept, and once they are, all are made anew.
    #[cfg(feature = "cli")]
    pub(crate) fn get_or_within(&self, most: usize, key: K, make: impl FnOnce(&K) -> V) -> V {
        {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= most && !known.contains_key(&key) {
                known.clear();
            }
        }
        self.get_or(key, make)
    }
}

#[cfg(not(feature = "parallel"))]
pub(crate) mod prelude {
    pub(crate) use super::sequential::{AsParallel as _, ByChunks as _, ByRef as _};
}

/// The part of rayon's calls that is used here, on one thread.
#[cfg(not(feature = "parallel"))]
mod sequential {
    pub(crate) fn current_num_threads() -> usize {
        1
    }

    pub(crate) fn join<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
        (a(), b())
    }

    pub(crate) trait AsParallel: IntoIterator + Sized {
        fn into_par_iter(self) -> Sequential<Self::IntoIter> {
            Sequential(self.into_iter())
        }
    }

    impl<I: IntoIterator> AsParallel for I {}

    pub(crate) trait ByRef<'a> {
        type Items: Iterator;

        fn par_iter(&'a self) -> Sequential<Self::Items>;
    }

    impl<'a, C: ?Sized + 'a> ByRef<'a> for C
    where
        &'a C: IntoIterator,
    {
        type Items = <&'a C as IntoIterator>::IntoIter;

        fn par_iter(&'a self) -> Sequential<Self::Items> {
            Sequential(self.into_iter())
        }
    }

    pub(crate) trait ByChunks<T> {
        /// # Panics
        /// `size` of 0.
        fn par_chunks(&self, size: usize) -> Sequential<std::slice::Chunks<'_, T>>;
    }

    impl<T> ByChunks<T> for [T] {
        fn par_chunks(&self, size: usize) -> Sequential<std::slice::Chunks<'_, T>> {
            Sequential(self.chunks(size))
        }
    }

    /// An iterator that is no [`Iterator`]: what is called like a method of both does what rayon's does.
    #[derive(Debug)]
    pub(crate) struct Sequential<I>(I);

    impl<I: Iterator> Sequential<I> {
        pub(crate) fn map<B>(self, f: impl FnMut(I::Item) -> B) -> Sequential<impl Iterator<Item = B>> {
            Sequential(self.0.map(f))
        }

        /// With one `init` for everything.
        pub(crate) fn map_init<T, B>(
            self,
            init: impl Fn() -> T,
            mut f: impl FnMut(&mut T, I::Item) -> B,
        ) -> Sequential<impl Iterator<Item = B>> {
            let mut own = init();
            Sequential(self.0.map(move |item| f(&mut own, item)))
        }

        pub(crate) fn filter_map<B>(self, f: impl FnMut(I::Item) -> Option<B>) -> Sequential<impl Iterator<Item = B>> {
            Sequential(self.0.filter_map(f))
        }

        pub(crate) fn enumerate(self) -> Sequential<impl Iterator<Item = (usize, I::Item)>> {
            Sequential(self.0.enumerate())
        }

        pub(crate) fn zip<J: IntoIterator>(self, other: J) -> Sequential<impl Iterator<Item = (I::Item, J::Item)>> {
            Sequential(self.0.zip(other))
        }

        /// How small a piece of work may be; here there is but one.
        pub(crate) fn with_min_len(self, _: usize) -> Self {
            self
        }

        /// One total, of which [`Sequential::reduce`] makes the result.
        pub(crate) fn fold<T>(
            self,
            identity: impl Fn() -> T,
            f: impl FnMut(T, I::Item) -> T,
        ) -> Sequential<std::iter::Once<T>> {
            Sequential(std::iter::once(self.0.fold(identity(), f)))
        }

        pub(crate) fn reduce(
            self,
            identity: impl Fn() -> I::Item,
            f: impl FnMut(I::Item, I::Item) -> I::Item,
        ) -> I::Item {
            self.0.reduce(f).unwrap_or_else(identity)
        }

        pub(crate) fn collect<C: FromIterator<I::Item>>(self) -> C {
            self.0.collect()
        }
    }
}
