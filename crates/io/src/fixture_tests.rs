//! Files that other programs wrote: NumPy, zarr-python and h5py.

use brickwork_core::{AxisRange, Region};

use crate::test_support::{meta, read};

/// A file of `tests/fixtures`.
fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What is at a place, its elements as floats (complex numbers by their real part, truth values as 0 and 1), and the
/// dtype's name. Regions are compared with the whole.
fn values(name: &str) -> (String, Vec<usize>, Vec<f64>) {
    let source = crate::open(&fixture(name)).unwrap();
    let meta = meta(&*source);
    let whole = read(&*source, &Region::full(&meta.shape)).unwrap();
    let steps = |step: usize| {
        let axes = meta.shape.iter().map(|&len| {
            let start = usize::from(len > 2);
            AxisRange::stepped(start, (len - start).div_ceil(step), step as isize)
        });
        Region::from_iter(axes)
    };
    for region in [steps(1), steps(2), steps(3)] {
        let part = read(&*source, &region).unwrap();
        let expected = whole.slice(&region).to_dense(None);
        assert_eq!(part.as_bytes(), expected.as_bytes(), "{name} {region}");
    }
    let all =
        crate::test_support::regions(&brickwork_core::ChunkGrid::regular(&meta.shape, &vec![1; meta.ndim()]));
    let elements = all.iter().filter(|region| !region.is_empty()).map(|region| {
        let index: Vec<usize> = region.axes().iter().map(|axis| axis.start).collect();
        whole.scalar_at(&index).to_complex().re
    });
    (meta.dtype.name(), meta.shape.clone(), elements.collect())
}

fn refusal(name: &str) -> String {
    let error = crate::open(&fixture(name)).unwrap_err().to_string();
    error.rsplit_once(&format!("{name}: ")).map(|(_, reason)| reason.to_owned()).unwrap_or(error)
}

fn counting(len: usize) -> Vec<f64> {
    (0..len).map(|i| i as f64).collect()
}

#[cfg(feature = "npy")]
mod npy {
    use super::*;
    use brickwork_core::DType;

    #[test]
    fn every_dtype_order_and_version_is_read() {
        for dtype in DType::NUMERIC {
            let (name, shape, found) = values(&format!("npy/c_{dtype}.npy"));
            assert_eq!((name, shape.as_slice()), (dtype.name(), [3, 4, 5].as_slice()));
            let expected = counting(60);
            let odd = |value: &f64| value % 2.0;
            assert_eq!(
                found,
                if dtype == DType::Bool { expected.iter().map(odd).collect() } else { expected }
            );
        }
        for (file, dtype) in [
            ("fortran", "float64"),
            ("fortran_big", "int16"),
            ("big_complex", "complex64"),
            ("version_2", "int32"),
            ("version_3", "int32"),
        ] {
            assert_eq!(
                values(&format!("npy/{file}.npy")),
                (dtype.into(), vec![3, 4, 5], counting(60)),
                "{file}"
            );
        }
        assert_eq!(values("npy/scalar.npy"), ("float64".into(), vec![], vec![7.5]));
        assert_eq!(values("npy/empty.npy"), ("uint16".into(), vec![0, 4], vec![]));
        assert_eq!(values("npy/dates.npy").0, "datetime64[s]");
        let dates = crate::test_support::read_all(&fixture("npy/dates.npy"));
        let counts: Vec<i64> = dates
            .as_bytes()
            .unwrap()
            .as_chunks::<8>()
            .0
            .iter()
            .map(|&bytes| i64::from_ne_bytes(bytes))
            .collect();
        assert_eq!(counts, [1_577_836_800, i64::MIN]);
        let source = crate::open(&fixture("npy/texts.npy")).unwrap();
        let texts = read(&*source, &Region::full(&[2])).unwrap();
        assert_eq!(texts.as_bytes(), Some(b"ab\0c\0\0".as_slice()));
        let imaginary = crate::test_support::read_all(&fixture("npy/big_complex.npy"));
        assert_eq!(imaginary.to_vec::<brickwork_core::Complex<f32>>()[7].im, 14.0);
    }

