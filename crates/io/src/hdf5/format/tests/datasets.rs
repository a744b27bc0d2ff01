//! Values, layouts, types and filters.
use super::super::{ElementKind, Filter, Layout};
use super::*;

/// Native bytes of `3 i - 20` for each linear index `i`, as NumPy casts it.
fn expected(kind: &str, len: usize) -> Vec<u8> {
    let value = |i: usize| 3 * i as i64 - 20;
    let each = |to_bytes: &dyn Fn(i64) -> Vec<u8>| (0..len).map(value).flat_map(to_bytes).collect();
    match kind {
        "i1" | "u1" => each(&|v| (v as i8).to_ne_bytes().to_vec()),
        "i2" | "u2" => each(&|v| (v as i16).to_ne_bytes().to_vec()),
        "i4" | "u4" => each(&|v| (v as i32).to_ne_bytes().to_vec()),
        "i8" | "u8" => each(&|v| v.to_ne_bytes().to_vec()),
        "f2" => each(&|v| half(v).to_ne_bytes().to_vec()),
        "f4" => each(&|v| (v as f32).to_ne_bytes().to_vec()),
        "f8" => each(&|v| (v as f64).to_ne_bytes().to_vec()),
        "c8" => each(&|v| [(v as f32).to_ne_bytes(), [0; 4]].concat()),
        "c16" => each(&|v| [(v as f64).to_ne_bytes(), [0; 8]].concat()),
        other => panic!("no formula for {other}"),
    }
}

/// Bits of a half float that holds a small integer exactly.
fn half(v: i64) -> u16 {
    if v == 0 {
        return 0;
    }
    let exponent = v.unsigned_abs().ilog2();
    let mantissa = (v.unsigned_abs() << (10 - exponent)) as u16 & 0x3ff;
    (u16::from(v < 0) << 15) | ((exponent as u16 + 15) << 10) | mantissa
}

fn check(fixture: &str, path: &str, kind: &str, shape: &[usize]) -> Dataset {
    let dataset = open(fixture).dataset(path).unwrap();
    assert_eq!(dataset.shape, shape, "{fixture}{path}");
    assert_eq!(&dataset.element.to_string()[1..], kind, "{fixture}{path}");
    let read = read_all(&dataset).unwrap();
    assert!(read == expected(kind, shape.iter().product()), "{fixture}{path}: {read:?}");
    dataset
}

#[test]
fn every_layout_gives_the_same_values() {
    check("contiguous", "/x", "f4", &[6, 7]);
    for (fixture, paths) in [
        ("chunked", &["plain", "deflate", "shuffle_deflate"][..]),
        ("fixed_array_v110", &["plain", "filtered", "limited"]),
        ("fixed_array", &["plain", "filtered", "limited"]),
        ("extensible_array", &["rows", "columns"]),
        ("btree_v2", &["plain", "filtered"]),
        ("edges_unfiltered", &["fixed", "rows", "both"]),
        ("single_chunk", &["plain", "filtered"]),
        ("implicit", &["x", "limited"]),
        ("fletcher32", &["x", "all"]),
        ("lzf", &["x"]),
        ("user_block", &["x", "chunked"]),
        ("user_block_latest", &["group/x", "chunked"]),
    ] {
        for path in paths {
            check(fixture, path, "i4", &[10, 9]);
        }
    }
    check("chunked", "/deep", "i1", &[100]);
    check("extensible_array", "middle", "i4", &[3, 4, 5]);
    check("extensible_array", "long", "i2", &[300]);
    check("btree_v2", "deep", "i2", &[13, 11]);
    check("fletcher32", "odd", "i1", &[9]);
    check("filter_mask", "x", "i4", &[8]);
    check("small", "compact", "i2", &[2, 3]);
}

#[test]
fn every_type_gives_its_values() {
    for kind in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"] {
        check("types", kind, kind, &[4, 5]);
    }
    for kind in ["i2", "u4", "i8", "f2", "f4", "f8", "c8", "c16"] {
        let dataset = check("big_endian", kind, kind, &[4, 5]);
        assert!(dataset.element.to_string().starts_with('>'), "{}", dataset.element);
    }
    for kind in ["i2", "f8", "c16"] {
        check("types_latest", kind, kind, &[4, 5]);
    }
    check("types", "of_named_type", "i4", &[4, 5]);
    check("big_endian", "chunked", "f4", &[10, 9]);
}

