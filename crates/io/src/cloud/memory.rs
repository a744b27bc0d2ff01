//! Stores in memory, by name: `memory://name/x.zarr`.

use std::collections::HashMap;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use parking_lot::Mutex;

static STORES: Mutex<Option<HashMap<String, Arc<InMemory>>>> = Mutex::new(None);

/// The store of a name, which lives as long as the process.
pub(super) fn store(name: &str) -> Arc<dyn ObjectStore> {
    let mut stores = STORES.lock();
    stores.get_or_insert_default().entry(name.to_owned()).or_default().clone()
}