    #[test]
    fn what_is_not_read_is_named() {
        assert!(
            refusal("npy/float16.npy").starts_with("float16 (dtype \"<f2\") cannot be read; bool, integers")
        );
        assert!(refusal("npy/unicode.npy").starts_with("a text dtype"));
        assert!(refusal("npy/record.npy").starts_with("a structured dtype cannot be read"));
        assert_eq!(refusal("npy/none.npy"), "there is no such file or directory");
        assert!(refusal("npy/README.npy").contains("no such file"));
        let error = crate::open(&fixture("npy")).unwrap_err().to_string();
        assert!(error.contains("cannot tell the format"), "{error}");
    }

    #[test]
    fn descriptions_need_no_elements() {
        let description = crate::describe(&fixture("npy/fortran_big.npy")).unwrap();
        assert_eq!((description.shape.unwrap(), description.dtype.unwrap()), (vec![3, 4, 5], "int16".into()));
        assert_eq!(description.codecs, ["Fortran order", "big-endian"]);
        assert_eq!(description.nbytes, Some(120));
    }
}

#[cfg(feature = "zarr")]
mod zarr {
    use super::*;

    #[test]
    fn what_zarr_python_writes_is_read() {
        for (name, dtype) in [
            ("default", "float64"),
            ("raw", "int32"),
            ("raw_big", "int32"),
            ("gzip", "uint16"),
            ("blosc", "float32"),
            ("crc", "int64"),
            ("sharded", "float64"),
            ("transposed", "int16"),
            ("complex", "complex128"),
            ("v2", "float64"),
            ("v2_raw_big", "int16"),
            ("v2_fortran", "int32"),
            ("v2_delta", "int32"),
            ("delta", "uint8"),
            ("numcodecs", "float32"),
            ("rectilinear", "float64"),
            ("rectilinear_shards", "float64"),
        ] {
            assert_eq!(
                values(&format!("zarr/{name}.zarr")),
                (dtype.into(), vec![7, 10], counting(70)),
                "{name}"
            );
        }
        let odd: Vec<f64> = counting(70).iter().map(|value| value % 2.0).collect();
        assert_eq!(values("zarr/bool.zarr"), ("bool".into(), vec![7, 10], odd));
        assert_eq!(values("zarr/scalar.zarr"), ("float64".into(), vec![], vec![7.5]));
        assert_eq!(values("zarr/group.zarr#/deep/u").2, counting(4));
    }

    #[test]
    fn numbers_that_pcodec_and_zfp_have_encoded_are_read_with_their_features() {
        let with_pcodec = cfg!(feature = "pcodec");
        for (name, dtype) in [("pcodec", "float64"), ("v2_pcodec", "int32")] {
            let name = format!("zarr/{name}.zarr");
            match with_pcodec {
                true => assert_eq!(values(&name), (dtype.into(), vec![7, 10], counting(70)), "{name}"),
                false => assert!(refusal(&name).contains("build it with feature \"pcodec\""), "{name}"),
            }
        }
        for name in ["zfp", "v2_zfp"] {
            let lossy = format!("zarr/{name}.zarr");
            match cfg!(feature = "zfp") {
                // Bit by bit what zarr-python makes of them.
                true => assert_eq!(values(&lossy), values(&format!("zarr/{name}_read.zarr"))),
                false => assert!(refusal(&lossy).contains("build it with feature \"zfp\""), "{name}"),
            }
        }
    }

    #[test]
    fn chunks_of_lengths_of_their_own_are_granules() {
        let source = crate::open(&fixture("zarr/rectilinear.zarr")).unwrap();
        let meta = meta(&*source);
        let lens: Vec<Vec<usize>> =
            meta.chunks.axes().iter().map(brickwork_core::AxisChunks::chunk_lengths).collect();
        assert_eq!(lens, [vec![2, 2, 3], vec![6, 4]]);
        let brickwork_core::Kind::Source(source) = source.kind() else { panic!() };
        let granules = source.plan_read(&Region::full(&[7, 10])).unwrap();
        let nbytes: Vec<usize> = granules.iter().map(|granule| granule.decoded_bytes).collect();
        assert_eq!(nbytes, [96, 64, 96, 64, 144, 96]);
        let described = crate::describe(&fixture("zarr/rectilinear.zarr")).unwrap();
        assert_eq!(described.uneven_chunks.as_ref(), Some(&meta.chunks));
        assert_eq!(crate::describe(&fixture("zarr/fill.zarr")).unwrap().uneven_chunks, None);
    }

