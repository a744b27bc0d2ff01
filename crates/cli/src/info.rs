//! `brickwork info`.

use brickwork_core::format_bytes;
use brickwork_io::Description;
use serde_json::{Map, Value as Json, json};

use crate::args::{InfoArgs, OutputFormat};
use crate::report::{CommandResult, print};

/// Prints what is at a URI.
///
/// # Errors
/// If there is nothing, or nothing that can be understood.
pub fn info(args: &InfoArgs) -> CommandResult {
    let description = brickwork_io::describe(&args.uri)?;
    print(&match args.format {
        OutputFormat::Text => text(&description),
        OutputFormat::Json => as_json(&description).to_string(),
    })
}

fn text(description: &Description) -> String {
    let mut lines = vec![("format", description.format.to_string())];
    let tuple = |lengths: &[usize]| {
        let texts: Vec<String> = lengths.iter().map(ToString::to_string).collect();
        format!("({}{})", texts.join(", "), if lengths.len() == 1 { "," } else { "" })
    };
    if let Some(shape) = &description.shape {
        lines.push(("shape", tuple(shape)));
        lines.extend(description.dtype.clone().map(|dtype| ("dtype", dtype)));
        let chunks = description.chunks.as_ref().map_or_else(
            || "none: contiguous".to_owned(),
            |chunks| {
                let count = shape.iter().zip(chunks).map(|(len, chunk)| len.div_ceil((*chunk).max(1)));
                let count = count.fold(1usize, usize::saturating_mul);
                format!("{} ({count} of them)", tuple(chunks))
            },
        );
        lines.push(("chunks", chunks));
        let codecs = description.codecs.join(", ");
        lines.push(("codecs", if codecs.is_empty() { "none".into() } else { codecs }));
    } else {
        lines.push(("kind", "group".into()));
    }
    let exact = |bytes: usize| {
        if bytes < 1000 { format_bytes(bytes) } else { format!("{} ({bytes})", format_bytes(bytes)) }
    };
    lines.extend(description.nbytes.map(|bytes| ("bytes", exact(bytes))));
    let stored = description.stored_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    lines.extend(stored.map(|bytes| ("stored", exact(bytes))));
    let mut text =
        lines.iter().map(|(name, value)| format!("{name:8}{value}")).collect::<Vec<_>>().join("\n");
    let mut section = |name: &str, rows: Vec<String>| {
        if !rows.is_empty() {
            text.push_str(&format!("\n{name}\n  {}", rows.join("\n  ")));
        }
    };
    section(
        "attributes",
        description.attributes.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
    );
    section("holds", description.children.clone());
    text
}

fn as_json(description: &Description) -> Json {
    let attributes: Map<String, Json> =
        description.attributes.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "uri": description.uri, "format": description.format.to_string(), "shape": description.shape,
        "dtype": description.dtype, "chunks": description.chunks, "codecs": description.codecs,
        "bytes": description.nbytes, "stored_bytes": description.stored_bytes, "attributes": attributes,
        "children": description.children,
    })
}
