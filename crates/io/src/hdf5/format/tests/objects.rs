//! Paths, groups, links and attributes.
use super::super::{AttributeData, AttributeValue, ObjectKind};
use super::*;

const GROUPS: [&str; 2] = ["groups_old", "groups_new"];

fn sorted_children(file: &File, path: &str) -> Vec<(String, ObjectKind)> {
    let mut children = file.children(path).unwrap();
    children.sort_by(|a, b| a.0.cmp(&b.0));
    children
}

#[test]
fn children_are_listed_with_their_kinds() {
    for fixture in GROUPS {
        let file = open(fixture);
        let expected = [
            ("a", ObjectKind::Group),
            ("absolute", ObjectKind::Group),
            ("circle", ObjectKind::DanglingLink),
            ("dangling", ObjectKind::DanglingLink),
            ("elsewhere", ObjectKind::ExternalLink),
            ("many", ObjectKind::Group),
            ("type", ObjectKind::NamedDatatype),
        ];
        assert_eq!(
            sorted_children(&file, "/"),
            expected.map(|(name, kind)| (name.to_owned(), kind)),
            "{fixture}"
        );
        let many = sorted_children(&file, "many");
        assert_eq!(many.len(), 41, "{fixture}");
        for (i, (name, kind)) in many[..40].iter().enumerate() {
            assert_eq!(
                (name.as_str(), *kind),
                (format!("child{i:02}").as_str(), ObjectKind::Dataset),
                "{fixture}"
            );
        }
        assert_eq!(many[40].0, "real");
    }
}

#[test]
fn paths_lead_through_groups_and_soft_links() {
    for fixture in GROUPS {
        let file = open(fixture);
        for path in ["/a/b/c/x", "a/b/c/x", "//a/./b/c/x", "/a/soft", "/absolute/c/x", "/many/child17"] {
            let dataset = file.dataset(path).unwrap();
            assert_eq!((dataset.shape.as_slice(), dataset.path()), (&[3][..], path), "{fixture}");
        }
        assert_eq!(file.kind("/").unwrap(), ObjectKind::Group);
    }
}

#[test]
fn errors_say_what_is_there() {
    for fixture in GROUPS {
        let file = open(fixture);
        for (path, reason) in [
            ("/a/b", "is a group, not a dataset; it holds 'c'"),
            ("/a/x/y", "there is no 'x' in group '/a'; it holds 'b', 'soft'"),
            ("/a/b/c/x/y", "'/a/b/c/x' is a dataset, not a group"),
            ("/type", "is a named datatype, not a dataset"),
            ("/circle", "more than 16 soft links"),
            ("/dangling", "there is no 'nowhere' in group '/'"),
            ("/elsewhere", "a link leads to '/y' in another file, 'other.h5', which is not followed here"),
        ] {
            let message = file.dataset(path).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{fixture}#{path}: {reason}")), "{message}");
        }
        let message = file.children("/a/b/c/x").unwrap_err().to_string();
        assert!(message.ends_with("is a dataset, not a group"), "{message}");
    }
}

#[test]
fn attributes_of_every_kind_are_read() {
    for fixture in ["attributes", "attributes_latest"] {
        let file = open(fixture);
        let attributes = file.attributes("/x").unwrap();
        let get = |name: &str| attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        let check = |name: &str, shape: &[usize], element: Option<&str>, data: AttributeData| {
            let AttributeValue { shape: found, element: found_element, data: found_data } =
                get(name).unwrap();
            assert_eq!(found, shape, "{fixture} {name}");
            assert_eq!(
                found_element.map(|element| element.to_string()).as_deref(),
                element,
                "{fixture} {name}"
            );
            assert_eq!(found_data, &data, "{fixture} {name}");
        };
        let text =
            |values: &[&str]| AttributeData::Text(values.iter().map(|&value| value.to_owned()).collect());
        check("scale", &[], Some("<f4"), AttributeData::Float(vec![0.5]));
        check("offset", &[], Some("<i2"), AttributeData::Int(vec![-3]));
        check("big", &[2, 2], Some(">u4"), AttributeData::UInt(vec![1, 2, 3, 4]));
        check("units", &[], None, text(&["m s⁻¹"]));
        check("fixed", &[], None, text(&["abc"]));
        check("names", &[3], None, text(&["one", "two", ""]));
        check("flag", &[], Some("|b1"), AttributeData::Bool(vec![true]));
        check("wave", &[], Some("<c8"), AttributeData::Complex(vec![[1.0, -2.0]]));
        // Neither an attribute without a value nor a record can be told; they are left out.
        assert_eq!(attributes.len(), 8, "{fixture}");
        let root = file.attributes("/").unwrap();
        assert!(root.iter().any(|(name, value)| name == "title" && value.data == text(&["root"])));
    }
}

#[test]
fn many_and_long_attributes_come_from_the_heap() {
    let root = open("attributes_latest").attributes("/").unwrap();
    assert_eq!(root.len(), 22);
    for i in 0..20 {
        let name = format!("number{i:02}");
        let (_, value) = root.iter().find(|(found, _)| *found == name).unwrap();
        assert_eq!(value.data, AttributeData::Int(vec![i]));
    }
    let (_, long) = root.iter().find(|(name, _)| name == "long").unwrap();
    assert_eq!(long.data, AttributeData::Int((0..700).collect()));
}

#[test]
fn files_on_disk_are_opened_by_path() {
    let path = std::env::temp_dir().join(format!("hdf5-reader-{}.h5", std::process::id()));
    std::fs::write(&path, bytes("contiguous")).unwrap();
    let file = File::open(&path).unwrap();
    assert_eq!(file.dataset("x").unwrap().shape, [6, 7]);
    std::fs::remove_file(&path).unwrap();
    let message = File::open(&path).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}#/: cannot read: ", path.display())), "{message}");
}
