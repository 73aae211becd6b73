//! RE2 syntax, as Envoy compiles it, over byte automata.
