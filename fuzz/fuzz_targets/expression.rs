//! The expression language of the command line, and the messages about what is wrong in a text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reading::language::parse;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(program) => drop(format!("{program:?}")),
        Err(error) => drop(error.render(text)),
    }
});
