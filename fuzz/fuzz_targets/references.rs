//! Reference files, as kerchunk writes them, beside a file that they may lead to.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let directory = reading::directory();
    let place = directory.path().join("x.json");
    std::fs::write(directory.path().join("data"), [7; 4096]).expect("room for a file");
    std::fs::write(&place, bytes).expect("room for an input");
    reading::everything(&place);
});