#[test]
fn bools_are_bytes_of_zero_and_one() {
    for fixture in ["types", "types_latest"] {
        let dataset = open(fixture).dataset("/bool").unwrap();
        assert_eq!((dataset.element.kind, dataset.element.size), (ElementKind::Bool, 1));
        let expected: Vec<u8> = (0..20).map(|i| u8::from(i % 3 == 0)).collect();
        assert_eq!(read_all(&dataset).unwrap(), expected);
    }
}

#[test]
fn where_nothing_was_written_stands_the_fill_value() {
    let dataset = open("contiguous").dataset("unwritten").unwrap();
    assert_eq!(dataset.layout, Layout::Contiguous { address: None, nbytes: 12 });
    assert_eq!(read_all(&dataset).unwrap(), (-7_i16).to_ne_bytes().repeat(6));
    assert_eq!(open("big_endian").dataset("filled").unwrap().fill, Some(258_i16.to_ne_bytes().to_vec()));
    for fixture in ["absent", "absent_latest"] {
        let file = open(fixture);
        let dataset = file.dataset("x").unwrap();
        assert_eq!(dataset.chunk_index().unwrap().num_chunks(), 1);
        let read = read_all(&dataset).unwrap();
        for (i, element) in read.chunks_exact(4).enumerate() {
            let is_written = (4..8).contains(&(i / 9)) && (4..8).contains(&(i % 9));
            let value = if is_written { 3 * i as i32 - 20 } else { -7 };
            assert_eq!(element, value.to_ne_bytes(), "{fixture}, element {i}");
        }
        let none = file.dataset("none").unwrap();
        assert_eq!((none.fill.as_ref(), none.chunk_index().unwrap().num_chunks()), (None, 0));
        assert!(read_all(&none).unwrap().iter().all(|&byte| byte == 0));
        // A grid of a hundred million chunks costs nothing while none of them was written.
        let huge = file.dataset("huge").unwrap();
        assert_eq!(huge.shape, [1_000_000_000_000, 1_000_000]);
        assert_eq!(huge.chunk_index().unwrap().get(&[9_999_999, 9]), None);
    }
    let paged = read_all(&open("fixed_array").dataset("paged").unwrap()).unwrap();
    let expected: Vec<u8> = (0..1100)
        .map(|i: i32| if (1050..1060).contains(&i) { 3 * (i - 1050) - 20 } else { 5 } as u8)
        .collect();
    assert!(paged == expected);
}

#[test]
fn small_datasets_have_their_shapes() {
    let file = open("small");
    let scalar = file.dataset("scalar").unwrap();
    assert_eq!((scalar.shape.len(), read_all(&scalar).unwrap()), (0, 2.5_f64.to_ne_bytes().to_vec()));
    for (path, shape) in [("null", &[0][..]), ("empty", &[0]), ("empty_chunked", &[0, 5])] {
        let dataset = file.dataset(path).unwrap();
        assert_eq!(dataset.shape, shape, "{path}");
        assert_eq!(read_all(&dataset).unwrap(), [0_u8; 0], "{path}");
    }
    assert_eq!(file.dataset("empty_chunked").unwrap().max_shape, [None, Some(5)]);
    let zeros = open("lzf").dataset("zeros").unwrap();
    assert!(read_all(&zeros).unwrap() == [0; 10_000]);
}

#[test]
fn chunks_and_filters_are_told() {
    let dataset = open("fletcher32").dataset("all").unwrap();
    assert_eq!(dataset.filters, [Filter::Shuffle { element_nbytes: 4 }, Filter::Deflate, Filter::Fletcher32]);
    assert_eq!(dataset.layout, Layout::Chunked { chunk: vec![4, 4] });
    assert_eq!(dataset.chunk_nbytes(), Some(64));
    let index = dataset.chunk_index().unwrap();
    assert_eq!(index.num_chunks(), 9);
    assert!(index.get(&[2, 2]).is_some());
    for outside in [&[3, 0][..], &[0, 3], &[0], &[0, 0, 0], &[usize::MAX, usize::MAX]] {
        assert_eq!(index.get(outside), None, "{outside:?}");
    }
    let edges = open("edges_unfiltered").dataset("fixed").unwrap();
    let nbytes = |at: &[usize]| edges.chunk_index().unwrap().get(at).unwrap().nbytes;
    assert!(nbytes(&[0, 0]) != 64 && nbytes(&[2, 0]) == 64 && nbytes(&[0, 2]) == 64);
    let masked = open("filter_mask").dataset("x").unwrap();
    let masks = [0, 1].map(|at| masked.chunk_index().unwrap().get(&[at]).unwrap().filter_mask);
    assert_eq!(masks, [0b11, 0]);
}

