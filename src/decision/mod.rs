//! What becomes of a request: the decision, with everything that led to it.

mod outcome;

pub use outcome::*;
