//! .npy files.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let directory = reading::directory();
    let place = directory.path().join("x.npy");
    std::fs::write(&place, bytes).expect("room for an input");
    reading::everything(&place);
});