#[test]
fn wrong_calls_say_what_would_be_right() {
    let file = open("chunked");
    let dataset = file.dataset("plain").unwrap();
    let location = dataset.chunk_index().unwrap().get(&[0, 0]).unwrap();
    let message =
        dataset.decode_chunk(location, &[0; 64], &mut [0; 63], &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(message, "chunked#plain: the buffer for a chunk has 63 bytes, needs 64");
    assert!(dataset.read_bytes(0, &mut [0; 4]).unwrap_err().to_string().contains("read its chunks"));
    let contiguous = open("contiguous").dataset("x").unwrap();
    assert!(contiguous.chunk_index().unwrap_err().to_string().contains("read its bytes"));
    for (offset, len) in [(164, 8), (1, 4), (0, 5), (usize::MAX, 4)] {
        assert!(contiguous.read_bytes(offset, &mut vec![0; len]).is_err(), "{offset} {len}");
    }
    let mut last = [0; 4];
    contiguous.read_bytes(164, &mut last).unwrap();
    assert_eq!(last, 103_f32.to_ne_bytes());
}

#[test]
fn a_damaged_checksum_is_noticed() {
    let mut damaged = bytes("fletcher32");
    let index = open("fletcher32").dataset("x").unwrap();
    let location = index.chunk_index().unwrap().get(&[1, 1]).unwrap();
    damaged[location.address as usize + 5] ^= 4;
    let dataset = File::from_reader(Arc::new(damaged), "damaged").unwrap().dataset("x").unwrap();
    let message = read_all(&dataset).unwrap_err().to_string();
    assert!(message.starts_with("damaged#x: corrupt chunk: fletcher32 checksum"), "{message}");
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let file = open("refused");
    for (path, reason) in [
        ("text", "datatype 'variable-length text'"),
        ("record", "datatype 'compound'"),
        ("scaleoffset", "filter 6 (scaleoffset) cannot be read without the HDF5 library"),
        ("virtual", "virtual dataset"),
        ("external", "external files"),
    ] {
        let message = file.dataset(path).unwrap_err().to_string();
        assert!(message.contains(reason), "{path}: {message}");
    }
}

#[cfg(feature = "hdf5-blosc")]
#[test]
fn what_plugins_have_compressed_is_read() {
    let file = open("plugins");
    let of = |len: i64, each: &dyn Fn(i64) -> [u8; 4]| -> Vec<u8> {
        (0..len).flat_map(|i| each(3 * i - 20)).collect()
    };
    let smooth = of(3000, &|value| (value.div_euclid(50) as i32).to_ne_bytes());
    let rough = of(600, &|value| (value as u32).wrapping_mul(2_654_435_761).to_ne_bytes());
    let mut num_read = 0;
    for (group, expected) in [("smooth", &smooth), ("rough", &rough), ("sum", &smooth)] {
        for (name, _) in file.children(group).unwrap() {
            let read = read_all(&file.dataset(&format!("{group}/{name}")).unwrap());
            assert!(read.unwrap_or_else(|error| panic!("{error}")) == *expected, "{group}/{name}");
            num_read += 1;
        }
    }
    assert_eq!(num_read, 26 + 5 + 1);
    check("plugins", "bytes/blosc", "i1", &[900]);
}

#[cfg(feature = "hdf5-blosc")]
#[test]
fn damaged_containers_end_in_an_answer() {
    let whole = bytes("plugins");
    let file = open("plugins");
    for (name, _) in file.children("smooth").unwrap() {
        let path = format!("smooth/{name}");
        let location = file.dataset(&path).unwrap().chunk_index().unwrap().get(&[0, 0]).unwrap();
        for at in (0..location.nbytes).step_by(1 + location.nbytes / 12) {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[location.address as usize + at] ^= flip;
                let dataset =
                    File::from_reader(Arc::new(damaged), "damaged").unwrap().dataset(&path).unwrap();
                let _ = read_all(&dataset);
            }
        }
    }
}
