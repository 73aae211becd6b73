//! Sums over classes that remember which class shows them best.

/// Parts of several classes, and the class with the largest of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Parts {
    pub sum: f64,
    largest: f64,
    /// Of equal ones the first that was added.
    pub class: usize,
}

impl Parts {
    /// Adds a part above 0; true where it is the largest so far.
    pub(super) fn add(&mut self, part: f64, class: usize) -> bool {
        self.sum += part;
        let is_largest = part > self.largest;
        if is_largest {
            (self.largest, self.class) = (part, class);
        }
        is_largest
    }
}
