//! Codecs of numcodecs that version 3 has names of its own for: zarr-python writes them as `numcodecs.zstd` and so on.

use serde_json::{Map, Value, json};

use crate::error::Problem;

/// Puts the usual names in the place of those of numcodecs, in shards too.
///
/// # Errors
/// If a setting has no counterpart.
pub(super) fn rename(metadata: &mut Value) -> Result<(), Problem> {
    let mut lists = vec![&mut metadata["codecs"]];
    while let Some(list) = lists.pop() {
        for codec in list.as_array_mut().into_iter().flatten() {
            if let Some(renamed) = renamed(codec)? {
                *codec = renamed;
            }
            if let Some(inner) = codec.pointer_mut("/configuration/codecs") {
                lists.push(inner);
            }
        }
    }
    Ok(())
}

fn renamed(codec: &Value) -> Result<Option<Value>, Problem> {
    let Some(name) = codec["name"].as_str().or_else(|| codec.as_str()) else { return Ok(None) };
    let none = Map::new();
    let settings = codec["configuration"].as_object().unwrap_or(&none);
    // What is left out is as numcodecs has it.
    let or = |key: &str, otherwise: Value| {
        settings.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(otherwise)
    };
    let configuration = match name {
        "numcodecs.zstd" => json!({"level": or("level", json!(0)), "checksum": or("checksum", json!(false))}),
        "numcodecs.gzip" => json!({"level": or("level", json!(1))}),
        "numcodecs.crc32c" => {
            if or("location", json!("end")) != "end" {
                return Err(Problem::unreadable("a crc32c checksum in front", "one at the end can"));
            }
            json!({})
        }
        // Chunks tell by themselves how they were shuffled.
        "numcodecs.blosc" => json!({
            "cname": or("cname", json!("lz4")),
            "clevel": or("clevel", json!(5)),
            "shuffle": "noshuffle",
            "blocksize": or("blocksize", json!(0)),
        }),
        _ => return Ok(None),
    };
    let name = name.trim_start_matches("numcodecs.");
    Ok(Some(match name {
        "crc32c" => json!({"name": name}),
        _ => json!({"name": name, "configuration": configuration}),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_numcodecs_become_the_usual_ones_in_shards_too() {
        let mut metadata = json!({"codecs": [{"name": "sharding_indexed", "configuration": {"codecs": [
            {"name": "bytes"}, {"name": "numcodecs.zstd", "configuration": {"level": 3}}, "numcodecs.crc32c",
        ]}}, {"name": "numcodecs.blosc", "configuration": {"cname": "zstd"}}]});
        rename(&mut metadata).unwrap();
        let expected = json!([{"name": "sharding_indexed", "configuration": {"codecs": [
            {"name": "bytes"}, {"name": "zstd", "configuration": {"level": 3, "checksum": false}}, {"name": "crc32c"},
        ]}}, {"name": "blosc", "configuration": {"cname": "zstd", "clevel": 5, "shuffle": "noshuffle", "blocksize": 0}}]);
        assert_eq!(metadata["codecs"], expected);
        let mut front =
            json!({"codecs": [{"name": "numcodecs.crc32c", "configuration": {"location": "start"}}]});
        assert!(rename(&mut front).unwrap_err().to_string().contains("in front"));
    }
}
