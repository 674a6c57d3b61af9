//! Which changes of a schema go together with the schema as it was, and what is said of those that do not.

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

use super::*;

fn record(fields: &str) -> Schema {
    Schema::parse_str(&format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)).unwrap()
}

#[test]
fn what_does_not_go_together_is_told_with_its_place_and_both_sides() {
    let inner = |name: &str, field: &str| {
        format!(
            r#"{{"name":"in","type":["null",{{"type":"record","name":"{name}","fields":[{field}]}}],"default":null}}"#
        )
    };
    let mut wrong = vec![];
    for (case, theirs, ours, expected) in [
        ("equal", r#"{"name":"a","type":"int"}"#, r#"{"name":"a","type":"int"}"#, &[][..]),
        (
            "fields with defaults on either side, in another order, documented",
            r#"{"name":"b","type":"int","default":1},{"name":"a","type":"int"}"#,
            r#"{"name":"a","type":"int","doc":"d"},{"name":"c","type":["null","int"],"default":null}"#,
            &[],
        ),
        (
            "theirs has a field without a default",
            r#"{"name":"a","type":"int"},{"name":"b","type":["null","int"]}"#,
            r#"{"name":"a","type":"int"}"#,
            &["b: theirs null | int without a default, ours nothing; they cannot read ours"],
        ),
        (
            "ours has a field without a default",
            r#"{"name":"a","type":"int"}"#,
            r#"{"name":"a","type":"int"},{"name":"b","type":{"type":"array","items":"string"}}"#,
            &["b: theirs nothing, ours array of string without a default; we cannot read theirs"],
        ),
        (
            "another type",
            r#"{"name":"a","type":"int"}"#,
            r#"{"name":"a","type":"string"}"#,
            &["a: theirs int, ours string; neither can read the other's"],
        ),
        (
            "a wider type",
            r#"{"name":"a","type":"int"}"#,
            r#"{"name":"a","type":{"type":"long","logicalType":"timestamp-millis"}}"#,
            &["a: theirs int, ours long; they cannot read ours"],
        ),
        (
            "may be null",
            r#"{"name":"a","type":["null","int"]}"#,
            r#"{"name":"a","type":"int"}"#,
            &["a: theirs null | int, ours int; we cannot read theirs"],
        ),
        (
            "a branch more",
            r#"{"name":"a","type":["null","int"]}"#,
            r#"{"name":"a","type":["null","int","string"]}"#,
            &["a: theirs null | int, ours null | int | string; they cannot read ours"],
        ),
        (
            "a symbol more, a field less",
            r#"{"name":"a","type":{"type":"enum","name":"E","symbols":["X","Y"]}},{"name":"b","type":"int"}"#,
            r#"{"name":"a","type":{"type":"enum","name":"E","symbols":["X"]}}"#,
            &[
                "a: theirs enum E (X, Y), ours enum E (X); we cannot read theirs",
                "b: theirs int without a default, ours nothing; they cannot read ours",
            ],
        ),
        (
            "deep inside, behind unions, arrays and maps",
            &inner("I", r#"{"name":"m","type":{"type":"map","values":{"type":"array","items":"long"}}}"#),
            &inner("I", r#"{"name":"m","type":{"type":"map","values":{"type":"array","items":"int"}}}"#),
            &["in.m[][]: theirs long, ours int; we cannot read theirs"],
        ),
        (
            "another record in a union",
            &inner("I", ""),
            &inner("J", ""),
            &["in: theirs null | record I, ours null | record J; neither can read the other's"],
        ),
        (
            "another size",
            r#"{"name":"a","type":{"type":"fixed","name":"F","size":4}}"#,
            r#"{"name":"a","type":{"type":"fixed","name":"F","size":8}}"#,
            &["a: theirs fixed F (4 bytes), ours fixed F (8 bytes); neither can read the other's"],
        ),
    ] {
        let (theirs, ours) = (record(theirs), record(ours));
        let told: Vec<_> = differences(&theirs, &ours).iter().map(ToString::to_string).collect();
        if told != expected {
            wrong.push(format!("{case}: {told:?}"));
        }
        // Both directions are as apache-avro sees them.
        let full = |writer, reader| SchemaCompatibility::can_read(writer, reader) == Ok(Compatibility::Full);
        assert_eq!(full(&theirs, &ours) && full(&ours, &theirs), expected.is_empty(), "{case}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Which is only said to be another one by apache-avro.
#[test]
fn a_type_that_is_defined_at_another_place_is_the_same() {
    let soa = r#"{"type":"record","name":"S","fields":[{"name":"n","type":"int"}]}"#;
    let theirs = record(&format!(r#"{{"name":"b","type":{soa}}}"#));
    let ours =
        record(&format!(r#"{{"name":"a","type":["null",{soa}],"default":null}},{{"name":"b","type":"S"}}"#));
    assert_eq!(differences(&theirs, &ours), []);
    let recursive = record(r#"{"name":"next","type":["null","R"],"default":null}"#);
    assert_eq!(differences(&recursive, &recursive), []);
    assert_eq!(differences(&Schema::String, &Schema::Int)[0].path, "");
}

#[test]
fn a_registry_that_holds_something_else_is_told_and_nothing_is_registered() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let folder = FolderRegistry::open(dir.path()).unwrap();
        let ours = ZoneRequest::schema();
        assert_eq!(compare(&folder, [("x", ours)]).await.unwrap()[0].schema, None);
        let newer = record("").canonical_form().replace("\"R\"", "\"ZoneRequest\"");
        let id = folder.register("x-value", &newer).await.unwrap();
        let fits = compare(&folder, [("x", ours)]).await.unwrap();
        assert_eq!((fits[0].schema, fits[0].fits()), (Some(id), true));
        agree(fits).unwrap();
        folder.register("x-value", r#""long""#).await.unwrap();
        let error = agree(compare(&folder, [("w", ours), ("x", ours)]).await.unwrap()).unwrap_err();
        let told = "schemas in the registry do not go together with ours\nx: does not fit schema 2\n  the whole value: \
                    theirs long, ours record ZoneRequest; neither can read the other's";
        assert_eq!(error.to_string(), told);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    });
}
