//! Maps that are asked several times for every command. Their keys are hashed with a seed of this
//! process by a quicker function than the standard library's, which took a twentieth of the
//! processor. Nothing unbounded is kept in them, so a flood of chosen names finds little to slow.

pub(crate) use foldhash::{HashMap, HashSet};

pub(crate) type IndexMap<K, V> = indexmap::IndexMap<K, V, foldhash::fast::RandomState>;
pub(crate) type IndexSet<T> = indexmap::IndexSet<T, foldhash::fast::RandomState>;
