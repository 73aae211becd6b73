//! Where entries are that have a hash: the part of a map that is the same for all types.

/// Positions of entries by their hashes; open addressing, one place after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Of each entry, in their order.
    hashes: Vec<u32>,
    /// Positions from 1, and 0 where there is none; as many as a power of two, and none for an empty table.
    places: Vec<u32>,
}

impl Table {
    pub(crate) fn clear(&mut self) {
        self.hashes.clear();
        self.places.clear();
    }

    /// The position of the entry with this hash that `is` says yes to.
    pub(crate) fn find(&self, hash: u32, is: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
        let mut place = self.first_place(hash)?;
        loop {
            let position = self.at(place)?;
            if self.hashes[position] == hash && is(position) {
                return Some(position);
            }
            place = self.next(place);
        }
    }

    /// Adds an entry behind the others.
    pub(crate) fn push(&mut self, hash: u32) {
        self.hashes.push(hash);
        // Half of the places stay free, so that the next free one is near.
        if self.hashes.len() * 2 > self.places.len() {
            self.places = vec![0; (self.places.len() * 2).max(8)];
            (0..self.hashes.len()).for_each(|position| self.put(position));
        } else {
            self.put(self.hashes.len() - 1);
        }
    }

    /// Takes an entry away; the last one comes to its position.
    pub(crate) fn swap_remove(&mut self, position: usize) {
        let last = self.hashes.len() - 1;
        let (Some(mut free), Some(moved)) = (self.place_of(position), self.place_of(last)) else { return };
        self.places[moved] = self.places[free];
        self.hashes.swap_remove(position);
        // Those behind come nearer, as far as they may.
        let mut place = self.next(free);
        while let Some(position) = self.at(place) {
            let first = self.hashes[position] as usize & (self.places.len() - 1);
            let distance = |from: usize| place.wrapping_sub(from) & (self.places.len() - 1);
            if distance(first) >= distance(free) {
                self.places[free] = self.places[place];
                free = place;
            }
            place = self.next(place);
        }
        self.places[free] = 0;
    }

    fn place_of(&self, position: usize) -> Option<usize> {
        let mut place = self.first_place(self.hashes[position])?;
        while self.at(place)? != position {
            place = self.next(place);
        }
        Some(place)
    }

    fn put(&mut self, position: usize) {
        let Some(mut place) = self.first_place(self.hashes[position]) else { return };
        while self.places[place] != 0 {
            place = self.next(place);
        }
        self.places[place] = u32::try_from(position + 1).expect("fewer entries than memory has bytes");
    }

    fn at(&self, place: usize) -> Option<usize> {
        (self.places[place] as usize).checked_sub(1)
    }

    fn first_place(&self, hash: u32) -> Option<usize> {
        Some(hash as usize & self.places.len().checked_sub(1)?)
    }

    fn next(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }
}