    #[test]
    fn absent_chunks_have_the_fill_value_and_cost_nothing() {
        let mut expected = vec![-3.0; 70];
        expected[0] = 5.0;
        assert_eq!(values("zarr/fill.zarr").2, expected);
        let source = crate::open(&fixture("zarr/fill.zarr")).unwrap();
        let brickwork_core::Kind::Source(source) = source.kind() else { panic!() };
        let granules = source.plan_read(&Region::full(&[7, 10])).unwrap();
        let encoded: Vec<bool> = granules.iter().map(|granule| granule.encoded_bytes > 0).collect();
        assert_eq!(encoded, [true, false, false, false]);
        assert_eq!((granules[0].key, granules[0].decoded_bytes), (Some(0), 4 * 6 * 4));
        let one = source.plan_read(&Region::new(vec![AxisRange::at(6), AxisRange::at(9)])).unwrap();
        assert_eq!((one[0].key, one[0].decoded_bytes, one[0].encoded_bytes), (None, 4, 0));
    }

    #[test]
    fn what_is_not_read_is_named() {
        assert!(
            refusal("zarr/float16.zarr").starts_with("data type \"float16\" cannot be read; bool, integers")
        );
        assert!(refusal("zarr/text.zarr").contains("fixed_length_utf32"));
        assert!(refusal("zarr/group.zarr").starts_with("the root is a group, not an array"));
        assert_eq!(refusal("zarr/none.zarr"), "there is no such file or directory");
    }

    #[test]
    fn descriptions_tell_codecs_attributes_and_children() {
        let description = crate::describe(&fixture("zarr/default.zarr")).unwrap();
        assert_eq!(description.chunks, Some(vec![4, 6]));
        assert_eq!(description.codecs, ["bytes", "zstd(0)"]);
        let attributes = serde_json::json!({"units": "K", "levels": [1, 2]});
        assert_eq!(serde_json::Value::from(description.attributes), attributes);
        assert_eq!((description.fill_value, description.shards), (Some(0.0.into()), None));
        assert!(description.stored_bytes.unwrap() > 0);
        let description = crate::describe(&fixture("zarr/v2.zarr")).unwrap();
        assert_eq!(
            (description.codecs, &description.attributes["units"]),
            (vec!["zlib(1)".into()], &"K".into())
        );
        assert_eq!(crate::describe(&fixture("zarr/group.zarr")).unwrap().children, ["deep/", "t"]);
        assert_eq!(crate::describe(&fixture("zarr/float16.zarr")).unwrap().dtype.unwrap(), "float16");
        let sharded = crate::describe(&fixture("zarr/sharded.zarr")).unwrap();
        assert_eq!((sharded.chunks, sharded.shards), (Some(vec![2, 3]), Some(vec![4, 6])));
        assert_eq!(sharded.codecs[0], "bytes");
        let uneven = crate::describe(&fixture("zarr/rectilinear_shards.zarr")).unwrap();
        assert_eq!((uneven.chunks, uneven.shards), (Some(vec![1, 2]), Some(vec![4, 6])));
        let lens = uneven.uneven_shards.map(|grid| grid.axes()[0].chunk_lengths());
        assert_eq!((lens, uneven.uneven_chunks), (Some(vec![4, 1, 2]), None));
        let tree = crate::describe_tree(&fixture("zarr/group.zarr")).unwrap();
        let names =
            |tree: &crate::Tree| tree.members.iter().map(|member| member.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&tree), names(&tree.members[0])),
            (vec!["deep".into(), "t".into()], vec!["u".into()])
        );
        let u = &tree.members[0].members[0].description;
        assert!(u.uri.ends_with("group.zarr#/deep/u") && u.shape == Some(vec![4]), "{u:?}");
    }
}

#[cfg(feature = "hdf5")]
mod hdf5 {
    use super::*;

