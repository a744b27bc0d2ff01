//! `brickwork info`.

use brickwork_core::{AxisChunks, ChunkGrid, format_bytes};
use brickwork_io::{Description, Tree, describe_tree};
use serde_json::{Value as Json, json};

use crate::args::{InfoArgs, OutputFormat};
use crate::chunk_sketch::sketch;
use crate::inputs::expand;
use crate::report::{CommandResult, Failure, print};

/// A text attribute is shown in one line, up to so many characters.
const MOST_CHARACTERS: usize = 100;

/// Prints what is at each URI: all about a single array, else a line for each.
///
/// # Errors
/// If there is nothing, or nothing that can be understood.
pub fn info(args: &InfoArgs) -> CommandResult {
    let mut uris = Vec::new();
    let mut is_list = args.uris.len() > 1;
    for uri in &args.uris {
        match expand(uri)? {
            None => uris.push(uri.clone()),
            Some(found) if found.is_empty() => {
                let error = brickwork_core::Error::invalid_data(uri, "no file matches the pattern");
                return Err(Failure::Run(error));
            }
            Some(found) => {
                is_list = true;
                uris.extend(found);
            }
        }
    }
    if args.format == OutputFormat::Json {
        let trees = uris.iter().map(|uri| Ok(tree_json(&describe_tree(uri)?)));
        let mut trees = trees.collect::<CommandResult<Vec<Json>>>()?;
        return print(&if is_list { Json::Array(trees) } else { trees.swap_remove(0) }.to_string());
    }
    for uri in &uris {
        let tree = describe_tree(uri)?;
        print(&match (tree.description.shape.is_some(), is_list) {
            (true, false) => array_text(&tree.description),
            (true, true) => format!("{uri}  {}", summary(&tree.description)),
            (false, _) => tree_text(&tree),
        })?;
    }
    Ok(())
}

/// All about one array.
fn array_text(description: &Description) -> String {
    let shape = description.shape.as_deref().unwrap_or_default();
    let mut rows = vec![("format", description.format.to_string()), ("shape", tuple(shape))];
    rows.extend(description.dtype.clone().map(|dtype| ("dtype", dtype)));
    rows.extend(description.dimension_names.as_ref().map(|names| ("dimensions", names.join(", "))));
    let uneven = description.uneven_chunks.as_ref();
    let counts = match uneven {
        Some(grid) => Some(grid.axes().iter().map(AxisChunks::num_chunks).collect()),
        None => description.chunks.as_deref().map(|chunks| counts(shape, chunks)),
    };
    match (&description.chunks, &counts) {
        (Some(chunks), Some(counts)) => {
            let lengths = uneven.map_or_else(|| tuple(chunks), ToString::to_string);
            rows.push(("chunks", format!("{lengths} ({})", product(counts))));
        }
        _ => rows.push(("chunks", "none: contiguous".to_owned())),
    }
    if let Some(shards) = &description.shards {
        let (lengths, counts) = match &description.uneven_shards {
            Some(grid) => (grid.to_string(), grid.axes().iter().map(AxisChunks::num_chunks).collect()),
            None => (tuple(shards), crate::info::counts(shape, shards)),
        };
        rows.push(("shards", format!("{lengths} ({})", product(&counts))));
    }
    let codecs = description.codecs.join(", ");
    rows.push(("codecs", if codecs.is_empty() { "none".into() } else { codecs }));
    rows.extend(description.fill_value.as_ref().map(|value| ("fill value", plain(value))));
    rows.extend(description.nbytes.map(|bytes| ("bytes", exact_bytes(bytes))));
    let stored = description.stored_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    rows.extend(stored.map(|bytes| {
        let ratio = description.nbytes.filter(|_| bytes > 0).map(|all| all as f64 / bytes as f64);
        let ratio = ratio.map(|ratio| format!(", ratio {ratio:.2}")).filter(|_| description.nbytes != stored);
        ("stored", exact_bytes(bytes) + &ratio.unwrap_or_default())
    }));
    let mut text =
        rows.iter().map(|(name, value)| format!("{name:12}{value}")).collect::<Vec<_>>().join("\n");
    let mut section = |name: &str, rows: Vec<String>| {
        if !rows.is_empty() {
            text.push_str(&format!("\n{name}\n  {}", rows.join("\n  ")));
        }
    };
    if let Some(counts) = counts.filter(|counts| product_number(counts) > 1) {
        section(&format!("chunk grid{}", grid_axes(description)), sketch(&counts));
    }
    section("attributes", attribute_lines(description));
    text
}

/// Which axes are drawn, if there are more than two.
fn grid_axes(description: &Description) -> &'static str {
    match description.shape.as_ref().map_or(0, Vec::len) {
        0..=2 => "",
        _ => " (of the last two axes)",
    }
}

