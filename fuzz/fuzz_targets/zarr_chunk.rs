//! Chunks of Zarr arrays, and indexes of shards: the first byte chooses the codecs, the rest is the chunk as stored.
#![no_main]

use libfuzzer_sys::fuzz_target;

const BYTES: &str = r#"{"name":"bytes","configuration":{"endian":"little"}}"#;

fn codecs(number: u8) -> String {
    let after = |codec: &str| format!("{BYTES},{codec}");
    match number % 8 {
        0 => BYTES.to_owned(),
        1 => after(r#"{"name":"zstd","configuration":{"level":1,"checksum":false}}"#),
        2 => after(r#"{"name":"gzip","configuration":{"level":1}}"#),
        3 => after(
            r#"{"name":"blosc","configuration":{"cname":"lz4","clevel":5,"shuffle":"shuffle","typesize":4,"blocksize":0}}"#,
        ),
        4 => after(r#"{"name":"crc32c"}"#),
        other => {
            let inner = if other == 5 { BYTES.to_owned() } else { codecs(1) };
            let index = if other == 6 { after(r#"{"name":"crc32c"}"#) } else { BYTES.to_owned() };
            let location = if other == 7 { "start" } else { "end" };
            format!(
                r#"{{"name":"sharding_indexed","configuration":{{"chunk_shape":[64,64],"codecs":[{inner}],"index_codecs":[{index}],"index_location":"{location}"}}}}"#
            )
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((number, chunk)) = bytes.split_first() else { return };
    let directory = reading::directory();
    let place = directory.path().join("x.zarr");
    std::fs::create_dir_all(place.join("c/0")).expect("room for a directory");
    let metadata = format!(
        r#"{{"zarr_format":3,"node_type":"array","shape":[128,128],"data_type":"int32",
        "chunk_grid":{{"name":"regular","configuration":{{"chunk_shape":[128,128]}}}},
        "chunk_key_encoding":{{"name":"default"}},"fill_value":0,"codecs":[{}]}}"#,
        codecs(*number)
    );
    std::fs::write(place.join("zarr.json"), metadata).expect("room for metadata");
    std::fs::write(place.join("c/0/0"), chunk).expect("room for a chunk");
    reading::everything(&place);
});