    /// Every dataset below a group, with its path.
    fn datasets(uri: &str, group: &str, found: &mut Vec<String>) {
        let Ok(description) = crate::describe(&format!("{uri}#{group}")) else { return };
        for child in description.children {
            match child.strip_suffix('/') {
                Some(name) => datasets(uri, &format!("{group}/{name}"), found),
                None => found.push(format!("{group}/{child}")),
            }
        }
    }

    #[test]
    fn every_dataset_of_every_fixture_is_read_or_refused_by_name() {
        let (mut read, mut refused) = (0, 0);
        for entry in std::fs::read_dir(fixture("hdf5")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let mut found = Vec::new();
            if name.ends_with(".h5") {
                datasets(&fixture(&format!("hdf5/{name}")), "", &mut found);
            }
            for dataset in found {
                let place = format!("hdf5/{name}#{dataset}");
                match crate::open(&fixture(&place)) {
                    Ok(source) => {
                        // One of them claims more elements than any memory holds; a corner of it is read.
                        let shape = meta(&*source).shape;
                        if dataset == "/external" {
                            // Only the HDF5 library opens it; what it is made of is not there.
                            let error =
                                crate::test_support::read(&*source, &Region::full(&shape)).unwrap_err();
                            assert!(error.to_string().contains("HDF5 library"), "{error}");
                        } else if meta(&*source).nbytes() > 1 << 26 {
                            let corner = Region::from_iter(shape.iter().map(|&len| AxisRange::at(len - 1)));
                            crate::test_support::read(&*source, &corner).unwrap();
                        } else {
                            values(&place);
                        }
                        read += 1;
                    }
                    Err(error) => {
                        let text = error.to_string();
                        let named =
                            ["cannot be read", "link", "not a dataset", "not an array", "there is no"];
                        assert!(named.iter().any(|words| text.contains(words)), "{text}");
                        refused += 1;
                    }
                }
            }
        }
        assert!(read > 20 && refused > 2, "{read} read, {refused} refused");
    }

    #[test]
    fn axes_are_named_by_their_scales() {
        for file in ["scales", "scales_latest"] {
            let uri = fixture(&format!("hdf5/{file}.h5"));
            let t2m = crate::describe(&format!("{uri}#/forecast/t2m")).unwrap();
            assert_eq!(t2m.dimension_names, Some(["time", "x", ""].map(String::from).to_vec()), "{file}");
            let attributes = [("units", serde_json::json!("K")), ("_FillValue", serde_json::json!(["NaN"]))];
            for (name, value) in attributes {
                assert_eq!(t2m.attributes[name], value, "{file} {name}");
            }
            assert_eq!(t2m.attributes["valid"], serde_json::json!([[1, 2], [3, 4]]));
            assert_eq!(
                (t2m.attribute_dtypes["_FillValue"].as_str(), &t2m.attribute_dtypes["units"]),
                ("float32", &"str".into())
            );
            assert!(!t2m.attributes.contains_key("DIMENSION_LIST"));
            let x = crate::describe(&format!("{uri}#/x")).unwrap();
            assert_eq!((x.dimension_names, x.attributes.len()), (Some(vec!["x".into()]), 0), "{file}");
            assert_eq!(crate::describe(&uri).unwrap().children, ["forecast/", "time", "x"]);
        }
    }

    #[test]
    fn trees_end_at_links_that_lead_in_circles() {
        for file in ["groups_old", "groups_new"] {
            let tree = crate::describe_tree(&fixture(&format!("hdf5/{file}.h5"))).unwrap();
            let notes = tree
                .members
                .iter()
                .filter_map(|member| Some((member.name.as_str(), member.note.as_deref()?)));
            let expected = [
                ("absolute", "is listed above"),
                ("circle", "soft link whose target is missing"),
                ("dangling", "soft link whose target is missing"),
                ("elsewhere", "link into another file"),
                ("type", "named datatype"),
            ];
            assert_eq!(notes.collect::<Vec<_>>(), expected, "{file}");
            let x = &tree.members[0].members[0].members[0].members[0];
            assert_eq!((x.name.as_str(), x.description.shape.clone()), ("x", Some(vec![3])), "{file}");
        }
    }