/// What is in a file or a group: a line for each array and group.
fn tree_text(tree: &Tree) -> String {
    let description = &tree.description;
    let mut lines = vec![format!("{} ({})", description.uri, description.format)];
    lines.extend(attribute_lines(description).into_iter().map(|line| format!("  {line}")));
    add_members(tree, "", &mut lines);
    if tree.members.is_empty() {
        lines.push("holds nothing".to_owned());
    }
    lines.join("\n")
}

fn add_members(tree: &Tree, indent: &str, lines: &mut Vec<String>) {
    let label = |member: &Tree| member.name.clone() + if member.is_group() { "/" } else { "" };
    let width = tree.members.iter().map(|member| label(member).chars().count()).max().unwrap_or(0);
    for (i, member) in tree.members.iter().enumerate() {
        let is_last = i + 1 == tree.members.len();
        let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let mut line = format!("{indent}{branch}{:width$}", label(member));
        if member.description.shape.is_some() {
            line.push_str(&format!("  {}", summary(&member.description)));
        }
        if let Some(note) = &member.note {
            line.push_str(&format!("  ({note})"));
        }
        lines.push(line.trim_end().to_owned());
        let below = format!("{indent}{below}");
        if member.is_group() {
            let bar = if member.members.is_empty() { "  " } else { "│ " };
            lines.extend(
                attribute_lines(&member.description).into_iter().map(|line| format!("{below}{bar}{line}")),
            );
        }
        add_members(member, &below, lines);
    }
}

/// An array in one line.
fn summary(description: &Description) -> String {
    let shape = description.shape.as_deref().unwrap_or_default();
    let mut words = vec![match &description.dimension_names {
        Some(names) => {
            let axes: Vec<String> =
                names.iter().zip(shape).map(|(name, len)| format!("{name} {len}")).collect();
            format!("({})", axes.join(", "))
        }
        None => tuple(shape),
    }];
    words.extend(description.dtype.clone());
    words.extend(description.chunks.as_deref().map(|chunks| format!("chunks {}", tuple(chunks))));
    words.extend(description.shards.as_deref().map(|shards| format!("shards {}", tuple(shards))));
    if !description.codecs.is_empty() {
        words.push(description.codecs.join(", "));
    }
    words.join("  ")
}

fn attribute_lines(description: &Description) -> Vec<String> {
    description.attributes.iter().map(|(name, value)| format!("{name}: {}", plain(value))).collect()
}

/// A value in one line: texts without quotes, long ones cut.
fn plain(value: &Json) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace('\n', "\\n");
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn tuple(lengths: &[usize]) -> String {
    let texts: Vec<String> = lengths.iter().map(ToString::to_string).collect();
    format!("({}{})", texts.join(", "), if lengths.len() == 1 { "," } else { "" })
}

/// Chunks along every axis.
fn counts(shape: &[usize], chunks: &[usize]) -> Vec<usize> {
    shape.iter().zip(chunks).map(|(len, chunk)| len.div_ceil((*chunk).max(1))).collect()
}

fn product_number(counts: &[usize]) -> usize {
    counts.iter().fold(1, |product, &count| product.saturating_mul(count))
}

/// `3 × 4 = 12 of them`.
fn product(counts: &[usize]) -> String {
    let factors: Vec<String> = counts.iter().map(ToString::to_string).collect();
    match factors.as_slice() {
        [] => "1 of them".to_owned(),
        [one] => format!("{one} of them"),
        _ => format!("{} = {} of them", factors.join(" × "), product_number(counts)),
    }
}

fn exact_bytes(bytes: usize) -> String {
    if bytes < 1000 { format_bytes(bytes) } else { format!("{} ({bytes})", format_bytes(bytes)) }
}

fn tree_json(tree: &Tree) -> Json {
    let description = &tree.description;
    let lengths = |grid: &ChunkGrid| grid.axes().iter().map(AxisChunks::chunk_lengths).collect::<Vec<_>>();
    let uneven = description.uneven_chunks.as_ref().map(lengths);
    let uneven_shards = description.uneven_shards.as_ref().map(lengths);
    let mut found = json!({
        "uri": description.uri,
        "format": description.format.to_string(),
        "shape": description.shape,
        "dtype": description.dtype,
        "dimension_names": description.dimension_names,
        "chunks": description.chunks,
        "uneven_chunks": uneven,
        "shards": description.shards,
        "uneven_shards": uneven_shards,
        "codecs": description.codecs,
        "fill_value": description.fill_value,
        "bytes": description.nbytes,
        "stored_bytes": description.stored_bytes,
        "attributes": description.attributes,
        "attribute_dtypes": description.attribute_dtypes,
        "children": description.children,
    });
    if let Some(note) = &tree.note {
        found["note"] = json!(note);
    }
    if description.shape.is_none() {
        let members = tree.members.iter().map(|member| (member.name.clone(), tree_json(member)));
        found["members"] = Json::Object(members.collect());
    }
    found
}
