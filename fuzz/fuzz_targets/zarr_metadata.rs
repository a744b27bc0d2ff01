//! Metadata of Zarr arrays and groups, of version 3 or, where the first byte is odd, of version 2; beside them a chunk of
//! a few bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((version, metadata)) = bytes.split_first() else { return };
    let directory = reading::directory();
    let place = directory.path().join("x.zarr");
    let (name, chunk) = if version % 2 == 1 { (".zarray", "0.0") } else { ("zarr.json", "c/0/0") };
    let chunk = place.join(chunk);
    std::fs::create_dir_all(chunk.parent().expect("a name below a directory")).expect("room for a directory");
    std::fs::write(place.join(name), metadata).expect("room for an input");
    std::fs::write(chunk, [7; 64]).expect("room for a chunk");
    reading::everything(&place);
});