    #[test]
    fn links_into_other_files_are_followed_without_the_library() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["m.h5", "other.h5"] {
            std::fs::copy(fixture("hdf5/groups_new.h5"), directory.path().join(name)).unwrap();
        }
        // It is a link to `y` in `other.h5`, where there is none.
        let uri = directory.path().join("m.h5#/elsewhere").display().to_string();
        let other = directory.path().join("other.h5#/y");
        let expected = format!("(a link to {}): there is no \"y\" in it; it holds", other.display());
        for error in [crate::open(&uri).map(|_| ()), crate::describe(&uri).map(|_| ())] {
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with(&uri) && error.contains(&expected), "{error}");
        }
    }

    #[test]
    fn filters_and_layouts_that_are_missing_are_named() {
        let mut missing = vec![("mine", "filter 311 cannot")];
        if cfg!(not(feature = "hdf5-zstd")) {
            missing.push(("zstd", "filter 32015 (zstd) cannot"));
        }
        for (name, filter) in missing {
            let uri = fixture(&format!("hdf5/filters.h5#/{name}"));
            let error = crate::open(&uri).unwrap_err().to_string();
            assert!(error.contains(filter), "{error}");
            let way_out =
                if cfg!(feature = "hdf5-write") { "HDF5_PLUGIN_PATH" } else { "feature \"hdf5-write\"" };
            assert!(error.contains(way_out), "{error}");
            assert_eq!(crate::describe(&uri).unwrap().chunks, Some(vec![4]));
        }
        #[cfg(not(feature = "hdf5-write"))]
        for (name, what) in
            [("scaleoffset", "filter 6 (scaleoffset)"), ("virtual", "virtual"), ("external", "external")]
        {
            let error = refusal(&format!("hdf5/refused.h5#/{name}"));
            assert!(error.contains(what) && error.contains("feature \"hdf5-write\""), "{error}");
        }
        let described = crate::describe(&fixture("hdf5/refused.h5#/scaleoffset")).unwrap();
        assert_eq!(
            (described.codecs, described.dtype),
            (vec!["scaleoffset(0)".into()], Some("int32".into()))
        );
        let described = crate::describe(&fixture("hdf5/refused.h5#/virtual")).unwrap();
        assert_eq!((described.codecs, described.shape), (vec!["virtual".into()], Some(vec![2, 3])));
    }

    #[cfg(feature = "hdf5-write")]
    #[test]
    fn the_library_reads_what_our_reader_leaves_to_it() {
        let expected: Vec<f64> = (0..8).map(|i| f64::from(i * 3 - 20)).collect();
        assert_eq!(values("hdf5/refused.h5#/scaleoffset"), ("int32".into(), vec![8], expected));
        // Its parts are in a file that is not there: as everywhere, the fill value stands for them.
        assert_eq!(values("hdf5/refused.h5#/virtual"), ("int32".into(), vec![2, 3], vec![0.0; 6]));
    }

    #[test]
    fn missing_and_damaged_files_are_told() {
        assert_eq!(refusal("hdf5/none.h5"), "there is no such file or directory");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.h5");
        let bytes = std::fs::read(fixture("hdf5/chunked.h5")).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = crate::open(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("truncated"), "{error}");
        std::fs::write(&path, "not hdf5").unwrap();
        let error = crate::open(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("not an HDF5 file"), "{error}");
        let error = crate::open(&format!("hdf5:{}", directory.path().display())).unwrap_err().to_string();
        assert!(error.ends_with("is a directory, not an HDF5 file"), "{error}");
    }
}

#[test]
fn thousands_of_arrays_are_opened_and_read_with_few_files_open() {
    #[cfg(feature = "npy")]
    {
        let directory = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(fixture("npy/c_float64.npy")).unwrap();
        let sources: Vec<_> = (0..2000)
            .map(|i| {
                let path = directory.path().join(format!("{i}.npy"));
                std::fs::write(&path, &bytes).unwrap();
                crate::open(path.to_str().unwrap()).unwrap()
            })
            .collect();
        let region = Region::new(vec![AxisRange::at(1); 3]);
        for source in &sources {
            assert_eq!(read(&**source, &region).unwrap().item::<f64>(), 26.0);
        }
        let open = std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or(0);
        assert!(open < 400, "{open} files are open");
    }
}
